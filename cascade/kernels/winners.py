"""Who is deleveraged first: winners, ranked in their venue's own terms.

A winner is an isolated position, by its row, or a leg of a cross account, by the number of positions and its row. The
ranking of a market's side is a heap, built from one look at its holders and kept for `refresh` steps: who has been
closed since, or has stopped winning, is dropped when it comes up.
"""

import numpy as np

from cascade.kernels.accounts import part_of
from cascade.kernels.jit import rule
from cascade.kernels.money import stance
from cascade.kernels.pools import mark_value
from cascade.kernels.slack import equity_of, good_side, profit_at_mark, settle_funding
from cascade.state import LIQUIDATED, NO_POSITION, OPEN, PROFIT, PROFIT_TIMES_LEVERAGE, QUEUED, STOPPING


# ── what a winner is ─────────────────────────────────────────────────────────────────────────────────────────
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
        leg = world.cross.legs[j]
        status = world.cross.portfolios[leg["portfolio"]]["status"]
        is_free = status != QUEUED and status != LIQUIDATED
        return is_free and leg["is_coin"] == 0 and leg["lots"] > 0 and profit_of(world, i) > 0
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
def score_of(world, i, step):
    """Return the rank of a winner in its venue's terms: the higher, the earlier it is deleveraged.

    Profit over cost, or value over cost (a short's: cost over value), times effective leverage (value over equity).
    """
    j, profit = leg_of(world, i), np.float64(profit_of(world, i))
    if j >= 0:
        leg = world.cross.legs[j]
        market, side, cost = np.int64(leg["market"]), np.int64(leg["side"]), leg["cost"]
        settle_funding(world, np.int64(leg["portfolio"]), step)
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
def equity_after(world, i, lots, value, step):
    """Return what `lots` of winner `i` leave of their margin, or of its account, when they are closed for `value`."""
    j = leg_of(world, i)
    if j >= 0:
        market, p = np.int64(world.cross.legs[j]["market"]), np.int64(world.cross.legs[j]["portfolio"])
        settle_funding(world, p, step)
        return equity_of(world, p) + good_side(world, j) * (value - mark_value(world, market, lots))
    row = world.accounts.rows[i]
    size, side = np.int64(row["lots"]), stance(world.contracts, np.int64(row["market"]), np.int64(row["side"]))
    return part_of(row["margin"], lots, size) + side * (value - part_of(row["cost"], lots, size))


# ── the ranking ──────────────────────────────────────────────────────────────────────────────────────────────
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
            winners.heap[first + count]["score"] = score_of(world, i, step)
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
