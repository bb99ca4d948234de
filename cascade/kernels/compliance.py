"""Liquidation in part: a position closes as little as brings its equity back to its requirement."""

import math

import numpy as np

from cascade.kernels.accounts import QUANTA_PER_USD, entry_usd, file_ahead, part_of, size_base
from cascade.kernels.jit import rule
from cascade.kernels.ledger import book_release, hand_over
from cascade.kernels.margin import equity_usd, maintenance_usd
from cascade.kernels.orders import fill_value, take_at_market
from cascade.kernels.stops import set_triggers
from cascade.state import ACCOUNTS_LOTS, BUY, EXTERNAL, EXTERNAL_LOTS, OPEN, SELL


@rule
def lots_kept(world, i):
    """Return how many lots the equity of position `i` can hold at the mark; 0 where it can hold none."""
    row = world.accounts.rows[i]
    market, size, entry = np.int64(row["market"]), size_base(world, i), entry_usd(world, i)
    mark = world.markets[market]["mark_usd"]
    equity = equity_usd(row["side"], size, entry, row["margin"] / QUANTA_PER_USD, mark)
    per_lot = maintenance_usd(world.margin, market, size, entry, mark) / row["lots"]
    return max(np.int64(math.floor(equity / per_lot)), np.int64(0))


@rule
def comply(world, i, lots, event):
    """Close `lots` of position `i` at market; it keeps its margin less what the closing lost, and is filed anew."""
    row = world.accounts.rows[i]
    market, side = np.int64(row["market"]), np.int64(row["side"])
    filled = take_at_market(world, market, SELL if side > 0 else BUY, lots)
    event["filled_lots"], event["lots"] = filled, lots
    if filled > 0:
        value, cost = fill_value(world, market, filled), part_of(row["cost"], filled, np.int64(row["lots"]))
        lost = min(max(side * (cost - value), np.int64(0)), np.int64(row["margin"]))
        row["cost"] -= cost
        row["margin"] -= lost
        row["lots"] -= filled
        book_release(world, market, side, cost, lost, value, EXTERNAL)
        hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, side * filled)
    row["status"] = OPEN
    set_triggers(world, i)
    file_ahead(world, i)
    return filled
