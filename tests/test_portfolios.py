"""Drawing cross accounts: what is assumed comes out, the remainder makes room, isolated positions stay as they are."""

import numpy as np
import pytest
from scipy.stats import kstest, norm
from worlds import few_accounts, small_world, warm_world

from cascade.assembly import build_world
from cascade.assumptions import CrossAccounts, default_assumptions, default_cross, read_assumptions, to_toml
from cascade.engine import simulate
from cascade.errors import InvalidConfigError
from cascade.kernels.recount import recount
from cascade.scenario import Scenario
from cascade.state import ACCOUNTS_LOTS, CROSS_GROUP, CROSS_LOTS, HOLDERS, World

small = pytest.mark.small
COINS, VENUES = ("BTC", "ETH"), ("binance", "okx")


def with_cross(n: int = 400, shock: float = 0.0, seconds: int = 60, **changes) -> Scenario:
    """Return a small day with about as many cross accounts as isolated positions, of 2,000 USD in the median."""
    law = default_cross().model_copy(
        update={"accounts": float(n), "median_usd": 2_000.0, "cap_usd": 50_000.0} | changes
    )
    scenario = small_world(n, coins=COINS, venues=VENUES, seconds=seconds, shock=shock)
    assumptions = few_accounts(n, COINS, VENUES)
    interest = {coin: 4.0 * usd for coin, usd in assumptions.open_interest_usd.items()}
    update = {"cross": law, "open_interest_usd": interest}
    return scenario.changed(assumptions=assumptions.model_copy(update=update))


def gross_and_equity(world: World) -> tuple[np.ndarray, np.ndarray]:
    """Return gross notional and equity of every account at the opening prices, USD."""
    legs, contracts = world.cross.legs, world.contracts
    usd = legs["lots"] * contracts.lot_size[legs["market"]] * world.markets["mark_usd"][legs["market"]]
    venue = world.cross.portfolios["venue"][legs["portfolio"]]
    n_venues = world.settings.layout[1]
    haircut = world.cross.haircut[contracts.coin[legs["market"]] * n_venues + venue]
    worth = np.where(legs["is_coin"] == 1, (1 - haircut) * usd, legs["side"] * (usd - legs["cost"] / 1e6))
    n = len(world.cross.portfolios)
    gross = np.bincount(legs["portfolio"], usd * (legs["is_coin"] == 0), n)
    return gross, world.cross.portfolios["wallet"] / 1e6 + np.bincount(legs["portfolio"], worth, n)


def test_accounts__have_the_distances_that_are_assumed():
    """Equity over gross, less some half per cent of maintenance margin, is lognormal; the wrong law is found."""
    world, drawn = build_world(with_cross(4_000), 3)
    gross, equity = gross_and_equity(world)
    distance = equity / gross - 0.005
    z = np.log(distance[distance > 0.02] / 0.38) / 1.17
    cut = norm.cdf(np.log(0.02 / 0.38) / 1.17)
    assert kstest((norm.cdf(z) - cut) / (1 - cut), "uniform").pvalue > 1e-3
    assert kstest((norm.cdf(0.9 * z) - cut) / (1 - cut), "uniform").pvalue < 1e-3
    assert drawn["cross"]["accounts"] == len(world.cross.portfolios) == pytest.approx(4_000, abs=4 * 4_000**0.5)
    assert (world.cross.portfolios["wallet"] >= 0).all()


def test_accounts__have_the_contracts_and_coins_that_are_assumed():
    world, _ = build_world(with_cross(4_000, legs=(0.25, 0.75), coin_share=0.4), 3)
    legs, portfolios = world.cross.legs, world.cross.portfolios
    contracts = np.bincount(legs["portfolio"], legs["is_coin"] == 0)
    assert abs((contracts == 2).mean() - 0.75) < 4 * (0.75 * 0.25 / len(contracts)) ** 0.5
    assert 0.3 < np.bincount(legs["portfolio"], legs["is_coin"]).mean() < 0.4  # less those too small for a lot
    places = legs["portfolio"].astype(np.int64) * 100 + legs["market"]
    assert len(np.unique(places)) == len(places)
    venue = world.contracts.venue[legs["market"]]
    assert (venue[legs["is_coin"] == 0] == portfolios["venue"][legs["portfolio"]][legs["is_coin"] == 0]).all()


@small
def test_remainder__makes_room_so_that_longs_equal_shorts():
    world, _ = build_world(with_cross(200), 1)
    lots = world.ledger.lots.reshape(-1, HOLDERS)
    perpetual = world.contracts.is_perpetual == 1
    assert np.abs(lots[perpetual, CROSS_LOTS]).sum() > 0
    assert (lots[perpetual, CROSS_LOTS] + lots[perpetual, ACCOUNTS_LOTS] == 0).all()
    assert (lots.sum(axis=1) == 0).all()
    assert recount(world) == 0


@small
def test_isolated_positions__are_the_same_with_and_without_cross_accounts():
    scenario = with_cross(200)
    without = scenario.changed(assumptions=scenario.assumptions.model_copy(update={"cross": None}))
    rows = [build_world(s, 5)[0].accounts.rows for s in (scenario, without)]
    kept = [r[r["group"] == 0][["cost", "margin", "lots", "market", "side", "leverage", "status"]] for r in rows]
    assert len(kept[0]) > 100
    np.testing.assert_array_equal(*kept)


@small
def test_day__with_cross_accounts_conserves_everything():
    scenario = with_cross(200, shock=-0.12)
    world = warm_world(scenario)
    assert recount(world) == 0
    result = simulate(scenario, 1)
    assert result.ledger["conserved"]
    assert (result.tape["group"] == CROSS_GROUP).sum() > 3


def test_contagion__is_what_one_coins_move_closed_in_another():
    result = simulate(with_cross(2_000, shock=-0.12), 1)
    rows = result.tape["group"] == CROSS_GROUP
    usd = result.tape_notional_usd
    assert result.cross_share == pytest.approx(usd[rows].sum() / usd.sum()) and 0.05 < result.cross_share < 1
    assert result.contagion_usd.sum() == pytest.approx(usd[rows].sum())
    assert (result.contagion_usd > 0).all()
    assert result.liquidations["margin"].value_counts().height == 2


def test_assumptions__write_and_read_their_cross_accounts(tmp_path):
    for assumptions in (default_assumptions(), default_assumptions().model_copy(update={"cross": None})):
        (tmp_path / "a.toml").write_text(to_toml(assumptions))
        assert read_assumptions(tmp_path / "a.toml") == assumptions
    half = default_assumptions().restricted(("BTC", "ETH"), ("binance", "okx"))
    assert half.cross.accounts < 0.6e6


@pytest.mark.parametrize(
    ("change", "message"),
    (({"legs": ()}, "legs"), ({"legs": (0.0, 0.0)}, "legs"), ({"distance_sigma": 0.0}, "distance")),
)
def test_assumptions__that_cannot_be_true_are_refused(tmp_path, change, message):
    text = to_toml(default_assumptions().model_copy(update={"cross": CrossAccounts.model_construct(**(
        default_cross().model_dump() | change))}))  # fmt: skip
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(InvalidConfigError, match=message):
        read_assumptions(tmp_path / "a.toml")
