"""Scenarios: what cannot be true is refused in one line that says what, where, and what to do."""

import dataclasses

import numpy as np
import pytest
from worlds import OPEN_USD, few_accounts, pre_day, small_world, thin_priors

from cascade.assembly import build_world
from cascade.engine import simulate
from cascade.errors import CascadeError, InvalidConfigError, PriceRangeError, UnknownVenueError
from cascade.scenario import Programme, Scenario, load_venues, one_market
from cascade.state import TICKS

pytestmark = pytest.mark.small


def scenario(**fields) -> Scenario:
    values = {
        "name": "test",
        "coins": ("BTC",),
        "venues": load_venues(["binance", "spot"]),
        "open_usd": (72_000.0,),
        "seconds": 600,
    }
    return Scenario(**(values | fields))


REFUSED = (
    ({"seconds": 0}, "seconds must lie in 1..86400, got 0"),
    ({"seconds": -5}, "seconds must lie in 1..86400, got -5"),
    ({"seconds": 86_401}, "simulate days one by one"),
    ({"open_usd": (72_000.0, 1.0)}, "open_usd has 2 prices for 1 coins"),
    ({"open_usd": (-1.0,)}, "open_usd of BTC must be positive, got -1.0"),
    ({"open_usd": (float("nan"),)}, "open_usd of BTC must be positive, got nan"),
    ({"news": np.zeros((1, 9))}, r"news must be finite and of shape \(coins, blocks\) = \(1, 10\), got \(1, 9\)"),
    ({"news": np.zeros((2, 10))}, "news must be finite and of shape"),
    ({"news": np.full((1, 10), np.nan)}, "news must be finite"),
    ({"target_usd": np.full((1, 11), 72_000.0)}, "target_usd must be finite and of shape"),
    ({"assumptions": few_accounts(10, ("BTC",), ("binance",))}, "assumptions need pre_day_usd"),
)


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_scenario__refuses_what_cannot_be_true(fields, message):
    with pytest.raises(InvalidConfigError, match=message) as caught:
        scenario(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("usd", (20_000.0, 50_000.0, 79_000.0, 500_000.0))
def test_scenario__refuses_a_path_outside_the_range_of_its_books(usd):
    path = np.full((1, 10), 72_000.0)
    path[0, 4] = usd
    with pytest.raises(PriceRangeError, match=r"the path of BTC goes from .* USD, but its books hold") as caught:
        scenario(target_usd=path)
    assert "\n" not in str(caught.value) and "tick_usd" in str(caught.value)


def test_scenario__takes_a_path_within_the_range_of_its_books():
    target_usd = np.linspace(72_000.0, 54_000.0, 10)[None]
    made = scenario(target_usd=target_usd)
    tick_usd, _, floor = made.grid[0]
    assert made.target_usd is target_usd
    assert floor * tick_usd < target_usd.min() and target_usd.max() < (floor + 2**18) * tick_usd


@pytest.mark.parametrize("shock", (-1.0, 1.0, -5.0, float("nan")))
def test_one_market__refuses_a_shock_that_no_price_survives(shock):
    with pytest.raises(InvalidConfigError, match=r"shock must lie in \(-1, 1\).*write a fall of 5% as -0.05"):
        one_market(shock=shock)


def test_one_market__in_five_lines():
    world = one_market("ETH", "okx", hours=0.05, open_usd=2_140.0, shock=-0.05)
    assert world.seconds == 180 and world.blocks == 3
    assert [venue.name for venue in world.venues] == ["okx", "spot"]
    assert np.expm1(world.news.sum()) == pytest.approx(-0.05)
    assert one_market(hours=0.05, news=np.full((1, 3), 0.001)).news.sum() == pytest.approx(0.003)


def test_one_market__refuses_an_unknown_venue():
    with pytest.raises(UnknownVenueError, match="did you mean 'binance'"):
        one_market(venue="binanse")


def test_scenario__is_frozen_and_changed_by_copies():
    world = scenario()
    with pytest.raises(dataclasses.FrozenInstanceError):
        world.seconds = 5
    assert world.changed(seconds=60).seconds == 60 and world.seconds == 600
    assert world.without("stops").mechanisms.stops is False and world.mechanisms.stops is True
    with pytest.raises(ValueError):
        world.without("gravity")


def test_with_news__has_nothing_left_to_track():
    tracked = scenario(target_usd=np.full((1, 10), 72_000.0))
    assert tracked.with_news(np.zeros((1, 10))).target_usd is None


@pytest.mark.parametrize(
    "programme",
    (
        Programme("ETH", "binance", "sell", 0, 1, 5),
        Programme("BTC", "nowhere", "sell", 0, 1, 5),
        Programme("BTC", "binance", "sell", 0, 1, 0),
        Programme("BTC", "binance", "sell", 0, 1, -3),
    ),
)
def test_programme__is_refused_where_it_cannot_trade(programme):
    with pytest.raises(InvalidConfigError, match="programme"):
        build_world(scenario(programmes=(programme,)), 1)


def test_programme__sells_in_equal_slices_and_nothing_else_trades():
    sale = Programme("BTC", "binance", "sell", 5, 15, 40)
    still = thin_priors(flow={"noise_per_s": 0.0, "value_bp_per_sqrt_s": 0.0}, liquidity={"taken_share": 0.0})
    result = simulate(small_world(0, seconds=60, priors=still, programmes=(sale,)).without("arbitrage"))
    assert result.counters["programme"] == result.counters["taker_orders"] == 10
    assert result.minutes["taken_lots"].tolist() == [[400, 0]]


def test_programme__refuses_a_side_that_is_neither():
    with pytest.raises(InvalidConfigError, match="sel"):
        build_world(scenario(programmes=(Programme("BTC", "binance", "sel", 0, 1, 5),)), 1)


def test_scenario__refuses_news_that_leave_the_range_of_its_books():
    with pytest.raises(PriceRangeError):
        one_market(shock=0.3)


def test_venues__of_different_ticks_are_refused():
    spot = load_venues(["spot"])[0]
    other = spot.model_copy(
        update={"coins": spot.coins | {"BTC": spot.coins["BTC"].model_copy(update={"tick_usd": 1.0})}}
    )
    with pytest.raises(InvalidConfigError, match="must share them"):
        build_world(scenario(venues=(scenario().venues[0], other)), 1)


# ── accounts that cannot be ──────────────────────────────────────────────────────────────────────────────────
def test_assumptions__with_a_leverage_that_no_market_offers_are_refused():
    """Binance's highest is 150x."""
    accounts = few_accounts(50, ("BTC",), ("binance",))
    highest = accounts.buckets[3].model_copy(update={"leverages": (200.0,), "weights": (1.0,)})
    accounts = accounts.model_copy(update={"buckets": (*accounts.buckets[:3], highest)})
    with pytest.raises(InvalidConfigError, match=r"buckets\[3\]: no market offers \(200.0,\)"):
        build_world(small_world(0).changed(assumptions=accounts, pre_day_usd=pre_day(("BTC",))), 1)


def test_assumptions__of_coins_that_the_world_does_not_have_are_refused():
    accounts = few_accounts(50, ("BTC",), ("binance",))
    world = small_world(0, ("BTC", "ETH")).changed(assumptions=accounts, pre_day_usd=pre_day(("BTC", "ETH")))
    with pytest.raises(InvalidConfigError, match="coin_shares"):
        build_world(world, 1)


def test_errors__of_scenarios_are_the_packages_own():
    assert issubclass(PriceRangeError, CascadeError) and issubclass(InvalidConfigError, ValueError)


def test_grid__opens_at_three_quarters_of_the_books():
    tick, _, floor = scenario().grid[0]
    assert OPEN_USD["BTC"] / tick - floor == pytest.approx(0.75 * TICKS, abs=2)
