"""Market and IOC orders of the day: what every taker uses, with a tally of the fills."""

import numpy as np

from cascade.kernels.book import taking
from cascade.kernels.jit import rule
from cascade.state import (
    BUY,
    N_TAKER_ORDERS,
    N_TRADES,
    TALLY_LAST_TICK,
    TALLY_NOTIONAL,
    TALLY_TRADES,
    TICKS,
)


@rule
def _tally(counters, book, slot, lots, tick):
    if counters.inverse[0] > 0.0:  # every fill books one rounded value
        counters.fills[TALLY_NOTIONAL] += np.int64(lots * counters.inverse[0] / (tick + counters.inverse[1]))
    else:
        counters.fills[TALLY_NOTIONAL] += lots * tick
    counters.fills[TALLY_TRADES] += 1
    counters.fills[TALLY_LAST_TICK] = tick


_take = taking(_tally)


@rule
def take_at_limit(world, market, side, limit_tick, lots):
    """Send an IOC order of `side` to the book; return the lots filled. `fill_value` gives what they cost."""
    counters = world.counters
    counters.fills[TALLY_NOTIONAL] = 0
    counters.fills[TALLY_TRADES] = 0
    counters.inverse[0] = world.contracts.lot_quanta[market]
    counters.inverse[1] = world.contracts.floor_tick[market]
    filled = lots - _take(world.book, market, side, limit_tick, lots, counters)
    counters.n[N_TAKER_ORDERS] += 1
    if filled > 0:
        counters.n[N_TRADES] += counters.fills[TALLY_TRADES]
        world.markets[market]["taken_lots"] += filled
        world.markets[market]["last_tick"] = counters.fills[TALLY_LAST_TICK]
    return filled


@rule
def take_at_market(world, market, side, lots):
    """Send a market order of `side` to the book; return the lots filled."""
    return take_at_limit(world, market, side, TICKS - 1 if side == BUY else 0, lots)


@rule
def note_taken(world, market, clock, side, lots, is_informed):
    """Write down the order of a taker without leverage, while there is room."""
    records = world.records
    i = records.n_taken[0]
    if i >= records.taken.size or lots == 0:
        return
    records.n_taken[0] = i + 1
    row = records.taken[i]
    row["clock"], row["market"], row["side"], row["lots"] = clock, market, side, lots
    row["tick"], row["is_informed"] = world.markets[market]["last_tick"], is_informed


@rule
def fill_value(world, market, filled):
    """Return the value in quanta of the last order's fills: exact, or of every inverse fill rounded down."""
    if world.contracts.payoff[market] < 0:
        return world.counters.fills[TALLY_NOTIONAL]
    ticks = world.counters.fills[TALLY_NOTIONAL] + filled * world.contracts.floor_tick[market]
    return ticks * world.contracts.quanta[market]
