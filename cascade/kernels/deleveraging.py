"""Deleveraging: winners of the other side are closed against a bankrupt position, off the book and without a fee.

A winner is an isolated position, by its row, or a leg of a cross account, by the number of positions and its row.

Winners are ranked in their venue's own terms. The ranking of a market's side is a heap, built from one look at its
positions and kept for `refresh` steps: who has been closed since, or has stopped winning, is dropped when it comes up.
So is who would be left with less than nothing at the price: its bankruptcy price and that of the other do not overlap.
"""

import numpy as np

from cascade.kernels.accounts import entry_quote, file_ahead, part_of, release_lots
from cascade.kernels.edges import watch
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over
from cascade.kernels.money import average_quote, quote, stance
from cascade.kernels.pools import is_alarmed, mark_value, shortfall
from cascade.kernels.slack import entry_of, equity_of, good_side, profit_at_mark
from cascade.kernels.stops import set_triggers
from cascade.kernels.triggers import unfile
from cascade.kernels.wallets import release_leg
from cascade.state import (
    ACCOUNTS_LOTS,
    CLOSED,
    DELEVERAGE,
    EQUITY_NEGATIVE,
    EXTERNAL,
    EXTERNAL_LOTS,
    N_DELEVERAGED,
    N_TAPE,
    NEVER,
    NO_POSITION,
    OPEN,
    POOL_EMPTY,
    POOL_FALL,
    PROFIT,
    PROFIT_TIMES_LEVERAGE,
    STOPPING,
    TALLY_DELEVERAGED,
    WATCHED,
)


@rule
def is_due(world, market, loss):
    """Whether a position whose take-over would cost the pool `loss` is closed against winners instead."""
    terms = world.rules[market]
    trigger = terms["trigger"]
    if trigger == NEVER or loss <= 0:
        return False
    if trigger == EQUITY_NEGATIVE or (trigger == POOL_FALL and is_alarmed(world, market)):
        return True
    return (trigger == POOL_EMPTY or terms["shortage"] == DELEVERAGE) and shortfall(world, market, loss) > 0


@rule
def deleverage(world, event, lots, value):
    """Close winners against up to `lots` of the event's position, worth `value` quanta; return how many were found.

    What they were worth is left in the tally. The winners' side of it is booked here, the other by the caller.
    """
    market, step = np.int64(event["market"]), np.int64(event["step"])
    segment = 2 * market + (1 if event["side"] > 0 else 0)
    built = world.winners.built[segment]
    if built == 0 or step + 1 - built >= world.rules[market]["refresh"]:
        rank_winners(world, segment, step)
    done, paid = np.int64(0), np.int64(0)
    while done < lots:
        i = first_winner(world, segment)
        if i == NO_POSITION:
            break
        closed = min(lots - done, lots_of(world, i))
        part = part_of(value, done + closed, lots) - paid
        if equity_at(world, i, closed, part) < 0:
            drop_first(world.winners, segment)
            continue
        close_winner(world, i, closed, part, event)
        done += closed
        paid += part
    world.counters.fills[TALLY_DELEVERAGED] = paid
    return done


@rule
def equity_at(world, i, lots, value):
    """Return what `lots` of winner `i` leave of its margin, or of its account, when they are closed for `value`."""
    j = leg_of(world, i)
    if j >= 0:
        market, p = np.int64(world.cross.legs[j]["market"]), np.int64(world.cross.legs[j]["portfolio"])
        return equity_of(world, p) + good_side(world, j) * (value - mark_value(world, market, lots))
    row = world.accounts.rows[i]
    size, side = np.int64(row["lots"]), stance(world.contracts, np.int64(row["market"]), np.int64(row["side"]))
    return part_of(row["margin"], lots, size) + side * (value - part_of(row["cost"], lots, size))


@rule
def close_winner(world, i, lots, value, event):
    """Close `lots` of the winner `i` for `value` quanta, and write it down.

    Cash and contracts pass through the hands of the outside, which the bankrupt position gives and takes the same.
    """
    market, contracts, j = np.int64(event["market"]), world.contracts, leg_of(world, i)
    n = world.counters.n[N_DELEVERAGED]
    note = world.records.deleveraged[min(n, len(world.records.deleveraged) - 1)]
    side = np.int64(-event["side"])
    note["account"], note["liquidation"] = event["account"], world.counters.n[N_TAPE]
    note["step"], note["lots"], note["market"], note["side"] = event["step"], lots, market, side
    note["price_usd"] = quote(contracts, market, average_quote(contracts, market, lots, value))
    note["mark_usd"] = world.markets[market]["mark_usd"]
    note["forgone"] = stance(contracts, market, side) * (mark_value(world, market, lots) - value)
    entry = entry_of(world, j) if j >= 0 else entry_quote(world, i)
    note["entry_usd"] = quote(contracts, market, entry)
    if j >= 0:
        close_leg_of_winner(world, j, lots, value, note)
    else:
        close_position_of_winner(world, i, lots, value, note)
    world.counters.n[N_DELEVERAGED] = n + 1


@rule
def close_leg_of_winner(world, j, lots, value, note):
    """Close `lots` of leg `j` for `value` quanta; its account is looked at anew."""
    leg, p = world.cross.legs[j], np.int64(world.cross.legs[j]["portfolio"])
    row, cost = world.cross.portfolios[p], leg["cost"]
    note["counterparty"] = len(world.accounts.rows) + p
    note["leverage"], note["bucket"] = row["leverage"], row["bucket"]
    release_leg(world, p, j, lots, value, EXTERNAL, EXTERNAL_LOTS)
    note["profit"] = good_side(world, j) * (value - (cost - leg["cost"]))
    if row["status"] == OPEN:
        watch(world, p)


@rule
def close_position_of_winner(world, i, lots, value, note):
    """Close `lots` of position `i` for `value` quanta: what is left goes to its wallet, the rest of it stays open."""
    row = world.accounts.rows[i]
    market, cost = np.int64(row["market"]), row["cost"]
    note["counterparty"], note["leverage"], note["bucket"] = i, row["leverage"], row["bucket"]
    if row["status"] == OPEN:
        unfile(world.accounts, world.ladder, i)
    release_lots(world, i, lots, value, EXTERNAL)
    hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, np.int64(row["side"]) * lots)
    note["profit"] = stance(world.contracts, market, np.int64(row["side"])) * (value - (cost - row["cost"]))
    if row["lots"] == 0:
        row["status"] = CLOSED
    elif row["status"] == OPEN:
        set_triggers(world, i)
        file_ahead(world, i)


# ── who is next ──────────────────────────────────────────────────────────────────────────────────────────────
@rule
def leg_of(world, i):
    """Return the leg that winner `i` is, or a negative number if it is an isolated position."""
    return i - len(world.accounts.rows)


@rule
def lots_of(world, i):
    """Return the open lots of winner `i`."""
    j = leg_of(world, i)
    return np.int64(world.cross.legs[j]["lots"] if j >= 0 else world.accounts.rows[i]["lots"])


@rule
def is_winning(world, i):
    """Whether winner `i` is open, in no queue of the liquidation engine, and in profit at the mark."""
    j = leg_of(world, i)
    if j >= 0:
        status = world.cross.portfolios[world.cross.legs[j]["portfolio"]]["status"]
        return (status == OPEN or status == WATCHED) and lots_of(world, i) > 0 and profit_of(world, i) > 0
    status = world.accounts.rows[i]["status"]
    return (status == OPEN or status == STOPPING) and profit_of(world, i) > 0


@rule
def profit_of(world, i):
    """Return the unrealised profit of winner `i` at the mark, in quanta."""
    j = leg_of(world, i)
    if j >= 0:
        return profit_at_mark(world, j)
    row = world.accounts.rows[i]
    market = np.int64(row["market"])
    worth = mark_value(world, market, np.int64(row["lots"]))
    return stance(world.contracts, market, np.int64(row["side"])) * (worth - row["cost"])


@rule
def score_of(world, i):
    """Return the rank of a winner in its venue's terms: the higher, the earlier it is deleveraged.

    Profit over cost, or value over cost (a short's: cost over value), times effective leverage (value over equity).
    """
    j, profit = leg_of(world, i), np.float64(profit_of(world, i))
    if j >= 0:
        leg = world.cross.legs[j]
        market, side, cost = np.int64(leg["market"]), np.int64(leg["side"]), leg["cost"]
        equity = np.float64(equity_of(world, np.int64(leg["portfolio"])))
    else:
        row = world.accounts.rows[i]
        market, side, cost = np.int64(row["market"]), np.int64(row["side"]), row["cost"]
        equity = row["margin"] + profit
    ranking = world.rules[market]["ranking"]
    if ranking == PROFIT:
        return profit
    worth = np.float64(mark_value(world, market, lots_of(world, i)))
    leverage = worth / max(equity, 1.0)
    if ranking == PROFIT_TIMES_LEVERAGE:
        return profit / cost * leverage
    gained = worth / cost
    return (gained if stance(world.contracts, market, side) > 0 else 1.0 / gained) * leverage


@rule
def rank_winners(world, segment, step):
    """Build the heap of a market's side anew: the one look at all who hold it."""
    winners = world.winners
    if winners.first[len(winners.count)] == 0:
        index_holders(world)
    first, count = winners.first[segment], 0
    for k in range(first, winners.first[segment + 1]):
        i = np.int64(winners.rows[k])
        if is_winning(world, i):
            winners.heap[first + count]["score"] = score_of(world, i)
            winners.heap[first + count]["position"] = i
            count += 1
    winners.count[segment] = count
    winners.built[segment] = step + 1
    for k in range(count // 2 - 1, -1, -1):
        sift(winners, segment, k)


@rule
def index_holders(world):
    """List all positions and legs by market and side, once: a sort by counting."""
    winners, n = world.winners, len(world.accounts.rows)
    total = n + len(world.cross.legs)
    for i in range(total):
        winners.first[segment_of(world, i) + 1] += 1
    for segment in range(len(winners.count)):
        winners.first[segment + 1] += winners.first[segment]
        winners.count[segment] = winners.first[segment]
    for i in range(total):
        segment = segment_of(world, i)
        winners.rows[winners.count[segment]] = i
        winners.count[segment] += 1
    for segment in range(len(winners.count)):
        winners.count[segment] = 0


@rule
def segment_of(world, i):
    """Return the segment of a position or leg: of its market and side."""
    j = leg_of(world, i)
    if j >= 0:
        leg = world.cross.legs[j]
        return 2 * np.int64(leg["market"]) + (1 if leg["side"] < 0 else 0)
    row = world.accounts.rows[i]
    return 2 * np.int64(row["market"]) + (1 if row["side"] < 0 else 0)


@rule
def first_winner(world, segment):
    """Return the position that is deleveraged next, or -1; drop those in front of it that do not win any more."""
    winners = world.winners
    while winners.count[segment] > 0:
        i = winners.heap[winners.first[segment]]["position"]
        if is_winning(world, i):
            return i
        drop_first(winners, segment)
    return np.int64(NO_POSITION)


@rule
def drop_first(winners, segment):
    """Take the head out of a heap."""
    first, last = winners.first[segment], winners.count[segment] - 1
    winners.heap[first]["score"] = winners.heap[first + last]["score"]
    winners.heap[first]["position"] = winners.heap[first + last]["position"]
    winners.count[segment] = last
    sift(winners, segment, 0)


@rule
def sift(winners, segment, k):
    """Let entry `k` of a heap sink below those that come before it: higher scores, then lower numbers."""
    heap, first, count = winners.heap, winners.first[segment], winners.count[segment]
    while 2 * k + 1 < count:
        child = 2 * k + 1
        if child + 1 < count and comes_before(heap[first + child + 1], heap[first + child]):
            child += 1
        if not comes_before(heap[first + child], heap[first + k]):
            return
        swap(heap[first + k], heap[first + child])
        k = child


@rule
def comes_before(one, other):
    """Whether one entry of a heap is deleveraged before another."""
    if one["score"] != other["score"]:
        return one["score"] > other["score"]
    return one["position"] < other["position"]


@rule
def swap(one, other):
    """Exchange two entries of a heap."""
    score, position = one["score"], one["position"]
    one["score"], one["position"] = other["score"], other["position"]
    other["score"], other["position"] = score, position
