"""Liquidation of cross accounts: the venue closes one leg after the other until the account is healthy or empty.

Each order closes one leg, the one that the venue's order names, or a part of it by the venue's rule of parts, at a
limit where the account, its other legs at their marks, would have nothing left: the leg's bankruptcy price. What the
book does not fill goes to winners or to the pool at that price. Then the account is judged anew. Coin collateral is
sold last, and only where the wallet is below zero; what it cannot cover is the pool's loss.
"""

import numpy as np

from cascade.kernels.accounts import part_of
from cascade.kernels.deleveraging import deleverage, is_due
from cascade.kernels.edges import cross_edges, look_at_watched, stand_last, watch
from cascade.kernels.jit import rule
from cascade.kernels.margin import bankruptcy_price
from cascade.kernels.money import average_quote, quote, size_of, ticks_from, value_of
from cascade.kernels.orders import fill_value, take_at_limit
from cascade.kernels.parts import Held, lots_of_order
from cascade.kernels.pools import mark_value, take_over
from cascade.kernels.prices import move_since, note_touch
from cascade.kernels.slack import (
    entry_of,
    equity_of,
    good_side,
    legs_of,
    mark_quote,
    mark_ticks,
    profit_at_mark,
    required_of_leg,
    settle_funding,
    slack_of,
    value_at_mark,
)
from cascade.kernels.stops import inner_tick
from cascade.kernels.wallets import charge_clearance, release_leg, settle_account
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    AT_BANKRUPTCY,
    BACKSTOP,
    BUY,
    CLOSED_AT_BANKRUPTCY,
    CROSS_LOTS,
    EXTERNAL,
    EXTERNAL_LOTS,
    LARGEST_LOSS,
    LARGEST_NOTIONAL,
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

CROSS_GROUP = 2  # in the tape


@rule
def liquidate_cross(world, step):
    """Look at the accounts that the marks may have breached, and send as many orders as the venues' engines can."""
    if len(world.cross.portfolios) == 0:
        return
    for market in range(len(world.markets)):
        cross_edges(world, market)
    look_at_watched(world, step)
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


@rule
def has_no_contracts(world, p):
    """Whether all contracts of account `p` are closed."""
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["is_coin"] == 0 and leg["lots"] > 0:
            return False
    return True


# ── one order ────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def worst_leg(world, p):
    """Return the leg of account `p` that its venue closes first."""
    order = world.cross.engines[world.cross.portfolios[p]["venue"]]["order"]
    worst, most = NO_POSITION, 0.0
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["is_coin"] == 1 or leg["lots"] == 0:
            continue
        if order == LARGEST_LOSS:
            badness = -np.float64(profit_at_mark(world, j))
        elif order == LARGEST_NOTIONAL:
            badness = np.float64(value_at_mark(world, j))
        else:
            badness = required_of_leg(world, j)
        if worst == NO_POSITION or badness > most:
            worst, most = j, badness
    return worst


@rule
def liquidate_leg(world, p, step):
    """Close one leg of account `p`: into the book, the rest by the pool; off the book, at the mark."""
    j = worst_leg(world, p)
    leg = world.cross.legs[j]
    market = np.int64(leg["market"])
    equity, lots = equity_of(world, p), np.int64(leg["lots"])
    event = world.records.tape[world.counters.n[N_TAPE]]
    begin_event(world, p, j, step, event)
    event["bankruptcy_usd"] = bankruptcy_of_leg(world, j, equity)
    if world.settings.switches[LIQUIDATIONS] == 0:
        absorb_leg(world, p, j, event)
    elif is_backstopped(world, p, j):
        event["kind"] = BACKSTOP
        hand_off_leg(world, p, j, lots, equity, event)
    else:
        wanted = lots_of_order(world, held_in_leg(world, p, j), step)
        event["kind"], event["lots"] = ORDER_WHOLE if wanted == lots else ORDER_PART, wanted
        filled = sell_leg(world, p, j, wanted, event)
        world.markets[market]["liquidated_lots"] += filled
        world.coins[world.contracts.coin[market]]["liquidated"] += filled * world.markets[market]["stress_per_lot"]
        hand_off_leg(world, p, j, wanted - filled, part_of(equity, wanted - filled, lots), event)
        world.cross.last_part[p] = step + 1 if wanted < lots else 0
    if has_no_contracts(world, p):
        settle_account(world, p, event)
    event["loss"] -= world.cross.portfolios[p]["wallet"]
    world.counters.n[N_TAPE] = min(world.counters.n[N_TAPE] + 1, len(world.records.tape) - 1)


@rule
def held_in_leg(world, p, j):
    """Return leg `j` as its venue's rules of parts see it: with the equity that the other legs leave."""
    market, lots = np.int64(world.cross.legs[j]["market"]), np.int64(world.cross.legs[j]["lots"])
    equity = (slack_of(world, p) + required_of_leg(world, j)) / world.contracts.quantum[market]
    return Held(market, lots, entry_of(world, j), equity, False, np.int64(world.cross.last_part[p]))


@rule
def is_backstopped(world, p, j):
    """Whether the pool takes legs of account `p` over at once: its equity is below a share of its requirement."""
    share = world.rules[world.cross.legs[j]["market"]]["backstop"]
    equity = np.float64(equity_of(world, p))
    return share > 0.0 and equity < share * (equity - slack_of(world, p))


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
    event["mark_usd"] = world.records.mark[row["trigger_step"], market]
    event["fill_usd"], event["last_fill_usd"], event["feed_usd"] = np.nan, np.nan, np.nan
    event["loss"] = row["wallet"]
    world.counters.n[N_LIQUIDATED] += 1 - row["is_taken"]
    world.counters.n[N_CROSS_LIQUIDATED] += 1 - row["is_taken"]
    row["is_taken"] = 1


@rule
def bankruptcy_of_leg(world, j, equity):
    """Return the price, USD, of leg `j` at which its account has nothing left, its other legs at their marks."""
    market, contracts = np.int64(world.cross.legs[j]["market"]), world.contracts
    size, left = size_of(contracts, market, world.cross.legs[j]["lots"]), equity / contracts.quantum[market]
    ruin = bankruptcy_price(good_side(world, j), size, mark_quote(world, market), left)
    return quote(contracts, market, ruin)


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
    if lots > 0 and is_due(world, market, good * (value - at_mark)):
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
