"""Random message streams of many shapes, and a compiled player that shows and audits the book after every message."""

from dataclasses import dataclass

import numpy as np

from cascade.kernels.book import at, next_tick_above, next_tick_below
from cascade.kernels.exchange import FILLED, obey
from cascade.kernels.jit import kernel, rule
from cascade.kernels.names import find
from cascade.state import BUY, MESSAGE, NO_ORDER, SELL, TICKS, SelfTrade

MID = TICKS // 2
FIELDS = ("order", "kind", "side", "tick", "lots", "owner")


@dataclass(frozen=True)
class Shape:
    """What a random stream is made of; each field of a message is drawn from the values given, with equal weight."""

    ids: tuple[int, ...] = tuple(range(1, 41))
    ticks: tuple[int, ...] = tuple(range(MID - 6, MID + 7))
    lots: tuple[int, ...] = (1, 2, 3, 4, 5, 8, 13)
    owners: tuple[int, ...] = (0, 0, 1, 2, 3)
    kinds: tuple[int, ...] = (0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 5, 6, 6)
    capacity: int = 30
    policy: int = SelfTrade.CANCEL_RESTING


SHAPES = {
    "mixed": Shape(),
    "cancel taker": Shape(policy=SelfTrade.CANCEL_TAKER),
    "self-trade allowed": Shape(policy=SelfTrade.ALLOW, owners=(1, 2)),
    "one owner": Shape(owners=(7,)),
    "no owner": Shape(owners=(0, -1, -(2**31))),
    "full pool": Shape(capacity=3),
    "one slot": Shape(capacity=1, ids=(1, 2)),
    "one tick": Shape(ticks=(MID,), ids=tuple(range(12))),
    "two ticks": Shape(ticks=(MID, MID + 1), capacity=12),
    "edges": Shape(ticks=(-1, 0, 0, 1, TICKS - 2, TICKS - 1, TICKS - 1, TICKS, -(2**31), 2**31 - 1)),
    "word borders": Shape(ticks=tuple(border + d for border in (64, 4096, 8192, MID) for d in (-1, 0, 1))),
    "whole range": Shape(ticks=tuple(range(0, TICKS, 4093))),
    "bad sizes": Shape(lots=(-(2**31), -1, 0, 1, 1, 2, 2**31 - 1)),
    "bad kinds": Shape(kinds=(-1, 0, 0, 1, 2, 6, 7, 2**31 - 1)),
    "signed ids": Shape(ids=(-(2**63), -(2**62), -3, -2, -1, 0, 1, 2, 2**62, 2**63 - 1)),
    "strided ids": Shape(ids=tuple(k << 20 for k in range(-20, 20))),
    "clashing ids": Shape(ids=tuple(k << 47 for k in range(-20, 20)), capacity=20),
    "takers": Shape(kinds=(0, 0, 0, 2, 3, 4), lots=(1, 5, 20)),
    "changes": Shape(kinds=(0, 0, 6, 6, 6, 1), capacity=12, ids=tuple(range(14))),
    "deeper": Shape(
        ids=tuple(range(120)), capacity=100, ticks=tuple(range(MID - 20, MID + 21)), kinds=(0, 0, 0, 5, 1, 6)
    ),
}


def draw_messages(shape: Shape, n: int, seed: int) -> np.ndarray:
    """Return `n` random messages; sides are now and then out of range."""
    rng = np.random.default_rng(seed)
    messages = np.zeros(n, MESSAGE)
    choices = dict(zip(FIELDS, (shape.ids, shape.kinds, (0, 1), shape.ticks, shape.lots, shape.owners), strict=True))
    for name, values in choices.items():
        messages[name] = rng.choice(np.array(values, np.int64), n)
    messages["side"][rng.random(n) < 0.002] = 2
    messages["side"][rng.random(n) < 0.002] = -1
    return messages


@kernel
def play(exchange, messages, replies, state, sizes):
    """Apply messages one by one; write status and lots filled into `replies`, and all resting orders after each
    into `state`, five numbers an order.

    Returns the number of messages played before one that leaves the book unsound: all of them, if none does.
    """
    place = 0
    for i in range(messages.size):
        replies[i, 0] = obey(exchange, messages[at(i)])
        replies[i, 1] = exchange.counts[FILLED]
        count = show_side(exchange, BUY, state, place)
        if count >= 0:
            place += count
            sizes[i] = count
            count = show_side(exchange, SELL, state, place)
        if count < 0 or not is_sound(exchange, sizes[i] + count):
            return i
        place += count
        sizes[i] += count
    return messages.size


@rule
def show_side(exchange, side, state, place):
    """Write the orders of `side` into `state` from row `place` on; return how many, or -1 if a link is broken."""
    book, count = exchange.book, 0
    tick = book.best[side]
    while 0 <= tick < TICKS:
        before, slot = NO_ORDER, np.int64(book.levels[tick]["head"])
        while slot != NO_ORDER:
            order = book.orders[slot]
            row = state[place + count]
            row[0], row[1], row[2], row[3], row[4] = order["id"], side, order["tick"], order["lots"], order["owner"]
            count += 1
            if order["prev"] != before or order["tick"] != tick or find(exchange, order["id"]) != slot:
                return -1
            before, slot = slot, np.int64(order["next"])
        if before == NO_ORDER or book.levels[tick]["tail"] != before:
            return -1
        tick = next_tick_below(book, 0, tick) if side == BUY else next_tick_above(book, 0, tick)
    return count


@rule
def is_sound(exchange, n_resting):
    """Whether the book is not crossed, and every slot ever used is either resting or in the free list."""
    book, n_free = exchange.book, 0
    slot = book.free[0]
    while slot != NO_ORDER and n_free <= book.orders.size:
        n_free += 1
        slot = np.int64(book.orders[slot]["next"])
    return book.best[BUY] < book.best[SELL] and n_resting + n_free == max(book.free[1], 1) - 1


def assert_bits_match_levels(book) -> None:
    """Compare the words that say which ticks hold orders with the queues themselves, over all ticks."""
    for i, words in enumerate((book.words0, book.words1, book.words2)):
        held = (book.levels["head"] != NO_ORDER).reshape(-1, 64**i).any(axis=1)
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")[: held.size]
        np.testing.assert_array_equal(bits.astype(bool), held)
    np.testing.assert_array_equal(book.levels["head"] != NO_ORDER, book.levels["tail"] != NO_ORDER)
