"""Where a position is stopped and liquidated: its two static triggers, in ticks of its book."""

import math

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.margin import liquidation_price
from cascade.kernels.money import average_quote, quote, size_of, stance, ticks_from

ROUND_FRACTION = 0.01  # a round price is a multiple of the largest 1, 2 or 5 times a power of ten within 1% [assumed]


@rule
def set_triggers(world, i):
    """Set where the open position `i` is liquidated and stopped; a tick outside the book is never filed.

    A long's ticks are rounded up, a short's down: visited no later than the inequality can hold.
    """
    row = world.accounts.rows[i]
    market, side, lots = np.int64(row["market"]), np.int64(row["side"]), np.int64(row["lots"])
    contracts = world.contracts
    entry, size = average_quote(contracts, market, lots, row["cost"]), size_of(contracts, market, lots)
    collateral = row["margin"] / contracts.quantum[market]
    ruin = liquidation_price(world.margin, market, stance(contracts, market, side), size, entry, collateral)
    ruin_usd = quote(contracts, market, ruin)
    row["liquidation_tick"] = inner_tick(ticks_from(contracts, market, ruin_usd), side)
    row["stop_tick"] = -1
    if row["stop_fraction"] > 0:
        entry_usd, fraction = quote(contracts, market, entry), np.float64(row["stop_fraction"])
        stop_usd = stop_price(side, entry_usd, fraction, row["round_stop"] != 0, ruin_usd)
        row["stop_tick"] = inner_tick(ticks_from(contracts, market, stop_usd), side)


@rule
def inner_tick(ticks, side):
    """Return a price in ticks as a whole one, rounded towards the entry: up for a long, down for a short."""
    return np.int64(math.ceil(ticks) if side > 0 else math.floor(ticks))


@rule
def stop_price(side, entry_usd, fraction, is_round, liquidation_usd):
    """Return the stop, USD: moved to the nearest round price where that lies between entry and liquidation."""
    stop = entry_usd * (1.0 - side * fraction)
    if is_round:
        step = round_step_usd(entry_usd)
        near = math.floor(stop / step + 0.5) * step
        if side * (entry_usd - near) > 0.0 and side * (near - liquidation_usd) > 0.0:
            return near
    return stop


@rule
def round_step_usd(price_usd):
    """Return the distance, USD, between round prices: 500 at 72,000, 20 at 2,140, 0.01 at 1.5."""
    most = price_usd * ROUND_FRACTION
    unit = 10.0 ** math.floor(math.log10(most))
    if most >= 5.0 * unit:
        return 5.0 * unit
    return 2.0 * unit if most >= 2.0 * unit else unit
