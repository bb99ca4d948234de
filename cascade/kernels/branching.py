"""What a further fall would set off: longs in the ladder just below the mark, liquidations and stops apart.

Over the bids as far below, they are the branching ratio: `cascade.branching`. Whole bins of the ladder are read from
its totals; only at the ends are positions looked at one by one.
"""

import math

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.record import MIDDLE, NEAR, WIDE
from cascade.kernels.triggers import is_stop
from cascade.state import FALLING, NO_POSITION, STAKE_BINS, STAKE_SHIFT, TICKS

BIN = 1 << STAKE_SHIFT  # ticks


@rule
def add_tick(world, market, tick, row):
    """Add the lots of the longs filed at `tick` to a minute's totals."""
    i = np.int64(world.ladder.heads[(2 * market + FALLING) * TICKS + tick]) - 1
    while i != NO_POSITION:
        position = world.accounts.rows[i]
        if is_stop(position):
            row["stop_lots_1"] += position["lots"]
        else:
            row["liquidation_lots_1"] += position["lots"]
        i = np.int64(position["next"])


@rule
def add_bin(world, market, tick, row):
    """Add the lots of the longs filed in the bin of `tick` to a minute's totals."""
    j = (2 * market + FALLING) * STAKE_BINS + (tick >> STAKE_SHIFT)
    row["stop_lots_1"] += world.ladder.stops[j]
    row["liquidation_lots_1"] += world.ladder.stake[j] - world.ladder.stops[j]


@rule
def add_filed(world, market, first_tick, last_tick, row):
    """Add the lots of the longs filed from `first_tick` down to `last_tick` to a minute's totals."""
    tick = first_tick
    while tick >= last_tick:
        if (tick + 1) & (BIN - 1) == 0 and tick - BIN + 1 >= last_tick:
            add_bin(world, market, tick, row)
            tick -= BIN
        else:
            add_tick(world, market, tick, row)
            tick -= 1


@rule
def tick_below(world, market, fraction):
    """Return the lowest tick that the ladder fires when the mark falls by a fraction; 0 at the book's end."""
    ticks = world.markets[market]["mark_usd"] * (1.0 - fraction) / world.contracts.tick_usd[market]
    return min(max(np.int64(math.ceil(ticks)) - world.contracts.floor_tick[market], 0), TICKS - 1)


@rule
def record_offspring(world, minute, market):
    """Write the lots that a fall of the mark by 0.1, 0.5 and 1% would liquidate, and those that it would stop."""
    if not world.contracts.is_perpetual[market]:
        return
    row = world.records.minutes[minute, market]
    top = min(world.markets[market]["cursor"] + 1, TICKS - 1)  # where longs past their price are filed
    near, middle = tick_below(world, market, NEAR), tick_below(world, market, MIDDLE)
    add_filed(world, market, top, near, row)
    row["liquidation_lots_01"], row["stop_lots_01"] = row["liquidation_lots_1"], row["stop_lots_1"]
    add_filed(world, market, near - 1, middle, row)
    row["liquidation_lots_05"], row["stop_lots_05"] = row["liquidation_lots_1"], row["stop_lots_1"]
    add_filed(world, market, middle - 1, tick_below(world, market, WIDE), row)
