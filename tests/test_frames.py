"""Frames of who was deleveraged, what pools were worth and who paid, against the tapes and the ledger."""

import numpy as np
import pytest
from own_rules import narrow_venue
from own_venues import inverse_venue
from worlds import small_world

from cascade.engine import simulate
from cascade.result import Result
from cascade.venues import Venue

RATES = {"orders_per_s": 100, "published_per_s": 0}
RULES = {
    "liquidation": {"rule": "fraction", "fraction": 0.2, "above_usd": 3e3, "pause_s": 5, "order": "market"} | RATES,
    "insurance": {"pool_usd": 2e4},
    "deleveraging": {"trigger": "pool_empty", "ranking": "profit_times_leverage", "price": "mark"},
}


def crash(venue: Venue) -> Result:
    scenario = small_world(800, seconds=120, shock=-0.1)
    return simulate(scenario.changed(venues=(venue, scenario.venues[-1])), seed=3)


@pytest.fixture(scope="module")
def result():
    return crash(narrow_venue(**RULES))


def test_liquidations__are_orders_and_accounts_are_counted_once(result):
    frame = result.liquidations
    assert set(frame["kind"]) == {"whole", "part"}
    assert frame["account"].n_unique() == result.counters["liquidated"] < len(frame) == result.counters["tape"]
    closed = frame["filled_lots"] + frame["deleveraged_lots"] + frame["taken_over_lots"]
    assert (closed == frame["lots"]).all()
    has_order = frame["filled_lots"] > 0
    assert (frame["feed_price"].is_not_null() == has_order).all()  # market orders: the feed prints fills


def test_deleveragings__stand_beside_the_liquidations_that_needed_them(result):
    frame, liquidations = result.deleveragings, result.liquidations
    assert len(frame) == result.counters["deleveraged"] > 10
    by_event = frame.group_by("liquidation").sum().sort("liquidation")
    wanted = liquidations["deleveraged_lots"].filter(liquidations["deleveraged_lots"] > 0)
    assert by_event["lots"].to_list() == wanted.to_list()
    assert (frame["position_side"] == "short").all()
    np.testing.assert_allclose(frame["price"], frame["mark_price"], rtol=1e-6)
    assert (frame["profit_usd"] > 0).all() and (frame["forgone_usd"].abs() < 1e-3).all()


def test_pools__begin_at_what_they_held(result):
    frame = result.pools
    assert frame["pool_usd"][0] == 2e4
    assert len(frame) == 3 and frame["pool"].unique().to_list() == ["binance"]
    assert frame["pool_usd"].min() < 0  # what it took over fell further


def test_losses__are_those_of_the_tape_and_the_ledger(result):
    usd = dict(zip(result.losses["payer"], result.losses["usd"], strict=True))
    assert usd["accounts"] == pytest.approx(result.tape["loss"].sum() / 1e6)
    assert usd["pools"] == pytest.approx(-result.tape["pool"].clip(max=0).sum() / 1e6)
    assert usd["socialised"] == pytest.approx(-result.ledger["binance"]["socialised"] / 1e6)
    assert 0 < usd["socialised"] and 0 < result.haircuts["binance"] < 1


def test_frames__of_contracts_in_coin_are_in_usd():
    tables = inverse_venue().model_dump(exclude_unset=True) | RULES
    tables["deleveraging"] = RULES["deleveraging"] | {"price": "bankruptcy"}
    result = crash(Venue.model_validate(tables))
    assert result.pools["pool_usd"][0] == pytest.approx(2e4)
    assert result.pools["pool"].unique().to_list() == ["binance BTC"]
    assert set(result.haircuts) <= {"binance BTC"}
    lost = result.tape["loss"] / 1e8 * result.tape["mark_usd"]
    usd = dict(zip(result.losses["payer"], result.losses["usd"], strict=True))
    assert usd["accounts"] == pytest.approx(lost.sum())
    assert usd["winners"] == pytest.approx(result.deleveragings["forgone_usd"].sum()) and usd["winners"] > 0


def test_frames__are_empty_where_nothing_happened():
    result = simulate(small_world(0, seconds=60), seed=1)
    assert len(result.deleveragings) == len(result.liquidations) == 0
    assert result.losses["usd"].sum() == 0 and result.haircuts == {}
