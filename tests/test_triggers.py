"""Trigger ladders: nobody whose inequality holds is missed, nobody else is taken, and the untouched cost nothing."""

import numpy as np
import pytest
from reference_market import Account, ReferenceMarket
from worlds import (
    find_breached,
    let_accounts_trade,
    liquidate,
    rest_order,
    small_world,
    still_world,
    take_lots,
    tick_of,
    warm_world,
)

from cascade.assembly import build_world
from cascade.engine import simulate
from cascade.kernels.loop import run_steps
from cascade.kernels.triggers import direction_of, trigger_tick
from cascade.state import (
    BUY,
    LIQUIDATED,
    N_TAPE,
    N_TRIGGER_CHECKS,
    NO_POSITION,
    OPEN,
    QUEUED,
    SELL,
    STAKE_BINS,
    STAKE_SHIFT,
    TICKS,
    World,
)

small = pytest.mark.small
SHOCKS = (-0.08, -0.02, 0.04)


def breached_now(world: World) -> np.ndarray:
    """Return whether each position is breached at its mark: a full scan."""
    found = np.zeros(len(world.accounts.rows), bool)
    find_breached(world, found)
    return found


@small
@pytest.mark.parametrize("shock", SHOCKS)
def test_ladders__take_exactly_those_whose_inequality_holds(shock):
    """After every step: breached means queued, and every liquidation was breached at the mark of its trigger."""
    scenario = small_world(seconds=60, shock=shock, venues=("binance", "okx", "bybit"))
    world = warm_world(scenario, seed=3)
    warmup = scenario.priors.run.warmup_s
    for step in range(scenario.seconds):
        run_steps(world, step, step + 1, warmup)
        status = world.accounts.rows["status"]
        assert not (breached_now(world) & (status != QUEUED)).any()
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    assert len(tape) > (5 if abs(shock) > 0.03 else 0)
    assert (world.accounts.rows["status"] == LIQUIDATED).sum() == len(tape)
    for row in tape:
        assert is_underwater(scenario, row, float(row["mark_usd"]))
        safe = float(row["entry_usd"])
        assert not is_underwater(scenario, row, safe)


def is_underwater(scenario, row, mark_usd: float) -> bool:
    """Return the reference's verdict on a liquidation at a mark."""
    market = ReferenceMarket(scenario, int(row["market"]), 1)
    base, side = int(row["lots"]) * market.lot_base, int(row["side"])
    margin_usd = side * (float(row["entry_usd"]) - float(row["bankruptcy_usd"])) * base
    cost = round(float(row["entry_usd"]) * base * 1e6)
    account = Account(
        0, market.number, side, int(row["lots"]), cost, round(margin_usd * 1e6), 1.0, OPEN, 0.0, False, -1, 0
    )
    return market.equity(account, mark_usd) < market.required(account, mark_usd)


@small
@pytest.mark.parametrize("shock", SHOCKS)
def test_ladders__hold_every_open_position_once_after_a_day_of_changes(shock):
    world = warm_world(small_world(seconds=60, shock=shock, venues=("binance", "okx")), seed=5)
    run_steps(world, 0, 60, 60)
    rows, stake = world.accounts.rows, np.zeros_like(world.ladder.stake)
    filed = []
    for place in np.flatnonzero(world.ladder.heads):
        rung, tick = divmod(int(place), TICKS)
        i, before = int(world.ladder.heads[place]) - 1, NO_POSITION
        while i != NO_POSITION:
            row = rows[i]
            assert (row["filed_tick"], row["prev"], row["status"]) == (tick, before, OPEN)
            assert rung == 2 * row["market"] + direction_of(row["side"])
            stake[rung * STAKE_BINS + (tick >> STAKE_SHIFT)] += row["lots"]
            filed.append(i)
            i, before = int(row["next"]), i
    np.testing.assert_array_equal(world.ladder.stake, stake)
    wanted = [i for i in np.flatnonzero(rows["status"] == OPEN) if 0 <= trigger_tick(rows[i]) < TICKS]
    assert sorted(filed) == wanted


def opened_beyond_its_trigger(entry_usd: float, later_usd: tuple[float, ...], side: int = 1) -> list[int]:
    """Open 100x at a price far worse than the mark of 72,000, then move the mark; return its status after each mark."""
    world = still_world([{"side": side, "lots": 0, "entry_usd": 72_000.0, "leverage": 100, "status": 1}])
    rows = world.accounts.rows
    rows["cost"][0] = 72_000_000_000
    world.accounts.opening[0] = 0
    rest_order(world, 0, SELL if side > 0 else BUY, tick_of(world, entry_usd), 1000)
    found = []
    for step, mark_usd in enumerate(later_usd):
        let_accounts_trade(world, step)
        world.markets["mark_usd"] = world.records.mark[step] = mark_usd
        world.markets["engine_rate"] = 0
        liquidate(world, step)
        found.append(int(rows["status"][0]))
    return found


@small
def test_ladders__do_not_lose_a_position_that_was_opened_beyond_its_trigger():
    """Long at 73,000 with 100x: breached below 72,559. The mark rises, but not past that: breached at once."""
    assert opened_beyond_its_trigger(73_000.0, (72_100.0,)) == [QUEUED]
    assert opened_beyond_its_trigger(71_000.0, (71_900.0,), side=-1) == [QUEUED]


@small
def test_ladders__follow_a_position_that_the_mark_rescued():
    """The mark first rises past the trigger, then comes back below it, but not to where it was at the opening."""
    assert opened_beyond_its_trigger(73_000.0, (72_700.0, 72_600.0, 72_500.0)) == [OPEN, OPEN, QUEUED]
    assert opened_beyond_its_trigger(71_000.0, (71_300.0, 71_400.0, 71_500.0), side=-1) == [OPEN, OPEN, QUEUED]


@small
def test_step__costs_nothing_for_positions_that_are_never_touched():
    """Four times as many accounts without leverage: the same draws otherwise, and not one more look at a position."""
    scenario = small_world(seconds=60, shock=-0.04)
    rest = scenario.assumptions.remainder.model_copy(update={"leverages": (1.0,), "weights": (1.0,)})
    checks, positions = [], []
    for factor in (1.0, 4.0):
        remainder = rest.model_copy(update={"accounts": rest.accounts * factor})
        crowd = scenario.assumptions.model_copy(update={"remainder": remainder})
        result = simulate(scenario.changed(assumptions=crowd))
        checks.append(result.counters["trigger_checks"])
        positions.append(result.runtime["positions"])
    assert positions[1] > positions[0] + 100
    assert checks[0] == checks[1] > 10


@small
def test_step__in_which_the_mark_stands_still_looks_at_nobody():
    world, _ = build_world(small_world(200, seconds=5), seed=1)
    for step in range(5):
        world.records.mark[step] = world.markets["mark_usd"]
        liquidate(world, step)
    assert world.counters.n[N_TRIGGER_CHECKS] == 0


@small
def test_stop__closes_at_market_in_the_next_step_and_before_liquidation():
    """Long 1 at 72,000 with 100x and a stop at 0.5%: 71,640. The mark prints 71,600: stopped, not liquidated."""
    stopped = {"side": 1, "lots": 1000, "entry_usd": 72_000.0, "leverage": 100, "stop_fraction": 0.005}
    world = still_world([stopped], {71_600.0: 10, 71_000.0: 5_000})
    take_lots(world, 0, SELL, 10)
    world.markets["mark_usd"] = world.records.mark[0] = 71_600.0
    liquidate(world, 0)
    assert world.accounts.rows["lots"][0] == 1000
    let_accounts_trade(world, 1)
    assert world.accounts.rows["lots"][0] == 0
    assert world.counters.n[N_TAPE] == 0
    assert world.ledger.broken.tolist() == [0, 0]
