"""A recorded book: amounts by price and side, as an exchange's depth feed tells them. Nothing is matched."""

import numpy as np

from cascade.kernels.book import at, clear_tick, mark_tick, next_tick_above, next_tick_below
from cascade.kernels.jit import kernel, rule
from cascade.state import BUY, SELL, TICKS


@rule
def set_amount(depth, side, tick, amount):
    """Set what rests at `tick` of a side, 0 for nothing; return by how much it changed."""
    cell = at(side * TICKS + tick)
    change = amount - depth.amounts[cell]
    depth.amounts[cell] = amount
    if amount > 0.0:
        mark_tick(depth, side, tick)
        if side == BUY:
            depth.best[BUY] = max(depth.best[BUY], tick)
        else:
            depth.best[SELL] = min(depth.best[SELL], tick)
        return change
    clear_tick(depth, side, tick)
    if depth.best[side] == tick:
        depth.best[side] = next_tick_below(depth, BUY, tick) if side == BUY else next_tick_above(depth, SELL, tick)
    return change


@rule
def discard(depth):
    """Empty both sides."""
    while depth.best[BUY] >= 0:
        set_amount(depth, BUY, depth.best[BUY], 0.0)
    while depth.best[SELL] < TICKS:
        set_amount(depth, SELL, depth.best[SELL], 0.0)


@kernel
def follow(depth, rows, ticks, seen):
    """Apply DEPTH_UPDATE rows at their ticks (-1: off the grid), and write what the book was after each of them."""
    for i in range(len(rows)):
        row = rows[i]
        if row["message"] != depth.message[0]:
            depth.message[0] = row["message"]
            if row["is_snapshot"] == 1:
                discard(depth)
        if ticks[i] >= 0:
            seen[i]["change"] = set_amount(depth, np.int64(row["side"]), ticks[i], row["amount"])
        seen[i]["bid"], seen[i]["ask"] = depth.best[BUY], depth.best[SELL]
