"""Isolated positions and cross accounts in the same markets, pools and rankings, to the integer."""

import numpy as np
import pytest
from cross_worlds import cross_scenario, liquidate, set_marks, world_of
from duel import Duel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_rules import narrow_venue, venues
from test_ledger import check_winners
from test_rules import DUE, JUMPS, PARTS
from worlds import as_offered, rest_order, small_world

from cascade.kernels.recount import recount
from cascade.scenario import Scenario
from cascade.state import (
    BUY,
    FREE,
    LEDGER_COLUMNS,
    LIQUIDATED,
    N_CROSS_LIQUIDATED,
    N_DELEVERAGED,
    N_LIQUIDATED,
    N_TAPE,
    OPEN,
    ORDER_PART,
    SOCIALISED,
    WATCHED,
    World,
)
from cascade.venues import Venue, list_venues

small = pytest.mark.small
STEPS = 40
HAIRCUTS = {"cross": {"haircuts": {"BTC": 0.05, "ETH": 0.1}, "source": "test"}}
LEGS = {"far": 0.1, "size": (8.0, 1.0)}  # 3,000 USD a leg, a tenth of it beyond what it must have


def scenario_of(venue: Venue, n: int = 80, coins=("BTC", "ETH"), **fields) -> Scenario:
    """Return a scenario of isolated positions at one venue that takes coins as collateral."""
    if venue.contract == "linear":
        venue = Venue.model_validate(venue.model_dump(exclude_unset=True) | HAIRCUTS)
    scenario = small_world(n, coins=coins, seconds=STEPS, **fields)
    return scenario.changed(venues=(venue, scenario.venues[-1]))


def play(scenario: Scenario, seed: int, orders: int = 3, jumps=JUMPS, n: int = 40, rules=None, **law) -> Duel:
    """Play all steps with `n` cross accounts beside the isolated ones, on marks that jump."""
    duel = Duel(scenario, seed, orders, world_of(scenario, seed, n=n, **(LEGS | law)))
    for name, value in (rules or {}).items():
        duel.world.rules[name][: len(scenario.coins) * 2 : 2] = value
    for step in range(STEPS):
        duel.step(step, jumps.get(step, 0.0))
    check_losses(duel.world)
    return duel


def check_losses(world: World) -> None:
    """All lots of all orders went somewhere, nobody is short of money unnoticed, and winners got what is due."""
    tape, cash = world.records.tape[: world.counters.n[N_TAPE]], world.ledger.cash.reshape(-1, LEDGER_COLUMNS)
    is_cross = tape["account"] >= len(world.accounts.rows)
    assert ((tape["group"] == 2) == is_cross).all()
    assert (tape["filled_lots"] + tape["deleveraged_lots"] + tape["taken_over_lots"] == tape["lots"]).all()
    assert len(np.unique(tape["account"])) == world.counters.n[N_LIQUIDATED]
    assert len(np.unique(tape["account"][is_cross])) == world.counters.n[N_CROSS_LIQUIDATED]
    assert tape["socialised"].min(initial=0) >= 0
    assert cash[:, SOCIALISED].sum() <= -tape["socialised"].sum()  # stops that met a gap come on top
    assert (world.accounts.rows["margin"] >= 0).all()
    check_winners(world, tape)


# ── against the plain engine ─────────────────────────────────────────────────────────────────────────────────
@given(
    venue=venues(),
    seed=st.integers(0, 2**16),
    orders=st.sampled_from((2, 20)),
    jumps=st.dictionaries(st.integers(2, 35), st.sampled_from((-0.06, -0.03, -0.01, 0.01, 0.02)), max_size=3),
)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_union__equals_the_reference_to_the_integer(venue, seed, orders, jumps):
    duel = play(scenario_of(venue, n=40), seed, orders, jumps, n=25)
    assert duel.world.ledger.broken.tolist() == [0, 0]


@small
@pytest.mark.parametrize("trigger", DUE)
@pytest.mark.parametrize("part", PARTS)
def test_union__with_pools_driven_to_zero_and_deleveraging_on(part, trigger):
    """Positions and legs are closed against positions and legs."""
    order = {"order": "market" if part == "fraction" else "bankruptcy"}
    tables = {"liquidation": PARTS[part] | order, "insurance": {"pool_usd": 200}, "deleveraging": DUE[trigger]}
    jumps = JUMPS | dict.fromkeys(range(8, 20), -0.004)
    duel = play(scenario_of(narrow_venue(**tables)), seed=5, jumps=jumps)
    notes, first = duel.reference.deleveraged, len(duel.world.accounts.rows)
    for role in ("account", "counterparty"):
        assert {note[role] >= first for note in notes} == {False, True}
    tape = duel.world.records.tape[: duel.world.counters.n[N_TAPE]]
    assert (tape["kind"][tape["group"] == 2] == ORDER_PART).any() == (part != "whole")


@pytest.mark.parametrize("rules", sorted(set(list_venues()) - {"spot"}))
def test_union__under_every_venues_rules(rules):
    """With next to no pools, and legs large enough for their brackets."""
    scenario = small_world(80, coins=("BTC", "ETH"), seconds=STEPS).under(rules).with_pools(1e-6)
    jumps = {8: -0.004, 9: -0.004, 10: -0.004, 11: -0.004, 12: -0.08, 20: -0.08, 30: 0.05}
    duel = play(as_offered(scenario), seed=3, jumps=jumps, size=(11.0, 2.0), n=30)
    tape = duel.world.records.tape[: duel.world.counters.n[N_TAPE]]
    assert (tape["group"] == 2).sum() > 5 and (tape["group"] < 2).sum() > 3
    assert duel.reference.deleveraged or duel.world.ledger.cash[SOCIALISED::LEDGER_COLUMNS].sum() < 0


@pytest.mark.parametrize(
    ("field", "value", "tables"),
    (
        ("fraction", 0.4, {"liquidation": PARTS["fraction"]}),
        ("surplus", 0, {"liquidation": PARTS["compliance"]}),
        ("ranking", 2, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("price", 1, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("backstop", 0.9, {}),
        ("clearance_to", 1, {}),
    ),
)
def test_duel__notices_another_rule_for_cross_accounts_alone(field, value, tables):
    with pytest.raises(AssertionError):
        play(scenario_of(narrow_venue(**tables), n=0), seed=7, rules={field: value})


# ── known answers, solved by hand ────────────────────────────────────────────────────────────────────────────
LOSER = {"wallet_usd": 720, "contracts": [("BTC", 1, 1.0, 72_000)]}  # ruined at 71,280


def meet(winner: dict, spot_bid_usd: float = 0.0, btc_usd: float = 71_000.0) -> World:
    """Return a world without pool in which the loser is ruined, and nobody buys its contract."""
    world = world_of(cross_scenario(venues=("binance",)).with_pools(0), accounts=[LOSER, winner])
    if spot_bid_usd:
        rest_order(world, 1, BUY, round(spot_bid_usd / 0.1) - int(world.contracts.floor_tick[0]), 100)
    fall_to(world, 0, btc_usd)
    return world


def fall_to(world: World, step: int, usd: float) -> None:
    set_marks(world, step, np.array([usd, usd, 2_140.0, 2_140.0]))
    liquidate(world, step, False)
    assert world.ledger.broken.tolist() == [0, 0]
    assert recount(world) == 0


@small
def test_leg__of_a_winner_is_closed_and_its_account_goes_on():
    """Short 0.6 BTC at 73,000: closed at 71,280 it wins 1,032, and forgoes 168. The pool has the other 0.4.

    It takes them at 71,280, 112 too dear, and has nothing: everybody loses 112.
    """
    world = meet({"wallet_usd": 1_000, "contracts": [("BTC", -1, 0.6, 73_000), ("ETH", 1, 1.0, 2_140)]})
    (event,) = world.records.tape[: world.counters.n[N_TAPE]]
    assert event["bankruptcy_usd"] == pytest.approx(71_280)
    assert (event["deleveraged_lots"], event["taken_over_lots"]) == (600, 400)
    assert (event["pool"], event["socialised"], event["loss"]) == (0, 112 * 10**6, 720 * 10**6)
    (note,) = world.records.deleveraged[: world.counters.n[N_DELEVERAGED]]
    assert (note["account"], note["counterparty"], note["side"]) == (len(world.accounts.rows), note["account"] + 1, -1)
    assert (note["profit"], note["forgone"]) == (1_032 * 10**6, 168 * 10**6)
    assert world.cross.portfolios["wallet"].tolist() == [0, 2_032 * 10**6]
    assert world.cross.legs["lots"].tolist() == [0, 0, 1_000]
    fall_to(world, 1, 71_000.0)
    assert world.cross.portfolios["status"].tolist() == [LIQUIDATED, OPEN]


@small
def test_account__that_winners_left_without_contracts_still_owes_its_debt():
    """Short 1 BTC at 73,000 and 1,985 in debt, for 0.004 BTC at 5% off: 265 in debt once it is closed at 71,280.

    At 69,000 its coins count 262.20. They are sold at 68,900, and 10.60 are left: 40 cents went with the sale.
    """
    owing = {"wallet_usd": -1_985, "contracts": [("BTC", -1, 1.0, 73_000)], "coins": [("BTC", 0.004)]}
    world = meet(owing, spot_bid_usd=68_900.0)
    assert world.cross.portfolios["wallet"].tolist() == [0, -265 * 10**6]
    assert world.cross.portfolios["status"].tolist() == [LIQUIDATED, WATCHED]
    fall_to(world, 1, 69_000.0)
    event = world.records.tape[world.counters.n[N_TAPE] - 1]
    assert (event["account"], event["market"], event["lots"]) == (len(world.accounts.rows) + 1, 0, 0)
    assert event["loss"] == 400_000
    assert world.ledger.cash[FREE] == 10_600_000
    assert world.cross.portfolios["status"].tolist() == [LIQUIDATED, LIQUIDATED]
    assert world.counters.n[N_LIQUIDATED] == 2


@small
def test_leg__that_would_leave_its_account_with_less_than_nothing_is_spared():
    """At 70,500 a short of 1 BTC at 73,000, 2,000 in debt, has 500; at 71,280 it would have 280 less than nothing."""
    world = meet({"wallet_usd": -2_000, "contracts": [("BTC", -1, 1.0, 73_000)]}, btc_usd=70_500.0)
    assert world.counters.n[N_DELEVERAGED] == 0
    assert world.records.tape["taken_over_lots"][0] == 1_000
    assert world.cross.legs["lots"].tolist() == [0, 1_000]
