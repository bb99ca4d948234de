"""Isolated positions and cross accounts in the same markets, pools and rankings: against plain rules, to the integer."""

import numpy as np
import pytest
from cross_worlds import world_of
from duel import Duel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_rules import narrow_venue, venues
from test_rules import DUE, JUMPS, PARTS
from worlds import small_world

from cascade.scenario import Scenario
from cascade.state import (
    AT_BANKRUPTCY,
    CLOSED_AT_MARK,
    LEDGER_COLUMNS,
    N_CROSS_LIQUIDATED,
    N_DELEVERAGED,
    N_LIQUIDATED,
    N_TAPE,
    ORDER_PART,
    SOCIALISED,
    World,
)
from cascade.venues import Venue, list_venues

small = pytest.mark.small
STEPS = 40
HAIRCUTS = {"cross": {"haircuts": {"BTC": 0.05, "ETH": 0.1}, "source": "test"}}
LEGS = {"far": 0.1, "size": (7.0, 1.0)}  # a thousand USD a leg, a tenth of it beyond what it must have


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
    notes = world.records.deleveraged[: world.counters.n[N_DELEVERAGED]]
    terms, bankrupt = world.rules[notes["market"]], tape[notes["liquidation"]]
    assert (bankrupt["account"] == notes["account"]).all() and (bankrupt["side"] == -notes["side"]).all()
    at_mark = terms["price"] == CLOSED_AT_MARK
    due = np.where(at_mark, notes["mark_usd"], bankrupt["bankruptcy_usd"])
    usd = notes["lots"] * world.contracts.lot_base[notes["market"]] * notes["mark_usd"]
    quantum_usd = np.where(world.contracts.payoff[notes["market"]] < 0, 1e-8 * notes["mark_usd"], 1e-6)
    worse = notes["side"] * (due / notes["price_usd"] - 1.0) - 3 * quantum_usd / usd  # what is paid is rounded
    assert (worse < 0)[at_mark | (terms["order"] == AT_BANKRUPTCY)].all()  # else a position is ruined elsewhere


# ── against the plain engine ─────────────────────────────────────────────────────────────────────────────────
@given(
    venue=venues(),
    seed=st.integers(0, 2**16),
    orders=st.sampled_from((2, 20)),
    jumps=st.dictionaries(st.integers(2, 35), st.sampled_from((-0.06, -0.03, -0.01, 0.01, 0.02)), max_size=3),
)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_union__equals_the_reference_to_the_integer(venue, seed, orders, jumps):
    play(scenario_of(venue, n=40), seed, orders, jumps, n=25)


@small
@pytest.mark.parametrize("trigger", DUE)
@pytest.mark.parametrize("part", PARTS)
def test_union__with_pools_driven_to_zero_and_deleveraging_on(part, trigger):
    """Positions and legs are closed against positions and legs."""
    order = {"order": "market" if part == "fraction" else "bankruptcy"}
    tables = {"liquidation": PARTS[part] | order, "insurance": {"pool_usd": 2_000}, "deleveraging": DUE[trigger]}
    duel = play(scenario_of(narrow_venue(**tables)), seed=5)
    notes, first = duel.reference.deleveraged, len(duel.world.accounts.rows)
    pairs = {(note["account"] >= first, note["counterparty"] >= first) for note in notes}
    assert pairs == {(False, False), (False, True), (True, False), (True, True)}
    tape = duel.world.records.tape[: duel.world.counters.n[N_TAPE]]
    assert (tape["kind"][tape["group"] == 2] == ORDER_PART).any() == (part != "whole")


@pytest.mark.parametrize("rules", sorted(set(list_venues()) - {"spot"}))
def test_union__under_every_venues_rules(rules):
    """With next to no pools, and legs large enough for their brackets."""
    scenario = small_world(80, coins=("BTC", "ETH"), seconds=STEPS).under(rules).with_pools(1e-6)
    duel = play(scenario, seed=3, size=(11.0, 2.0), n=30)
    tape = duel.world.records.tape[: duel.world.counters.n[N_TAPE]]
    assert (tape["group"] == 2).sum() > 10 and (tape["group"] < 2).sum() > 10
    assert duel.reference.deleveraged or duel.world.ledger.cash[SOCIALISED::LEDGER_COLUMNS].sum() < 0


@pytest.mark.parametrize(
    ("field", "value", "tables"),
    (
        ("fraction", 0.4, {"liquidation": PARTS["fraction"]}),
        ("surplus", 0, {"liquidation": PARTS["compliance"]}),
        ("ranking", 2, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("price", 1, {"insurance": {"pool_usd": 0.0}, "deleveraging": DUE["pool_empty"]}),
        ("backstop", 0.9, {}),
    ),
)
def test_duel__notices_another_rule_for_cross_accounts_alone(field, value, tables):
    with pytest.raises(AssertionError):
        play(scenario_of(narrow_venue(**tables), n=0), seed=5, rules={field: value})
