"""Liquidation of cross accounts: the venue closes one leg after the other until the account is healthy or empty.

Each order closes one leg, the one that the venue's order names, or a part of it by the venue's rule of parts, at a
limit where the account, its other legs at their marks, would have nothing left: the leg's bankruptcy price. What the
book does not fill goes to winners or to the pool at that price. Then the account is judged anew. Coin collateral is
sold last, and only where the wallet is below zero; what it cannot cover is the pool's loss.
"""

import numpy as np

from cascade.kernels.accounts import part_of
from cascade.kernels.deleveraging import deleverage, is_due
from cascade.kernels.edges import cross_edges, look_at_watched, stand_last
from cascade.kernels.jit import rule
from cascade.kernels.legs import bankruptcy_of_leg, has_no_contracts, held_in_leg, is_backstopped, worst_leg
from cascade.kernels.money import average_quote, quote, ticks_from, value_of
from cascade.kernels.orders import fill_value, take_at_limit
from cascade.kernels.parts import lots_of_order
from cascade.kernels.pools import mark_value, take_over
from cascade.kernels.prices import move_since, note_touch
from cascade.kernels.slack import (
    entry_of,
    equity_of,
    good_side,
    home_of,
    mark_ticks,
    settle_funding,
    slack_of,
)
from cascade.kernels.stops import inner_tick
from cascade.kernels.turns import watch
from cascade.kernels.wallets import charge_clearance, release_leg, settle_account
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    AT_BANKRUPTCY,
    BACKSTOP,
    BUY,
    CLOSED_AT_BANKRUPTCY,
    CROSS_GROUP,
    CROSS_LOTS,
    EXTERNAL,
    EXTERNAL_LOTS,
    LIQUIDATED,
    LIQUIDATIONS,
    N_CROSS_LIQUIDATED,
    N_LIQUIDATED,
    N_TAPE,
    NO_POSITION,
    ORDER_PART,
    ORDER_WHOLE,
    POOL,
    SELL,
    TALLY_DELEVERAGED,
    TALLY_LAST_TICK,
    TICKS,
)


@rule
def liquidate_cross(world, step):
    """Look at the accounts that the marks may have breached, and send as many orders as the venues' engines can."""
    if len(world.cross.portfolios) > 0:
        look_at_due(world, step)
        drain_queues(world, step)


@rule
def look_at_due(world, step):
    """Look at the accounts whose edges the marks have reached, and at those that are watched."""
    for market in range(len(world.markets)):
        cross_edges(world, market)
    look_at_watched(world, step)


@rule
def drain_queues(world, step):
    """Send the orders of all venues' engines, and note what they moved."""
    if not is_any_queued(world):
        return
    for market in range(len(world.markets)):
        note_touch(world, market)
    for venue in range(len(world.cross.engines)):
        drain_cross(world, venue, step)
    for market in range(len(world.markets)):
        world.markets[market]["impact"] += move_since(world, market)


@rule
def is_any_queued(world):
    """Whether an account waits at any venue."""
    for venue in range(len(world.cross.engines)):
        if world.cross.engines[venue]["first_queued"] != NO_POSITION:
            return True
    return False


@rule
def drain_cross(world, venue, step):
    """Liquidate from the front of a venue's queue; an account that is healthy again is let go."""
    engine, in_book = world.cross.engines[venue], world.settings.switches[LIQUIDATIONS] == 1
    left = np.int64(engine["rate"])
    while left > 0 and engine["first_queued"] != NO_POSITION:
        p = engine["first_queued"]
        if world.cross.last_part[p] == step + 1:
            return  # from here on, all have come back to the end of the queue in this step
        settle_funding(world, p, step)
        if in_book and slack_of(world, p) >= 0.0:
            leave_queue(world, engine, p)
            watch(world, p)
            continue
        liquidate_leg(world, p, step)
        is_closed = has_no_contracts(world, p)
        if is_closed:
            leave_queue(world, engine, p)
            world.cross.portfolios[p]["status"] = LIQUIDATED
        elif world.cross.last_part[p] == step + 1:
            leave_queue(world, engine, p)
            stand_last(world, engine, p)
        left -= 1 if in_book or is_closed else 0  # off the book, an account is closed whole, as if by one order


@rule
def leave_queue(world, engine, p):
    """Take account `p` from the front of its venue's queue."""
    engine["first_queued"] = world.cross.portfolios[p]["next"]
    if engine["first_queued"] == NO_POSITION:
        engine["last_queued"] = NO_POSITION


# ── one order ────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def liquidate_leg(world, p, step):
    """Close one leg of account `p`, or a part of it, as its venue does; an account without contracts is settled."""
    j = worst_leg(world, p)
    leg = world.cross.legs[j]
    event = world.records.tape[world.counters.n[N_TAPE]]
    begin_event(world, p, j, step, event)
    if leg["is_coin"] == 1:  # winners took its contracts: a sale of coins, booked where its purse is
        event["lots"], event["market"] = 0, home_of(world, p)
    elif world.settings.switches[LIQUIDATIONS] == 0:
        absorb_leg(world, p, j, event)
    elif is_backstopped(world, p, j):
        event["kind"] = BACKSTOP
        hand_off_leg(world, p, j, np.int64(leg["lots"]), equity_of(world, p), event)
    else:
        order_leg(world, p, j, step, event)
    if has_no_contracts(world, p):
        settle_account(world, p, event)
    event["loss"] -= world.cross.portfolios[p]["wallet"]
    world.counters.n[N_TAPE] = min(world.counters.n[N_TAPE] + 1, len(world.records.tape) - 1)


@rule
def order_leg(world, p, j, step, event):
    """Send one order for leg `j`; what the book does not fill is handed off with its share of what equity is left."""
    market, lots, equity = np.int64(event["market"]), np.int64(event["lots"]), equity_of(world, p)
    wanted = lots_of_order(world, held_in_leg(world, p, j), step)
    event["kind"], event["lots"] = ORDER_WHOLE if wanted == lots else ORDER_PART, wanted
    filled = sell_leg(world, p, j, wanted, event)
    world.markets[market]["liquidated_lots"] += filled
    world.coins[world.contracts.coin[market]]["liquidated"] += filled * world.markets[market]["stress_per_lot"]
    rest = wanted - filled
    if rest > 0:
        stake = min(part_of(equity, rest, lots), part_of(equity_of(world, p), rest, lots - filled))
        hand_off_leg(world, p, j, rest, stake, event)
    world.cross.last_part[p] = step + 1 if wanted < lots else 0


@rule
def begin_event(world, p, j, step, event):
    """Write to the tape what is known of a liquidation of leg `j` before its order; count an account once."""
    row, leg = world.cross.portfolios[p], world.cross.legs[j]
    market = np.int64(leg["market"])
    event["account"], event["group"] = len(world.accounts.rows) + p, CROSS_GROUP
    event["trigger_step"], event["step"] = row["trigger_step"], step
    event["lots"], event["market"], event["side"] = leg["lots"], market, leg["side"]
    event["leverage"], event["bucket"] = row["leverage"], row["bucket"]
    event["moved_by"] = market if row["moved_by"] < 0 else row["moved_by"]
    event["entry_usd"] = quote(world.contracts, market, entry_of(world, j))
    event["bankruptcy_usd"] = bankruptcy_of_leg(world, j, equity_of(world, p))
    event["mark_usd"] = world.records.mark[row["trigger_step"], market]
    event["fill_usd"], event["last_fill_usd"], event["feed_usd"] = np.nan, np.nan, np.nan
    event["loss"] = row["wallet"]
    world.counters.n[N_LIQUIDATED] += 1 - row["is_taken"]
    world.counters.n[N_CROSS_LIQUIDATED] += 1 - row["is_taken"]
    row["is_taken"] = 1


@rule
def sell_leg(world, p, j, lots, event):
    """Send an order that closes lots of leg `j` to the book, by the venue's type of order; return the lots filled."""
    leg, contracts = world.cross.legs[j], world.contracts
    market, side = np.int64(leg["market"]), np.int64(leg["side"])
    is_limit = world.rules[market]["order"] == AT_BANKRUPTCY
    limit_tick = 0 if side > 0 else TICKS - 1
    if is_limit:
        ruin = ticks_from(contracts, market, event["bankruptcy_usd"])
        limit_tick = min(max(inner_tick(ruin, side), 0), TICKS - 1)
    filled = take_at_limit(world, market, SELL if side > 0 else BUY, limit_tick, lots)
    event["filled_lots"] = filled
    if filled > 0:
        value = fill_value(world, market, filled)
        last_tick = world.counters.fills[TALLY_LAST_TICK] + contracts.floor_tick[market]
        event["fill_usd"] = quote(contracts, market, average_quote(contracts, market, filled, value))
        event["last_fill_usd"] = last_tick * contracts.tick_usd[market]
        release_leg(world, p, j, filled, value, EXTERNAL, EXTERNAL_LOTS)
        charge_clearance(world, p, market, value, event)
    limit_usd = (limit_tick + contracts.floor_tick[market]) * contracts.tick_usd[market]
    event["feed_usd"] = limit_usd if is_limit else event["fill_usd"]
    return filled


@rule
def hand_off_leg(world, p, j, lots, stake, event):
    """Close what the book did not fill of leg `j`: against winners where that is due, else by the pool.

    At the bankruptcy price: at the mark, less the equity at `stake`.
    """
    leg = world.cross.legs[j]
    market, good = np.int64(leg["market"]), good_side(world, j)
    at_mark = mark_value(world, market, lots)
    value = max(at_mark - good * stake, 0)
    if is_due(world, market, good * (value - at_mark)):
        price = value if world.rules[market]["price"] == CLOSED_AT_BANKRUPTCY else at_mark
        closed = deleverage(world, event, lots, price)
        paid = world.counters.fills[TALLY_DELEVERAGED]
        event["deleveraged_lots"] = closed
        release_leg(world, p, j, closed, paid, EXTERNAL, EXTERNAL_LOTS)
        value -= part_of(value, closed, lots)
        lots -= closed
    if lots > 0:
        take_over(world, market, CROSS_LOTS, np.int64(leg["side"]) * lots, value, event)
        release_leg(world, p, j, lots, value, POOL, CROSS_LOTS)  # its contracts are with the pool already


@rule
def absorb_leg(world, p, j, event):
    """Close leg `j` at its mark, off the book: a world in which liquidations do not move the price."""
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    value = value_of(world.contracts, market, lots, mark_ticks(world, market))
    event["filled_lots"] = lots
    event["fill_usd"] = event["last_fill_usd"] = world.markets[market]["mark_usd"]
    release_leg(world, p, j, lots, value, ABSORBER, ABSORBER_LOTS)
    charge_clearance(world, p, market, value, event)
