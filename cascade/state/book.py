"""Order books: prices, sides, orders in queues, and what became of a request."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

TICKS = 1 << 18  # prices a book can hold: three levels of 64-bit words find the best one in three steps
NO_ORDER = 0  # slot 0 is never used, so that zeroed memory is an empty book
BUY, SELL = 0, 1  # sides inside the book, where they index; +1 and -1 for positions


class Status(IntEnum):
    """What became of a request: OK, or why nothing changed."""

    OK = 0
    OUT_OF_RANGE = 1
    BAD_SIZE = 2
    UNKNOWN_ORDER = 3
    DUPLICATE_ORDER = 4
    POOL_FULL = 5
    WOULD_CROSS = 6
    WOULD_NOT_FILL = 7
    BAD_KIND = 8


ORDER = np.dtype(
    [
        ("id", np.int64),  # the owner's name for it; in the day, unused
        ("next", np.int32),  # behind it in the queue of its tick; the free list in an empty slot
        ("prev", np.int32),
        ("tick", np.int32),
        ("lots", np.int32),  # 0 once filled or cancelled
        ("owner", np.int32),
        ("chain", np.int32),  # next in its expiry bucket (the day) or in its id bucket (OrderBook)
    ]
)
LEVEL = np.dtype([("head", np.int32), ("tail", np.int32)])


class Book(NamedTuple):
    """Order books of all markets. A tick holds bids or asks, never both, so the two sides share levels and words."""

    orders: np.ndarray  # ORDER, shape (slots,); slot 0 unused
    levels: np.ndarray  # LEVEL, shape (markets * TICKS,)
    words0: np.ndarray  # uint64, which ticks hold orders, 64 a word
    words1: np.ndarray  # uint64, which words of words0 are not 0
    words2: np.ndarray  # uint64, which words of words1 are not 0
    best: np.ndarray  # int64, shape (2 * markets,): best bid tick or -1, best ask tick or TICKS
    free: np.ndarray  # int64, shape (2,): head of the free list; first slot never used
