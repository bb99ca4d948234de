"""Trigger ladders: positions in lists by the tick at which they fire. A move visits the ticks it crosses, no more."""

import numpy as np

from cascade.kernels.jit import rule
from cascade.state import FALLING, NO_POSITION, RISING, STAKE_BINS, STAKE_SHIFT, TICKS


@rule
def direction_of(side):
    """Return the ladder of a position's triggers: a long's fire when the mark falls, a short's when it rises."""
    return FALLING if side > 0 else RISING


@rule
def trigger_tick(row):
    """Return the nearer of a position's stop and liquidation ticks, or -1."""
    stop, liquidation = row["stop_tick"], row["liquidation_tick"]
    if stop < 0 or liquidation < 0:
        return max(stop, liquidation)
    return max(stop, liquidation) if row["side"] > 0 else min(stop, liquidation)


@rule
def is_stop(row):
    """Whether it is at its stop, before its liquidation, that a position fires."""
    return row["stop_tick"] >= 0 and trigger_tick(row) != row["liquidation_tick"]


@rule
def file_position(accounts, ladder, i, tick, direction):
    """Put position `i` at the head of the list at `tick`; a tick outside the book is no trigger."""
    row = accounts.rows[i]
    row["filed_tick"] = -1
    if tick < 0 or tick >= TICKS:
        return
    rung = 2 * np.int64(row["market"]) + direction
    first = ladder.heads[rung * TICKS + tick] - 1
    row["filed_tick"] = tick
    row["prev"] = NO_POSITION
    row["next"] = first
    if first != NO_POSITION:
        accounts.rows[first]["prev"] = i
    ladder.heads[rung * TICKS + tick] = i + 1
    ladder.stake[rung * STAKE_BINS + (tick >> STAKE_SHIFT)] += row["lots"]
    if is_stop(row):
        ladder.stops[rung * STAKE_BINS + (tick >> STAKE_SHIFT)] += row["lots"]


@rule
def unfile(accounts, ladder, i):
    """Take position `i` out of its list, if it is in one; lots and triggers are still those that it was filed with."""
    row = accounts.rows[i]
    tick = row["filed_tick"]
    if tick < 0:
        return
    rung = 2 * np.int64(row["market"]) + direction_of(row["side"])
    before, behind = row["prev"], row["next"]
    if before != NO_POSITION:
        accounts.rows[before]["next"] = behind
    else:
        ladder.heads[rung * TICKS + tick] = behind + 1
    if behind != NO_POSITION:
        accounts.rows[behind]["prev"] = before
    row["filed_tick"] = -1
    ladder.stake[rung * STAKE_BINS + (tick >> STAKE_SHIFT)] -= row["lots"]
    if is_stop(row):
        ladder.stops[rung * STAKE_BINS + (tick >> STAKE_SHIFT)] -= row["lots"]
