"""Liquidation of cross accounts: the venue closes one leg after the other until the account is healthy or empty.

Each order closes one leg, the one that the venue's order names, at a limit where the account, its other legs at their
marks, would have nothing left: the leg's bankruptcy price. The pool takes over at that price what the book does not
fill. Then the account is judged anew. Coin collateral is sold last, and only where the wallet is below zero; what it
cannot cover is the pool's loss.
"""

import numpy as np

from cascade.kernels.accounts import part_of
from cascade.kernels.edges import cross_edges, look_at_watched, watch
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over
from cascade.kernels.margin import bankruptcy_price
from cascade.kernels.money import average_quote, quote, size_of, ticks_from, value_of
from cascade.kernels.orders import fill_value, take_at_limit, take_at_market
from cascade.kernels.prices import move_since, note_touch
from cascade.kernels.slack import (
    entry_of,
    equity_of,
    good_side,
    legs_of,
    mark_quote,
    mark_ticks,
    pay,
    profit_at_mark,
    purse_of,
    required_of_leg,
    settle_funding,
    slack_of,
    value_at_mark,
)
from cascade.kernels.stops import inner_tick
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    BUY,
    CLEARANCE,
    COLLATERAL,
    CROSS_LOTS,
    EXTERNAL,
    EXTERNAL_LOTS,
    FREE,
    LARGEST_LOSS,
    LARGEST_NOTIONAL,
    LEDGER_COLUMNS,
    LIQUIDATED,
    LIQUIDATIONS,
    N_CROSS_LIQUIDATED,
    N_LIQUIDATED,
    N_TAPE,
    NO_POSITION,
    PAID,
    POOL,
    POOL_LOTS,
    SELL,
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
    ruin_usd = bankruptcy_of_leg(world, j, equity)
    event["bankruptcy_usd"] = ruin_usd
    before = pool_of(world, p)
    if world.settings.switches[LIQUIDATIONS] == 1:
        filled = sell_leg(world, p, j, ruin_usd, event)
        world.markets[market]["liquidated_lots"] += filled
        world.coins[world.contracts.coin[market]]["liquidated"] += filled * world.markets[market]["stress_per_lot"]
        if filled < lots:
            take_over_leg(world, p, j, part_of(equity, lots - filled, lots), event)
    else:
        absorb_leg(world, p, j, event)
    if has_no_contracts(world, p):
        settle_account(world, p, event)
    event["pool"] += pool_of(world, p) - before


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
    event["fill_usd"], event["last_fill_usd"] = np.nan, np.nan
    world.counters.n[N_LIQUIDATED] += 1 - row["is_taken"]
    world.counters.n[N_CROSS_LIQUIDATED] += 1 - row["is_taken"]
    world.counters.n[N_TAPE] = min(world.counters.n[N_TAPE] + 1, len(world.records.tape) - 1)
    row["is_taken"] = 1


@rule
def bankruptcy_of_leg(world, j, equity):
    """Return the price, USD, of leg `j` at which its account has nothing left, its other legs at their marks."""
    market, contracts = np.int64(world.cross.legs[j]["market"]), world.contracts
    size, left = size_of(contracts, market, world.cross.legs[j]["lots"]), equity / contracts.quantum[market]
    ruin = bankruptcy_price(good_side(world, j), size, mark_quote(world, market), left)
    return quote(contracts, market, ruin)


@rule
def sell_leg(world, p, j, ruin_usd, event):
    """Send the IOC order that closes leg `j` at its bankruptcy price or better; return the lots filled."""
    leg, contracts = world.cross.legs[j], world.contracts
    market, side, lots = np.int64(leg["market"]), np.int64(leg["side"]), np.int64(leg["lots"])
    limit_tick = min(max(inner_tick(ticks_from(contracts, market, ruin_usd), side), 0), TICKS - 1)
    filled = take_at_limit(world, market, SELL if side > 0 else BUY, limit_tick, lots)
    event["filled_lots"] = filled
    if filled > 0:
        value = fill_value(world, market, filled)
        last_tick = world.counters.fills[TALLY_LAST_TICK] + contracts.floor_tick[market]
        event["fill_usd"] = quote(contracts, market, average_quote(contracts, market, filled, value))
        event["last_fill_usd"] = last_tick * contracts.tick_usd[market]
        release_leg(world, p, j, filled, value, EXTERNAL, EXTERNAL_LOTS)
        charge_clearance(world, p, market, value, event)
    return filled


@rule
def take_over_leg(world, p, j, stake, event):
    """Hand what is left of leg `j` to the pool at the bankruptcy price: at the mark, less the equity at `stake`."""
    market, lots = np.int64(world.cross.legs[j]["market"]), np.int64(world.cross.legs[j]["lots"])
    at_mark, good = value_of(world.contracts, market, lots, mark_ticks(world, market)), good_side(world, j)
    release_leg(world, p, j, lots, max(at_mark - good * stake, 0), POOL, POOL_LOTS)
    event["pool"] += good * at_mark  # the contracts that the pool holds now, beside what it paid for them


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


# ── what it costs, and whom ──────────────────────────────────────────────────────────────────────────────────
@rule
def pool_of(world, p):
    """Return what the insurance pool of the account's purse holds, in quanta."""
    return world.ledger.cash[purse_of(world, p) * LEDGER_COLUMNS + POOL]


@rule
def release_leg(world, p, j, lots, value, payer, taker):
    """Close `lots` of leg `j` for `value` quanta paid by a ledger column; the contracts go to `taker`."""
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
    hand_over(world, np.int64(leg["market"]), CROSS_LOTS, taker, np.int64(leg["side"]) * lots)


@rule
def draw_wallet(world, p, target, quanta):
    """Pay `quanta` from the wallet of account `p` to a ledger column."""
    row = world.cross.portfolios[p]
    row["wallet"] -= quanta
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

    Coins are sold for a wallet below zero, and the pool pays what is missing still. What is above zero the pool keeps
    where the venue's rule says so; else it is its owner's.
    """
    row = world.cross.portfolios[p]
    for j in legs_of(world, p):
        if row["wallet"] < 0 and world.cross.legs[j]["lots"] > 0:
            sell_coin(world, p, j, event)
    if row["wallet"] < 0 or world.cross.engines[row["venue"]]["keeps_surplus"] == 1:
        draw_wallet(world, p, POOL, row["wallet"])
    else:
        draw_wallet(world, p, FREE, row["wallet"])


@rule
def sell_coin(world, p, j, event):
    """Sell coin collateral `j` in its spot book; what that does not take the pool takes at its collateral value."""
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    at_mark = value_of(world.contracts, market, lots, mark_ticks(world, market))
    if world.settings.switches[LIQUIDATIONS] == 0:
        release_leg(world, p, j, lots, at_mark, ABSORBER, ABSORBER_LOTS)
        return
    filled = take_at_market(world, market, SELL, lots)
    if filled > 0:
        release_leg(world, p, j, filled, fill_value(world, market, filled), EXTERNAL, EXTERNAL_LOTS)
    if filled < lots:
        rest = np.int64(leg["lots"])
        event["pool"] += value_of(world.contracts, market, rest, mark_ticks(world, market))
        release_leg(world, p, j, rest, value_at_mark(world, j), POOL, POOL_LOTS)
