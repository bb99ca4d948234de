"""Liquidation of cross accounts: the venue closes one leg after the other until the account is healthy or empty.

Each order closes one leg, or a part of it: the one that the venue's order names, at a limit where the account, its
other legs at their marks, would have nothing left: the leg's bankruptcy price. What the book does not fill, winners or
the pool take at that price. Then the account is judged anew. Coin collateral is sold last, and only where the wallet is
below zero; what it cannot cover is the pool's loss.
"""

import numpy as np

from cascade.kernels.accounts import part_of
from cascade.kernels.deleveraging import deleverage, is_due
from cascade.kernels.edges import cross_edges, look_at_watched, watch
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over, move
from cascade.kernels.legs import lots_of_leg, worst_leg
from cascade.kernels.margin import bankruptcy_price
from cascade.kernels.money import average_quote, quote, size_of, ticks_from
from cascade.kernels.orders import fill_value, take_at_limit, take_at_market
from cascade.kernels.pools import bear_loss, mark_value, pool_cash, take_over
from cascade.kernels.prices import move_since, note_touch
from cascade.kernels.slack import (
    entry_of,
    equity_of,
    good_side,
    home_of,
    legs_of,
    mark_quote,
    pay,
    purse_of,
    settle_funding,
    slack_of,
    value_at_mark,
)
from cascade.kernels.stops import inner_tick
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    ACCOUNTS_LOTS,
    AT_BANKRUPTCY,
    BACKSTOP,
    BUY,
    CLEARANCE,
    CLOSED_AT_BANKRUPTCY,
    COLLATERAL,
    CROSS_GROUP,
    CROSS_LOTS,
    EXTERNAL,
    EXTERNAL_LOTS,
    FREE,
    LEDGER_COLUMNS,
    LIQUIDATED,
    LIQUIDATIONS,
    N_CROSS_LIQUIDATED,
    N_LIQUIDATED,
    N_TAPE,
    NO_POSITION,
    ORDER_PART,
    ORDER_WHOLE,
    PAID,
    POOL,
    SELL,
    TALLY_DELEVERAGED,
    TALLY_LAST_TICK,
    TICKS,
    TO_POOL,
    WHOLE,
)


@rule
def liquidate_cross(world, step):
    """Look at the accounts that the marks may have breached, and send as many orders as the venues' engines can."""
    if len(world.cross.portfolios) > 0:
        look_at_due(world, step)
        drain_queues(world, step)


@rule
def look_at_due(world, step):
    """Look at the accounts whose edges the marks have crossed, and those that are watched."""
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
    """Liquidate from the front of a venue's queue; an account that is healthy again is let go.

    Where the venue closes positions in parts, an account gets one order in a step; where whole, one after the other.
    """
    engine, in_book = world.cross.engines[venue], world.settings.switches[LIQUIDATIONS] == 1
    left = np.int64(engine["rate"])
    while left > 0 and engine["first_queued"] != NO_POSITION:
        p = engine["first_queued"]
        settle_funding(world, p, step)
        slack = slack_of(world, p)
        if in_book and slack >= 0.0:
            leave_queue(world, engine, p)
            watch(world, p)
            continue
        liquidate_leg(world, p, slack, step)
        is_closed = has_no_contracts(world, p)
        if is_closed:
            leave_queue(world, engine, p)
            world.cross.portfolios[p]["status"] = LIQUIDATED
        elif in_book and world.rules[venue]["part"] != WHOLE:
            leave_queue(world, engine, p)
            watch(world, p)
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
def liquidate_leg(world, p, slack, step):
    """Liquidate a leg of account `p`, or a part of it: by the book, what that does not fill by winners or the pool."""
    j = worst_leg(world, p)
    row, leg = world.cross.portfolios[p], world.cross.legs[j]
    market, lots, equity = np.int64(leg["market"]), np.int64(leg["lots"]), equity_of(world, p)
    event = world.records.tape[world.counters.n[N_TAPE]]
    write_event(world, p, j, step, event)
    event["bankruptcy_usd"] = bankruptcy_of_leg(world, j, equity)
    wanted, filled, value, payer, taker = lots, lots, np.int64(0), ABSORBER, ABSORBER_LOTS
    if world.settings.switches[LIQUIDATIONS] == 0:
        value = mark_value(world, market, lots)  # off the book, where liquidations do not move the price
        event["fill_usd"] = event["last_fill_usd"] = world.markets[market]["mark_usd"]
    else:
        filled, payer, taker = np.int64(0), EXTERNAL, EXTERNAL_LOTS
        event["kind"] = BACKSTOP
        if equity >= world.rules[market]["backstop"] * (equity - slack):
            wanted = lots_of_leg(world, p, j, slack, step)
            event["kind"] = ORDER_WHOLE if wanted == lots else ORDER_PART
            filled = sell_leg(world, j, wanted, event)
            value = fill_value(world, market, filled)
    event["lots"], event["filled_lots"] = wanted, filled
    if filled > 0:
        release_leg(world, p, j, filled, value, payer)
        hand_over(world, market, CROSS_LOTS, taker, np.int64(leg["side"]) * filled)
        charge_clearance(world, p, market, value, event)
    if filled < wanted:
        hand_off_leg(world, p, j, wanted - filled, part_of(equity, wanted - filled, lots), event)
    if has_no_contracts(world, p):
        settle_account(world, p, event)
    event["loss"] -= row["wallet"]
    row["last_order"] = step + 1


@rule
def write_event(world, p, j, step, event):
    """Write down whose liquidation this is, before it changes anything; count an account once."""
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
    world.counters.n[N_LIQUIDATED] += 1 if row["last_order"] == 0 else 0
    world.counters.n[N_CROSS_LIQUIDATED] += 1 if row["last_order"] == 0 else 0
    world.counters.n[N_TAPE] = min(world.counters.n[N_TAPE] + 1, len(world.records.tape) - 1)


@rule
def bankruptcy_of_leg(world, j, equity):
    """Return the price, USD, of leg `j` at which its account has nothing left, its other legs at their marks."""
    market, contracts = np.int64(world.cross.legs[j]["market"]), world.contracts
    size, left = size_of(contracts, market, world.cross.legs[j]["lots"]), equity / contracts.quantum[market]
    ruin = bankruptcy_price(good_side(world, j), size, mark_quote(world, market), left)
    return quote(contracts, market, ruin)


@rule
def sell_leg(world, j, lots, event):
    """Send an order for `lots` of leg `j` to the book, by the venue's type of order; return the lots filled."""
    leg, contracts = world.cross.legs[j], world.contracts
    market, side = np.int64(leg["market"]), np.int64(leg["side"])
    is_limit = world.rules[market]["order"] == AT_BANKRUPTCY
    limit_tick = 0 if side > 0 else TICKS - 1
    if is_limit:
        limit_tick = inner_tick(ticks_from(contracts, market, event["bankruptcy_usd"]), side)
        limit_tick = min(max(limit_tick, 0), TICKS - 1)
    filled = take_at_limit(world, market, SELL if side > 0 else BUY, limit_tick, lots)
    if filled > 0:
        last_tick = world.counters.fills[TALLY_LAST_TICK] + contracts.floor_tick[market]
        mean = average_quote(contracts, market, filled, fill_value(world, market, filled))
        event["fill_usd"], event["last_fill_usd"] = (
            quote(contracts, market, mean),
            last_tick * contracts.tick_usd[market],
        )
    limit_usd = (limit_tick + contracts.floor_tick[market]) * contracts.tick_usd[market]
    event["feed_usd"] = limit_usd if is_limit else event["fill_usd"]
    world.markets[market]["liquidated_lots"] += filled
    world.coins[contracts.coin[market]]["liquidated"] += filled * world.markets[market]["stress_per_lot"]
    return filled


# ── who pays ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def hand_off_leg(world, p, j, lots, stake, event):
    """Close what the book did not fill: against winners where that is due, else by the pool, at the bankruptcy price.

    That is the mark less the part of the equity, `stake`, that these lots have.
    """
    leg = world.cross.legs[j]
    market, side, good = np.int64(leg["market"]), np.int64(leg["side"]), good_side(world, j)
    value = max(mark_value(world, market, lots) - good * stake, 0)
    if is_due(world, market, good * (value - mark_value(world, market, lots))):
        at_bankruptcy = world.rules[market]["price"] == CLOSED_AT_BANKRUPTCY
        closed = deleverage(world, event, lots, value if at_bankruptcy else mark_value(world, market, lots))
        if closed > 0:
            release_leg(world, p, j, closed, world.counters.fills[TALLY_DELEVERAGED], EXTERNAL)
            hand_over(world, market, CROSS_LOTS, ACCOUNTS_LOTS, side * closed)
            event["deleveraged_lots"] = closed
            value -= part_of(value, closed, lots)
            lots -= closed
    if lots > 0:
        take_over(world, market, CROSS_LOTS, side * lots, value, event)
        release_leg(world, p, j, lots, value, POOL)


@rule
def release_leg(world, p, j, lots, value, payer):
    """Close `lots` of leg `j` for `value` quanta paid by a ledger column."""
    row, leg = world.cross.portfolios[p], world.cross.legs[j]
    good, size, cost = good_side(world, j), np.int64(leg["lots"]), leg["cost"]
    if lots < size:
        cost = part_of(cost, lots, size)
    leg["cost"] -= cost
    leg["lots"] -= lots
    row["wallet"] += good * (value - cost)
    purse = purse_of(world, p) * LEDGER_COLUMNS
    world.ledger.cash[purse + PAID] -= good * cost
    world.ledger.cash[purse + payer] -= good * value
    world.ledger.cash[purse + COLLATERAL] += good * (value - cost)


@rule
def draw_wallet(world, p, target, quanta):
    """Pay `quanta` from the wallet of account `p` to a ledger column."""
    world.cross.portfolios[p]["wallet"] -= quanta
    pay(world, purse_of(world, p), COLLATERAL, target, quanta)


@rule
def charge_clearance(world, p, market, value, event):
    """Take the clearance fee on `value` from account `p`, at most what it has."""
    left = max(equity_of(world, p), 0)
    fee = min(left, np.int64(value * world.margin.clearance_fee[market]))
    draw_wallet(world, p, CLEARANCE, fee)
    event["fee"] += fee


@rule
def settle_account(world, p, event):
    """Settle account `p`, whose contracts are all closed.

    Coins are sold for a wallet below zero, and the pool bears what is missing still. What is above zero the pool keeps
    where the venue's rule says so; else it is its owner's.
    """
    row, home = world.cross.portfolios[p], home_of(world, p)
    for j in legs_of(world, p):
        if row["wallet"] < 0 and world.cross.legs[j]["lots"] > 0:
            sell_coin(world, p, j, event)
    left, before = np.int64(row["wallet"]), pool_cash(world, purse_of(world, p))
    draw_wallet(world, p, FREE, left)
    event["socialised"] += bear_loss(world, home, -left)
    if left > 0 and world.rules[home]["surplus"] == TO_POOL:
        move(world, home, FREE, POOL, left)
    elif left > 0:
        event["loss"] -= left
    event["pool"] += pool_cash(world, purse_of(world, p)) - before


@rule
def sell_coin(world, p, j, event):
    """Sell coin collateral `j` in its spot book; what that does not take others buy at its collateral value."""
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    value, payer, taker = mark_value(world, market, lots), ABSORBER, ABSORBER_LOTS
    event["loss"] += value
    if world.settings.switches[LIQUIDATIONS] == 1:
        payer, taker = EXTERNAL, EXTERNAL_LOTS
        filled = take_at_market(world, market, SELL, lots)
        value = fill_value(world, market, filled)
        leg["lots"] = lots - filled
        value += value_at_mark(world, j)
        leg["lots"] = lots
    release_leg(world, p, j, lots, value, payer)
    hand_over(world, market, CROSS_LOTS, taker, lots)
