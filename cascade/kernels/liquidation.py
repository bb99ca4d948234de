"""Breached positions: from the ladder into the venue's queue, from the queue into the book."""

import math

import numpy as np

from cascade.kernels.accounts import QUANTA_PER_USD, entry_usd, file_ahead, is_breached, release_lots, size_base
from cascade.kernels.compliance import comply, lots_kept
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over, move
from cascade.kernels.margin import bankruptcy_price
from cascade.kernels.orders import fill_value, take_at_limit
from cascade.kernels.triggers import trigger_tick, unfile
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    ACCOUNTS_LOTS,
    BUY,
    CLEARANCE,
    EXTERNAL,
    EXTERNAL_LOTS,
    FALLING,
    FREE,
    LEDGER_COLUMNS,
    LIQUIDATED,
    LIQUIDATIONS,
    N_LIQUIDATED,
    N_TAPE,
    N_TRIGGER_CHECKS,
    NO_POSITION,
    POOL,
    POOL_LOTS,
    QUEUED,
    RISING,
    SELL,
    STOPPING,
    STOPS,
    TALLY_LAST_TICK,
    TICKS,
)


@rule
def enqueue(world, i, step):
    """Put position `i` at the end of its market's liquidation queue; its `prev` keeps the step of the breach."""
    row = world.accounts.rows[i]
    market = world.markets[row["market"]]
    row["status"] = QUEUED
    row["prev"] = step
    row["next"] = NO_POSITION
    if market["last_queued"] == NO_POSITION:
        market["first_queued"] = i
    else:
        world.accounts.rows[market["last_queued"]]["next"] = i
    market["last_queued"] = i


@rule
def ticks_of(world, market):
    """Return the mark in ticks of the market's book, with its fraction."""
    ticks = world.markets[market]["mark_usd"] / world.contracts.tick_usd[market]
    return ticks - world.contracts.floor_tick[market]


@rule
def is_stopped(world, i):
    """Whether the mark has reached the stop of position `i`."""
    row = world.accounts.rows[i]
    return row["stop_tick"] >= 0 and (row["stop_tick"] - ticks_of(world, np.int64(row["market"]))) * row["side"] >= 0


@rule
def check_position(world, i, step):
    """Look at position `i` at the mark: liquidate it, stop it, or leave it where it is filed."""
    world.counters.n[N_TRIGGER_CHECKS] += 1
    row = world.accounts.rows[i]
    if is_breached(world, i):
        unfile(world.accounts, world.ladder, i)
        enqueue(world, i, step)
    elif is_stopped(world, i):
        unfile(world.accounts, world.ladder, i)
        if world.settings.switches[STOPS] == 0:
            row["stop_tick"] = -1
            file_ahead(world, i)
            return
        row["status"] = STOPPING
        row["next"] = world.markets[row["market"]]["first_stopped"]
        world.markets[row["market"]]["first_stopped"] = i
    elif row["filed_tick"] != trigger_tick(row):
        unfile(world.accounts, world.ladder, i)  # filed at the mark when it opened past its price; the mark came back
        file_ahead(world, i)


@rule
def check_tick(world, market, direction, tick, step):
    """Look at every position filed at `tick`."""
    i = np.int64(world.ladder.heads[(2 * market + direction) * TICKS + tick]) - 1
    while i != NO_POSITION:
        behind = np.int64(world.accounts.rows[i]["next"])
        check_position(world, i, step)
        i = behind


@rule
def fire_ladders(world, market, step):
    """Look at the positions whose ticks the mark has reached since the last step.

    A long is filed at its price rounded up, a short at its price rounded down: at the mark's own tick, and for longs
    one above, a position may not be breached yet, so these are looked at in every step.
    """
    new = min(max(np.int64(math.floor(ticks_of(world, market))), 0), TICKS - 2)
    old = world.markets[market]["cursor"]
    world.markets[market]["cursor"] = new
    for tick in range(max(old, new) + 1, new - 1, -1):
        check_tick(world, market, FALLING, tick, step)
    for tick in range(min(old, new), new + 1):
        check_tick(world, market, RISING, tick, step)
    for tick in range(old, min(old + 2, new)):  # the mark rose from here: longs that opened since, past their price
        check_tick(world, market, FALLING, tick, step)
    if new < old:  # shorts likewise
        check_tick(world, market, RISING, old, step)


@rule
def drain(world, market, step):
    """Liquidate from the front of the queue, as many as the venue's engine can in one step."""
    queue = world.markets[market]
    for _ in range(queue["engine_rate"]):
        i = queue["first_queued"]
        if i == NO_POSITION:
            return
        queue["first_queued"] = world.accounts.rows[i]["next"]
        if queue["first_queued"] == NO_POSITION:
            queue["last_queued"] = NO_POSITION
        liquidate(world, i, step)


@rule
def liquidate(world, i, step):
    """Close position `i`: an IOC at its bankruptcy price into the book, the rest taken over by the pool at it."""
    row = world.accounts.rows[i]
    market, side, lots = np.int64(row["market"]), np.int64(row["side"]), np.int64(row["lots"])
    entry, margin_usd = entry_usd(world, i), row["margin"] / QUANTA_PER_USD
    bankruptcy_usd = bankruptcy_price(side, size_base(world, i), entry, margin_usd)
    n = world.counters.n[N_TAPE]
    event = world.records.tape[n]
    event["account"], event["trigger_step"], event["step"] = i, row["prev"], step
    event["lots"], event["leverage"], event["market"], event["side"] = lots, row["leverage"], market, side
    event["bucket"], event["group"] = row["bucket"], row["group"]
    event["opened_today"] = 1 if i >= world.accounts.opening[0] else 0
    event["entry_usd"], event["bankruptcy_usd"] = entry, bankruptcy_usd
    event["mark_usd"] = world.records.mark[row["prev"], market]
    event["fill_usd"], event["last_fill_usd"] = np.nan, np.nan
    kept = lots_kept(world, i) if world.markets[market]["in_part"] == 1 else np.int64(0)
    if kept > 0:
        world.markets[market]["liquidated_lots"] += comply(world, i, lots - kept, event)
        world.counters.n[N_TAPE] = min(n + 1, len(world.records.tape) - 1)
        return
    if world.settings.switches[LIQUIDATIONS] == 1:
        filled = sell_out(world, i, bankruptcy_usd, event)
        take_over(world, i, event)
        world.markets[market]["liquidated_lots"] += filled
        world.coins[world.contracts.coin[market]]["liquidated"] += filled * world.markets[market]["stress_per_lot"]
    else:
        absorb(world, i, event)
    row["status"] = LIQUIDATED
    world.counters.n[N_LIQUIDATED] += 1
    world.counters.n[N_TAPE] = min(n + 1, len(world.records.tape) - 1)


@rule
def sell_out(world, i, bankruptcy_usd, event):
    """Send the IOC order of position `i` to the book; return the lots filled."""
    row = world.accounts.rows[i]
    market, side, lots = np.int64(row["market"]), np.int64(row["side"]), np.int64(row["lots"])
    tick_usd, floor = world.contracts.tick_usd[market], world.contracts.floor_tick[market]
    limit = bankruptcy_usd / tick_usd
    limit_tick = np.int64(math.ceil(limit) if side > 0 else math.floor(limit)) - floor
    limit_tick = min(max(limit_tick, 0), TICKS - 1)
    if world.markets[market]["at_market"] == 1:
        limit_tick = 0 if side > 0 else TICKS - 1
    filled = take_at_limit(world, market, SELL if side > 0 else BUY, limit_tick, lots)
    event["filled_lots"] = filled
    if filled > 0:
        value = fill_value(world, market, filled)
        event["fill_usd"] = value / (QUANTA_PER_USD * filled * world.contracts.lot_base[market])
        event["last_fill_usd"] = (world.counters.fills[TALLY_LAST_TICK] + floor) * tick_usd
        settle(world, i, filled, value, EXTERNAL, event)
        hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, side * filled)
    return filled


@rule
def settle(world, i, lots, value, payer, event):
    """Release `lots` of position `i` for `value` quanta; what is left pays the clearance fee, then the pool."""
    market = np.int64(world.accounts.rows[i]["market"])
    pool = world.contracts.venue[market]
    before = pool_cash(world, pool)
    left = release_lots(world, i, lots, value, payer)
    fee = min(left, np.int64(value * world.margin.clearance_fee[market]))
    move(world, market, FREE, CLEARANCE, fee)
    move(world, market, FREE, POOL, left - fee)
    event["fee"] += fee
    event["pool"] += pool_cash(world, pool) - before


@rule
def take_over(world, i, event):
    """Hand what the book did not fill to the pool at the bankruptcy price: the account ends with exactly nothing."""
    row = world.accounts.rows[i]
    market, side, lots = np.int64(row["market"]), np.int64(row["side"]), np.int64(row["lots"])
    if lots == 0:
        return
    value = row["cost"] - side * row["margin"]
    release_lots(world, i, lots, value, POOL)
    hand_over(world, market, ACCOUNTS_LOTS, POOL_LOTS, side * lots)
    event["pool"] += side * (mark_value(world, market, lots) - value)


@rule
def absorb(world, i, event):
    """Close position `i` at its mark, off the book: a world in which liquidations do not move the price."""
    row = world.accounts.rows[i]
    market, side, lots = np.int64(row["market"]), np.int64(row["side"]), np.int64(row["lots"])
    event["filled_lots"] = lots
    event["fill_usd"] = world.markets[market]["mark_usd"]
    event["last_fill_usd"] = world.markets[market]["mark_usd"]
    settle(world, i, lots, mark_value(world, market, lots), ABSORBER, event)
    hand_over(world, market, ACCOUNTS_LOTS, ABSORBER_LOTS, side * lots)


@rule
def mark_value(world, market, lots):
    """Return the value of `lots` at the mark, in quanta."""
    ticks = world.markets[market]["mark_usd"] / world.contracts.tick_usd[market]
    return np.int64(lots * world.contracts.quanta[market] * ticks)


@rule
def pool_cash(world, venue):
    """Return what the venue's insurance pool holds, in quanta."""
    return world.ledger.cash[venue * LEDGER_COLUMNS + POOL]
