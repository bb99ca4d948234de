"""Liquidation: from the venue's queue into the book, to winners or to the pool; and who pays for it."""

import numpy as np

from cascade.kernels.accounts import collateral_of, entry_quote, file_ahead, is_breached, part_of, release_lots
from cascade.kernels.deleveraging import deleverage, is_due
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over, move
from cascade.kernels.margin import bankruptcy_price, equity_usd
from cascade.kernels.money import average_quote, mark_quote, quote, size_of, stance, ticks_from
from cascade.kernels.orders import fill_value, take_at_limit
from cascade.kernels.parts import Held, lots_of_order, required_of
from cascade.kernels.pools import bear_loss, fee_column, mark_value, pool_cash, take_over
from cascade.kernels.queues import enqueue
from cascade.kernels.stops import inner_tick, set_triggers
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    ACCOUNTS_LOTS,
    AT_BANKRUPTCY,
    AT_MARKET,
    BACKSTOP,
    BUY,
    CLOSED_AT_BANKRUPTCY,
    COLLATERAL,
    EXTERNAL,
    EXTERNAL_LOTS,
    FREE,
    LIQUIDATED,
    LIQUIDATIONS,
    N_LIQUIDATED,
    N_TAPE,
    NO_POSITION,
    OPEN,
    ORDER_PART,
    ORDER_WHOLE,
    POOL,
    SELL,
    TALLY_DELEVERAGED,
    TALLY_LAST_TICK,
    TICKS,
    TO_POOL,
    WHOLE,
)


@rule
def drain(world, market, step):
    """Liquidate from the front of the queue, as many as the engine can in one step; no position twice in it."""
    queue = world.markets[market]
    for _ in range(queue["engine_rate"]):
        i = queue["first_queued"]
        if i == NO_POSITION:
            return
        if world.rules[market]["part"] != WHOLE and world.accounts.last_part[i] == step + 1:
            return  # from here on, all have come back to the end of the queue in this step
        queue["first_queued"] = world.accounts.rows[i]["next"]
        if queue["first_queued"] == NO_POSITION:
            queue["last_queued"] = NO_POSITION
        liquidate(world, i, step)


# ── one order ────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def liquidate(world, i, step):
    """Liquidate position `i`, or a part of it: by the book, what that does not fill by winners or the pool."""
    row = world.accounts.rows[i]
    market, lots = np.int64(row["market"]), np.int64(row["lots"])
    event = world.records.tape[world.counters.n[N_TAPE]]
    bankruptcy_usd = bankruptcy_usd_of(world, i)
    write_event(world, i, step, bankruptcy_usd, event)
    if world.settings.switches[LIQUIDATIONS] == 0:
        absorb(world, i, event)
    elif is_backstopped(world, held_by(world, i)):
        event["kind"] = BACKSTOP
        hand_off(world, i, lots, event)
    else:
        wanted = lots_of_order(world, held_by(world, i), step)
        event["kind"], event["lots"] = ORDER_WHOLE if wanted == lots else ORDER_PART, wanted
        filled = sell(world, i, wanted, bankruptcy_usd, event)
        hand_off(world, i, wanted - filled, event)
        world.markets[market]["liquidated_lots"] += filled
        world.coins[world.contracts.coin[market]]["liquidated"] += filled * world.markets[market]["stress_per_lot"]
    event["loss"] -= row["margin"]
    conclude(world, i, step)


@rule
def held_by(world, i):
    """Return position `i` as its venue's rules of parts see it."""
    row, contracts = world.accounts.rows[i], world.contracts
    market, lots, entry = np.int64(row["market"]), np.int64(row["lots"]), entry_quote(world, i)
    side, size = stance(contracts, market, np.int64(row["side"])), size_of(contracts, market, lots)
    equity = equity_usd(side, size, entry, collateral_of(world, i), mark_quote(world, market))
    shrinks = world.rules[market]["surplus"] == TO_POOL
    return Held(market, lots, entry, equity, shrinks, np.int64(world.accounts.last_part[i]))


@rule
def is_backstopped(world, held):
    """Whether the pool takes a position over at once: its equity is below a share of its maintenance margin."""
    share = world.rules[held.market]["backstop"]
    return share > 0.0 and held.equity < share * required_of(world, held.market, held.lots, held.entry)


@rule
def bankruptcy_usd_of(world, i):
    """Return the bankruptcy price of position `i` in USD."""
    row, contracts = world.accounts.rows[i], world.contracts
    market = np.int64(row["market"])
    side, size = stance(contracts, market, np.int64(row["side"])), size_of(contracts, market, row["lots"])
    return quote(contracts, market, bankruptcy_price(side, size, entry_quote(world, i), collateral_of(world, i)))


@rule
def write_event(world, i, step, bankruptcy_usd, event):
    """Write down whose liquidation this is, before it changes anything."""
    row = world.accounts.rows[i]
    market = np.int64(row["market"])
    event["account"], event["trigger_step"], event["step"] = i, row["prev"], step
    event["lots"], event["leverage"], event["market"], event["side"] = row["lots"], row["leverage"], market, row["side"]
    event["bucket"], event["group"], event["moved_by"] = row["bucket"], row["group"], market
    event["opened_today"] = 1 if i >= world.accounts.opening[0] else 0
    event["entry_usd"] = quote(world.contracts, market, entry_quote(world, i))
    event["bankruptcy_usd"] = bankruptcy_usd
    event["mark_usd"] = world.records.mark[row["prev"], market]
    event["fill_usd"], event["last_fill_usd"], event["feed_usd"] = np.nan, np.nan, np.nan
    event["loss"] = row["margin"]


@rule
def conclude(world, i, step):
    """Count the order; what is left of position `i` is filed anew, or stands in the queue again if still breached."""
    row = world.accounts.rows[i]
    is_first = world.rules[row["market"]]["part"] == WHOLE or world.accounts.last_part[i] == 0
    world.counters.n[N_LIQUIDATED] += 1 if is_first else 0
    world.counters.n[N_TAPE] = min(world.counters.n[N_TAPE] + 1, len(world.records.tape) - 1)
    if row["lots"] == 0:
        row["status"] = LIQUIDATED
        return
    world.accounts.last_part[i] = step + 1
    row["status"] = OPEN
    set_triggers(world, i)
    if is_breached(world, i):
        enqueue(world, i, step)
    else:
        file_ahead(world, i)


@rule
def sell(world, i, lots, bankruptcy_usd, event):
    """Send an order for `lots` of position `i` to the book, by the venue's type of order; return the lots filled."""
    row, contracts = world.accounts.rows[i], world.contracts
    market, side = np.int64(row["market"]), np.int64(row["side"])
    is_limit = world.rules[market]["order"] == AT_BANKRUPTCY
    limit_tick = 0 if side > 0 else TICKS - 1
    if is_limit:
        limit_tick = min(max(inner_tick(ticks_from(contracts, market, bankruptcy_usd), side), 0), TICKS - 1)
    filled = take_at_limit(world, market, SELL if side > 0 else BUY, limit_tick, lots)
    event["filled_lots"] = filled
    if filled > 0:
        value = fill_value(world, market, filled)
        last_tick = world.counters.fills[TALLY_LAST_TICK] + contracts.floor_tick[market]
        event["fill_usd"] = quote(contracts, market, average_quote(contracts, market, filled, value))
        event["last_fill_usd"] = last_tick * contracts.tick_usd[market]
        settle(world, i, filled, value, EXTERNAL, event)
        hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, side * filled)
    limit_usd = (limit_tick + contracts.floor_tick[market]) * contracts.tick_usd[market]
    event["feed_usd"] = limit_usd if is_limit else event["fill_usd"]
    return filled


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


# ── who pays ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def settle(world, i, lots, value, payer, event):
    """Release `lots` of position `i` for `value` quanta; what is left pays the clearance fee, then whom it is due.

    A market order may be filled below the bankruptcy price: what margin the position still has bears that first.
    """
    row = world.accounts.rows[i]
    market = np.int64(row["market"])
    terms, before = world.rules[market], pool_cash(world, world.contracts.purse[market])
    left = release_lots(world, i, lots, value, payer)
    if left < 0 and terms["order"] == AT_MARKET:
        drawn = min(-left, max(row["margin"], 0))
        row["margin"] -= drawn
        move(world, market, COLLATERAL, FREE, drawn)
        left += drawn
    event["socialised"] += bear_loss(world, market, -left)
    left = max(left, 0)
    fee = min(left, np.int64(value * world.margin.clearance_fee[market]))
    move(world, market, FREE, fee_column(world, market), fee)
    left -= fee
    if terms["surplus"] == TO_POOL:
        move(world, market, FREE, POOL, left)
    elif row["lots"] > 0:
        row["margin"] += left
        move(world, market, FREE, COLLATERAL, left)
    else:
        event["loss"] -= left
    event["fee"] += fee
    event["pool"] += pool_cash(world, world.contracts.purse[market]) - before


@rule
def hand_off(world, i, lots, event):
    """Close what the book did not fill: against winners where that is due, else by the pool at the bankruptcy price."""
    row = world.accounts.rows[i]
    market, side = np.int64(row["market"]), np.int64(row["side"])
    if lots > 0:
        good = stance(world.contracts, market, side)
        loss = good * (value_at_bankruptcy(world, i, lots) - mark_value(world, market, lots))
        if is_due(world, market, loss):
            lots -= close_against_winners(world, i, lots, event)
    if lots > 0:
        value = value_at_bankruptcy(world, i, lots)
        take_over(world, market, ACCOUNTS_LOTS, side * lots, value, event)
        release_lots(world, i, lots, value, POOL)


@rule
def value_at_bankruptcy(world, i, lots):
    """Return the quanta for which `lots` of position `i` are closed so that exactly nothing is left of their margin."""
    row = world.accounts.rows[i]
    size, side = np.int64(row["lots"]), stance(world.contracts, np.int64(row["market"]), np.int64(row["side"]))
    return part_of(row["cost"], lots, size) - side * part_of(row["margin"], lots, size)


@rule
def close_against_winners(world, i, lots, event):
    """Close up to `lots` of position `i` against winners, at the venue's price; return how many they took."""
    market = np.int64(world.accounts.rows[i]["market"])
    value = mark_value(world, market, lots)
    if world.rules[market]["price"] == CLOSED_AT_BANKRUPTCY:
        value = value_at_bankruptcy(world, i, lots)
    closed = deleverage(world, event, lots, value)
    if closed > 0:
        before = pool_cash(world, world.contracts.purse[market])
        left = release_lots(world, i, closed, world.counters.fills[TALLY_DELEVERAGED], EXTERNAL)
        hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, np.int64(event["side"]) * closed)
        event["socialised"] += bear_loss(world, market, -left)
        move(world, market, FREE, POOL, max(left, 0))
        event["pool"] += pool_cash(world, world.contracts.purse[market]) - before
        event["deleveraged_lots"] = closed
    return closed
