"""A full-featured book: caller's order ids, owners, self-trade prevention, fills as events, recycled slots."""

from typing import NamedTuple

import numpy as np

from cascade.kernels.book import (
    UNUSED,
    append,
    at,
    free_slot,
    is_crossing,
    is_full,
    new_slot,
    taking_level,
    unlink,
)
from cascade.kernels.jit import kernel, prefetch, rule
from cascade.kernels.listing import next_level
from cascade.kernels.names import enter, find, forget, home_of
from cascade.state import BUY, NO_ORDER, SELL, TICKS, EventKind, Exchange, Kind, SelfTrade, Status

N_EVENTS, N_MESSAGES, FILLED = 0, 1, 2  # places in exchange.counts
NO_OWNER = np.int64(-(1 << 40))  # equals no int32: an order without an owner meets nobody's
MANY = 65_536  # orders above which their rows leave the near caches, and looking ahead pays
AHEAD = 12  # messages


class Taker(NamedTuple):
    """Who takes, as on_fill sees it."""

    exchange: Exchange
    order: np.int64  # id
    owner: np.int64
    side: np.int64
    foe: np.int64  # the owner it must not trade with: its own, or NO_OWNER


@rule
def remove(exchange, order, slot):
    """Take the order in `slot`, whose id is `order`, out of the book."""
    forget(exchange, order, slot)
    unlink(exchange.book, 0, slot)
    free_slot(exchange.book, slot)


# ── events ───────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def tell(taker, slot, lots, tick, kind):
    """Write down that `taker` met the order in `slot`."""
    counts = taker.exchange.counts
    event = taker.exchange.events[at(counts[N_EVENTS])]
    counts[N_EVENTS] += 1
    maker = taker.exchange.book.orders[at(slot)]
    event["sequence"] = counts[N_MESSAGES]
    event["maker"] = maker["id"]
    event["taker"] = taker.order
    event["maker_owner"] = maker["owner"]
    event["taker_owner"] = taker.owner
    event["tick"] = tick
    event["lots"] = lots
    event["side"] = taker.side
    event["kind"] = kind


@rule
def on_fill(taker, book, slot, lots, tick):
    """Write the fill down, and forget a maker that is done."""
    tell(taker, slot, lots, tick, EventKind.FILL)
    if book.orders[at(slot)]["lots"] == 0:
        forget(taker.exchange, book.orders[at(slot)]["id"], slot)
        free_slot(book, slot)


@rule
def is_own(taker, book, slot):
    """Whether the taker must not trade with the order in `slot`."""
    return book.orders[at(slot)]["owner"] == taker.foe


take_level = taking_level(on_fill, is_own)


# ── matching ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def match(taker, limit_tick, lots):
    """Take up to `lots` at `limit_tick` or better; return the lots not filled, negative if the taker had to yield."""
    book = taker.exchange.book
    while lots > 0 and is_crossing(book, 0, taker.side, limit_tick):
        tick = book.best[at(1 - taker.side)]
        lots = take_level(book, 0, tick, lots, taker)
        slot = np.int64(book.levels[at(tick)]["head"])
        if lots > 0 and slot != NO_ORDER:  # its own order is in front
            if taker.exchange.policy[0] == SelfTrade.CANCEL_TAKER:
                return -lots
            withdraw(taker, slot, tick)
    return lots


@rule
def withdraw(taker, slot, tick):
    """Cancel the taker's own resting order in `slot`."""
    maker = taker.exchange.book.orders[at(slot)]
    tell(taker, slot, maker["lots"], tick, EventKind.SELF_TRADE_CANCEL)
    remove(taker.exchange, maker["id"], slot)


@rule
def is_fillable(taker, limit_tick, lots):
    """Whether `match` would fill all `lots`."""
    book = taker.exchange.book
    tick = book.best[at(1 - taker.side)]
    while tick <= limit_tick if taker.side == BUY else tick >= limit_tick:
        slot = book.levels[at(tick)]["head"]
        while slot != NO_ORDER:
            if not is_own(taker, book, slot):
                lots -= np.int64(book.orders[at(slot)]["lots"])
                if lots <= 0:
                    return True
            elif taker.exchange.policy[0] == SelfTrade.CANCEL_TAKER:
                return False
            slot = book.orders[at(slot)]["next"]
        tick = next_level(book, 1 - taker.side, tick)
    return False


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def taker_of(exchange, order, owner, side):
    """Return the taker who must not trade with itself, unless it has no owner or the policy allows it."""
    is_free = owner <= 0 or exchange.policy[0] == SelfTrade.ALLOW
    return Taker(exchange, np.int64(order), np.int64(owner), np.int64(side), NO_OWNER if is_free else np.int64(owner))


@rule
def trade(taker, tick, lots, is_resting):
    """Match, and let the rest stand in the book if `is_resting`; note the lots filled."""
    book = taker.exchange.book
    left = match(taker, tick, lots)
    if is_resting and left > 0:
        slot = new_slot(book)
        enter(taker.exchange, taker.order, taker.owner, slot)
        append(book, 0, taker.side, tick, left, slot)
    taker.exchange.counts[FILLED] = lots - abs(left)


@rule
def cancel(exchange, message):
    """Take an order out of the book."""
    slot = find(exchange, message["order"])
    if slot == NO_ORDER:
        return Status.UNKNOWN_ORDER
    remove(exchange, message["order"], slot)
    return Status.OK


@rule
def replace(exchange, message):
    """Change an order. Less size at the same price keeps its place in the queue; anything else is a new order."""
    tick, lots = np.int64(message["tick"]), np.int64(message["lots"])
    slot = find(exchange, message["order"])
    if slot == NO_ORDER:
        return Status.UNKNOWN_ORDER
    if lots <= 0:
        return Status.BAD_SIZE
    if tick < 0 or tick >= TICKS:
        return Status.OUT_OF_RANGE
    row = exchange.book.orders[at(slot)]
    if tick == row["tick"] and lots < row["lots"]:
        row["lots"] = lots
        return Status.OK
    side = BUY if row["tick"] <= exchange.book.best[BUY] else SELL
    taker = taker_of(exchange, message["order"], row["owner"], side)
    remove(exchange, taker.order, slot)
    trade(taker, tick, lots, True)
    return Status.OK


@rule
def submit(exchange, message):
    """Take in a new order: limit, market, IOC, FOK or post-only."""
    kind, side = message["kind"], np.int64(message["side"])
    tick, lots = np.int64(message["tick"]), np.int64(message["lots"])
    if side != BUY and side != SELL:
        return Status.OUT_OF_RANGE
    if lots <= 0:
        return Status.BAD_SIZE
    if kind == Kind.MARKET:
        tick = TICKS - 1 if side == BUY else 0
    elif tick < 0 or tick >= TICKS:
        return Status.OUT_OF_RANGE
    taker = taker_of(exchange, message["order"], message["owner"], side)
    is_resting = kind == Kind.LIMIT or kind == Kind.POST_ONLY
    if is_resting:
        if find(exchange, taker.order) != NO_ORDER:
            return Status.DUPLICATE_ORDER
        if is_full(exchange.book):
            return Status.POOL_FULL
        if kind == Kind.POST_ONLY and is_crossing(exchange.book, 0, side, tick):
            return Status.WOULD_CROSS
    elif kind == Kind.FOK and not is_fillable(taker, tick, lots):
        return Status.WOULD_NOT_FILL
    trade(taker, tick, lots, is_resting)
    return Status.OK


@rule
def obey(exchange, message):
    """Apply one message and return its status; a message refused leaves the book as it was."""
    kind = message["kind"]
    exchange.counts[FILLED] = 0
    if kind == Kind.CANCEL:
        status = cancel(exchange, message)
    elif kind == Kind.REPLACE:
        status = replace(exchange, message)
    elif Kind.LIMIT <= kind <= Kind.POST_ONLY:
        status = submit(exchange, message)
    else:
        status = Status.BAD_KIND
    exchange.counts[N_MESSAGES] += 1
    return status


# ── entries ──────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def look_ahead(exchange, messages, i):
    """Ask for the memory of messages to come: first the chain's head, then the row, then its neighbours."""
    orders, heads = exchange.book.orders, exchange.heads
    prefetch(heads, home_of(heads, messages[at(i + 3 * AHEAD)]["order"]))
    prefetch(orders, at(heads[home_of(heads, messages[at(i + 2 * AHEAD)]["order"])]))
    soon = messages[at(i + AHEAD)]
    if soon["kind"] == Kind.CANCEL:
        row = orders[at(heads[home_of(heads, soon["order"])])]
        prefetch(orders, at(row["prev"]))
        prefetch(orders, at(row["next"]))


@kernel
def apply(exchange, messages, statuses, start):
    """Apply `messages` from `start` on; return where it stopped: at the end, or where events might not find room."""
    last_full = exchange.events.size - exchange.book.orders.size
    far = messages.size - 3 * AHEAD if exchange.book.free[UNUSED] > MANY else 0
    for i in range(start, messages.size):
        if exchange.counts[N_EVENTS] > last_full:
            return i
        if i < far:
            look_ahead(exchange, messages, i)
        statuses[at(i)] = obey(exchange, messages[at(i)])
    return messages.size
