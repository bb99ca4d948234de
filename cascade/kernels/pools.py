"""Insurance pools: what they are worth, what they pay, and what is left over when they cannot.

A pool never pays more than it is worth. What it took over moves with the mark and may still ruin it: then it pays
nothing until the mark comes back. What it cannot pay is booked as socialised, and borne by all winners in proportion to
their profit.
"""

from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over, move
from cascade.kernels.money import stance, value_of
from cascade.state import CLEARANCE, FEE_TO_POOL, FREE, HOLDERS, LEDGER_COLUMNS, POOL, POOL_LOTS, SOCIALISED


@rule
def mark_value(world, market, lots):
    """Return the value of `lots` at the mark, in quanta."""
    ticks = world.markets[market]["mark_usd"] / world.contracts.tick_usd[market]
    return value_of(world.contracts, market, lots, ticks)


@rule
def pool_cash(world, purse):
    """Return what a purse's insurance pool holds, in quanta."""
    return world.ledger.cash[purse * LEDGER_COLUMNS + POOL]


@rule
def fee_column(world, market):
    """Return the ledger column that the market's venue credits with the fee of a liquidation."""
    return POOL if world.rules[market]["clearance_to"] == FEE_TO_POOL else CLEARANCE


@rule
def pool_equity(world, purse):
    """Return what a pool is worth: its cash, and its contracts at the mark."""
    total = pool_cash(world, purse)
    for market in range(len(world.markets)):
        lots = world.ledger.lots[HOLDERS * market + POOL_LOTS]
        if lots != 0 and world.contracts.purse[market] == purse:
            total += stance(world.contracts, market, 1) * mark_value(world, market, lots)
    return total


@rule
def shortfall(world, market, loss):
    """Return how much of a loss the market's pool cannot pay."""
    if loss <= 0:
        return 0
    return max(loss - max(pool_equity(world, world.contracts.purse[market]), 0), 0)


@rule
def bear_loss(world, market, loss):
    """Make good what a wallet is short of: by the pool, and what it lacks by everybody; return the latter."""
    if loss <= 0:
        return 0
    missing = shortfall(world, market, loss)
    move(world, market, POOL, FREE, loss - missing)
    move(world, market, SOCIALISED, FREE, missing)
    return missing


@rule
def take_over(world, market, holder, lots, value, event):
    """Hand `lots` (signed) to the pool for `value` quanta; what it cannot afford is made good to it.

    To be called before the position is released, with the pool as payer.
    """
    paid = value if lots > 0 else -value
    gain = stance(world.contracts, market, 1) * (mark_value(world, market, lots) - paid)
    missing = shortfall(world, market, -gain)
    move(world, market, SOCIALISED, POOL, missing)
    hand_over(world, market, holder, POOL_LOTS, lots)
    event["taken_over_lots"] += abs(lots)
    event["pool"] += gain + missing
    event["socialised"] += missing


@rule
def is_alarmed(world, market):
    """Whether the market's pool has fallen so far that its venue deleverages: begins at `fall`, ends below `stop`."""
    terms, purse = world.rules[market], world.contracts.purse[market]
    pool, equity = world.pools[purse], pool_equity(world, purse)
    pool["peak"] = max(pool["peak"], equity)
    fallen = 1.0 - equity / pool["peak"] if pool["peak"] > 0 else 1.0
    pool["alarm"] = 1 if fallen >= (terms["stop"] if pool["alarm"] == 1 else terms["fall"]) else 0
    return pool["alarm"] == 1


@rule
def record_pools(world, minute):
    """Write what every pool is worth after so many minutes, and find its maximum over the window."""
    values = world.records.pools
    for purse in range(len(world.pools)):
        values[minute, purse] = pool_equity(world, purse)
        peak = values[minute, purse]
        for earlier in range(max(minute - world.pools[purse]["window"], 0), minute):
            peak = max(peak, values[earlier, purse])
        world.pools[purse]["peak"] = peak
