"""Cross margin: the slack ladder against a full scan in plain Python, to the integer; and what it costs."""

import numpy as np
import pytest
from cross_worlds import Walk, cross_scenario, liquidate, liquidate_by_scan, set_marks, world_of
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_cross import ReferenceCross
from worlds import rest_order

from cascade.kernels.recount import recount
from cascade.state import (
    BUY,
    HOLDERS,
    LEDGER_COLUMNS,
    N_CROSS_CHECKS,
    N_TAPE,
    NO_POSITION,
    OPEN,
    WATCHED,
    World,
)

small = pytest.mark.small
STEPS = 30
SEEN = {WATCHED: OPEN}  # to the reference, an account that is to be looked at again is an open one


class Duel:
    """The compiled rules and the reference in the same world, on the same random orders and marks."""

    def __init__(self, scenario, seed: int, n: int = 40, far: float = 0.1):
        self.world = world_of(scenario, seed, n=n, far=far)
        self.reference = ReferenceCross(scenario, self.world)
        self.walk, self.random = Walk(self.world, seed), np.random.default_rng(seed)
        self.breached = 0

    def step(self, step: int, jump: float = 0.0) -> None:
        """Play one step and compare everything."""
        self.rest_orders()
        marks = self.walk.step(jump)
        set_marks(self.world, step, marks)
        seen = int(self.world.counters.n[N_TAPE])
        liquidate(self.world, step)
        breached = self.reference.breach(step, [float(mark) for mark in marks])
        in_line = breached_by(self.world, step, seen)
        assert sorted(set(in_line)) == breached
        self.reference.stand_in_line(in_line)
        self.reference.drain(step)
        self.breached += len(breached)
        self.compare(seen)

    def rest_orders(self, n: int = 12) -> None:
        """Put the same new orders into both books, around the last mark."""
        for market in self.reference.markets:
            usd = self.world.markets["mark_usd"][market.number]
            for away, size in zip(self.random.exponential(0.004, n), self.random.exponential(3_000, n), strict=True):
                side, lots = int(self.random.integers(2)), int(size / (usd * market.lot_base)) + 1
                tick = round(usd * (1.0 - away if side == BUY else 1.0 + away) / market.tick_usd - market.floor)
                if market.rest(side, tick, lots):
                    rest_order(self.world, market.number, side, tick, lots)

    def compare(self, seen: int) -> None:
        """Hold accounts, legs, ledger and tape of the two against each other."""
        world, accounts = self.world, self.reference.accounts
        status = [SEEN.get(int(s), int(s)) for s in world.cross.portfolios["status"]]
        assert status == [account.status for account in accounts]
        assert world.cross.portfolios["wallet"].tolist() == [account.wallet for account in accounts]
        for name in ("lots", "cost"):
            expected = [getattr(leg, name) for account in accounts for leg in account.legs]
            assert world.cross.legs[name].tolist() == expected, name
        for table, columns, expected in (
            (world.ledger.cash, LEDGER_COLUMNS, self.reference.cash),
            (world.ledger.lots, HOLDERS, self.reference.held),
        ):
            assert table.tolist() == [expected[divmod(i, columns)] for i in range(len(table))]
        tape = world.records.tape[seen : world.counters.n[N_TAPE]]
        for row, expected in zip(tape, self.reference.tape[seen:], strict=True):
            assert {name: int(row[name]) for name in expected} == expected
        assert world.ledger.broken.tolist() == [0, 0]
        assert recount(world) == 0


def breached_by(world: World, step: int, seen: int) -> list[int]:
    """Return who was breached in a step, in line: the tape's new rows, then the queues from the front."""
    tape = world.records.tape[seen : world.counters.n[N_TAPE]]
    numbers = [int(row["account"]) for row in tape if row["trigger_step"] == step]
    for engine in world.cross.engines:
        p = int(engine["first_queued"])
        while p != NO_POSITION:
            row = world.cross.portfolios[p]
            numbers += [p] if row["trigger_step"] == step and p not in numbers else []
            p = int(row["next"])
    return list(dict.fromkeys(numbers))


WORLDS = {
    "two venues": {},
    "no liquidation orders": {"off": ("liquidations",)},
    "a slow engine": {"rules": {"orders_per_s": 2}},
    "largest notional first": {"rules": {"cross_order": "largest_notional"}},
    "largest margin first": {"rules": {"cross_order": "largest_margin"}, "venues": ("bybit",)},
    "owners keep what is left": {"rules": {"surplus": "account"}},
}


def play(seed: int, jump: float = -0.06, steps: int = STEPS, off=(), n: int = 40, far: float = 0.1, **fields) -> Duel:
    duel = Duel(cross_scenario(seconds=steps, **fields).without(*off), seed, n, far)
    for step in range(steps):
        duel.step(step, jump if step == steps // 2 else 0.0)
    return duel


@small
@pytest.mark.parametrize("name", WORLDS)
def test_cross__takes_the_accounts_that_a_full_scan_takes(name):
    duel = play(3, **WORLDS[name])
    assert duel.breached > 5
    assert len(set(duel.world.records.tape["account"])) > 5


@given(
    seed=st.integers(0, 2**20),
    jump=st.floats(-0.15, 0.06),  # beyond that a mark leaves its book, and the run is void
    far=st.floats(0.005, 0.4),
    name=st.sampled_from(list(WORLDS)),
)
@settings(max_examples=25)
def test_cross__agrees_with_the_reference_on_random_small_worlds(seed, jump, far, name):
    play(seed, jump, steps=12, n=15, far=far, **WORLDS[name])


def ladder_and_scan(n: int, steps: int, jump: float, **fields) -> tuple[World, World]:
    """Return two worlds after the same marks: one that looked by ladders, one that judged every account every step.

    The books are empty, so that what becomes of an account does not hang on who was liquidated before it.
    """
    scenario = cross_scenario(**({"seconds": steps} | fields))
    worlds = world_of(scenario, 1, n=n), world_of(scenario, 1, n=n)
    walk = Walk(worlds[0], 5, sigma=2e-4)
    for step in range(steps):
        marks = walk.step(jump / steps)
        for world, look in zip(worlds, (liquidate, liquidate_by_scan), strict=True):
            set_marks(world, step, marks)
            look(world, step)
        breached = [np.flatnonzero(world.cross.portfolios["trigger_step"] == step) for world in worlds]
        np.testing.assert_array_equal(*breached)
    return worlds


def assert_same(ladder: World, by_scan: World) -> None:
    """Hold the accounts, legs, money and tapes of two worlds against each other."""
    for name in ("wallet", "trigger_step", "is_taken"):
        np.testing.assert_array_equal(ladder.cross.portfolios[name], by_scan.cross.portfolios[name], err_msg=name)
    for name in ("lots", "cost"):
        np.testing.assert_array_equal(ladder.cross.legs[name], by_scan.cross.legs[name], err_msg=name)
    np.testing.assert_array_equal(ladder.ledger.cash, by_scan.ledger.cash)
    np.testing.assert_array_equal(ladder.ledger.lots, by_scan.ledger.lots)
    order = ("account", "step", "market", "side")
    tapes = [np.sort(world.records.tape[: world.counters.n[N_TAPE]], order=order) for world in (ladder, by_scan)]
    for name in (*order, "lots", "trigger_step", "pool", "fee"):
        np.testing.assert_array_equal(tapes[0][name], tapes[1][name], err_msg=name)


def test_slack_ladder__takes_exactly_what_a_scan_takes():
    worlds = ladder_and_scan(5_000, 300, -0.15, venues=("binance", "okx", "bybit"))
    assert_same(*worlds)
    taken = worlds[0].cross.portfolios["is_taken"].sum()
    assert 300 < taken < 4_000
    assert worlds[0].counters.n[N_CROSS_CHECKS] < 20 * 5_000 < 300 * 5_000 / 10
    assert recount(worlds[0]) == recount(worlds[1]) == 0
