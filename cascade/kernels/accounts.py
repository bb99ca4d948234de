"""Accounts open, stop and close: their orders meet the book like any other."""

import math

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.ledger import book_opening, book_release, hand_over, move
from cascade.kernels.margin import is_underwater
from cascade.kernels.money import average_quote, lots_worth, quote, size_of, stance
from cascade.kernels.orders import fill_value, take_at_market
from cascade.kernels.pools import bear_loss
from cascade.kernels.stops import set_triggers
from cascade.kernels.triggers import direction_of, file_position, trigger_tick, unfile
from cascade.state import (
    ACCOUNTS_LOTS,
    BUY,
    CLOSED,
    COLLATERAL,
    EXTERNAL,
    EXTERNAL_LOTS,
    FEES,
    FREE,
    N_CLOSED,
    N_OPENED,
    N_STOPPED,
    N_UNFILLED_OPENINGS,
    NO_POSITION,
    OPEN,
    PENDING,
    SELL,
    STOPPING,
)


@rule
def entry_quote(world, i):
    """Return the average entry of position `i`, as a quote."""
    row = world.accounts.rows[i]
    return average_quote(world.contracts, np.int64(row["market"]), np.int64(row["lots"]), row["cost"])


@rule
def collateral_of(world, i):
    """Return the collateral of position `i` in money of its purse."""
    row = world.accounts.rows[i]
    return row["margin"] / world.contracts.quantum[row["market"]]


@rule
def is_breached(world, i):
    """Whether the equity of position `i` is below its requirement at the mark."""
    row = world.accounts.rows[i]
    market, contracts = np.int64(row["market"]), world.contracts
    side, size = stance(contracts, market, np.int64(row["side"])), size_of(contracts, market, row["lots"])
    mark = quote(contracts, market, world.markets[market]["mark_usd"])
    return is_underwater(world.margin, market, side, size, entry_quote(world, i), collateral_of(world, i), mark)


@rule
def file_ahead(world, i):
    """File position `i` where it fires next; where the mark has passed, at the mark, which is looked at again."""
    row = world.accounts.rows[i]
    cursor = world.markets[row["market"]]["cursor"]
    direction = direction_of(row["side"])
    tick = np.int64(trigger_tick(row))
    if tick >= 0:
        tick = min(tick, cursor + 1) if row["side"] > 0 else max(tick, cursor)
    file_position(world.accounts, world.ladder, i, tick, direction)


@rule
def open_position(world, i):
    """Open the pending position `i` with a market order for the notional it wants."""
    row = world.accounts.rows[i]
    market, side = np.int64(row["market"]), np.int64(row["side"])
    contracts = world.contracts
    wanted = lots_worth(contracts, market, row["cost"], world.markets[market]["mark_usd"] / contracts.tick_usd[market])
    filled = take_at_market(world, market, BUY if side > 0 else SELL, wanted)
    row["status"] = CLOSED
    row["cost"] = 0
    if filled == 0:
        world.counters.n[N_UNFILLED_OPENINGS] += 1
        return
    cost = fill_value(world, market, filled)
    margin = np.int64(math.ceil(cost / np.float64(row["leverage"])))
    row["lots"], row["cost"], row["margin"], row["status"] = filled, cost, margin, OPEN
    fee = np.int64(cost * world.margin.taker_fee[market])
    book_opening(world, market, side, filled, cost)
    move(world, market, FREE, COLLATERAL, margin)
    move(world, market, FREE, FEES, fee)
    set_triggers(world, i)
    file_ahead(world, i)
    world.counters.n[N_OPENED] += 1


@rule
def release_lots(world, i, lots, proceeds, payer):
    """Close `lots` of position `i` for `proceeds` quanta paid by a ledger column; return what is left of its margin.

    Below zero, the account's wallet is short of it: the caller says who bears it (`pools.bear_loss`).
    """
    row = world.accounts.rows[i]
    market, size = np.int64(row["market"]), np.int64(row["lots"])
    side = stance(world.contracts, market, np.int64(row["side"]))
    cost, margin = row["cost"], row["margin"]
    if lots < size:
        cost = part_of(cost, lots, size)
        margin = part_of(margin, lots, size)
    row["cost"] -= cost
    row["margin"] -= margin
    row["lots"] -= lots
    return book_release(world, market, side, cost, margin, proceeds, payer)


@rule
def part_of(quanta, lots, size):
    """Return floor(quanta * lots / size) without overflow."""
    whole = quanta // size
    return whole * lots + (quanta - whole * size) * lots // size


@rule
def close_position(world, i):
    """Close position `i` with a market order; what the book would not take stays open."""
    row = world.accounts.rows[i]
    market, side = np.int64(row["market"]), np.int64(row["side"])
    unfile(world.accounts, world.ladder, i)
    filled = take_at_market(world, market, SELL if side > 0 else BUY, np.int64(row["lots"]))
    if filled > 0:
        proceeds = fill_value(world, market, filled)
        bear_loss(world, market, -release_lots(world, i, filled, proceeds, EXTERNAL))
        hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, side * filled)
        move(world, market, FREE, FEES, np.int64(proceeds * world.margin.taker_fee[market]))
    if row["lots"] == 0:
        row["status"] = CLOSED
    else:
        row["status"] = OPEN
        set_triggers(world, i)
        file_ahead(world, i)


@rule
def open_pending(world, step):
    """Open the positions that accounts open in this step."""
    for i in range(world.accounts.opening[step], world.accounts.opening[step + 1]):
        if world.accounts.rows[i]["status"] == PENDING:
            open_position(world, i)


@rule
def close_due(world, step):
    """Close the positions whose owners close them in this step."""
    i = np.int64(world.accounts.closing[step])
    while i != NO_POSITION:
        row = world.accounts.rows[i]
        if row["status"] == OPEN:
            close_position(world, i)
            world.counters.n[N_CLOSED] += 1
        i = np.int64(row["close_next"])


@rule
def close_stopped(world, market):
    """Close the positions whose stops fired in the last step."""
    i = np.int64(world.markets[market]["first_stopped"])
    world.markets[market]["first_stopped"] = NO_POSITION
    while i != NO_POSITION:
        row = world.accounts.rows[i]
        behind = np.int64(row["next"])
        if row["status"] == STOPPING:
            close_position(world, i)
            world.counters.n[N_STOPPED] += 1
        i = behind
