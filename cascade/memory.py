"""The memory of books and ladders: empty; of books, on cache lines, and in place before the first message."""

import numpy as np

from cascade.state import EVENT, LEVEL, ORDER, STAKE_BINS, TICKS, Book, Exchange, Ladder

CACHE_LINE = 64  # bytes


def empty_book(markets: int, slots: int) -> Book:
    """Return `markets` empty books for `slots - 1` orders in all; their memory is touched and starts on cache lines."""
    return Book(
        orders=zeros(slots, ORDER),
        levels=zeros(markets * TICKS, LEVEL),
        words0=zeros(markets * (TICKS >> 6), np.uint64),
        words1=zeros(markets * (TICKS >> 12), np.uint64),
        words2=zeros(markets, np.uint64),
        best=np.tile(np.array([-1, TICKS]), markets),
        free=np.array([0, 1]),
    )


def empty_ladder(markets: int) -> Ladder:
    """Return the trigger ladders of `markets` markets, with nobody filed."""
    return Ladder(
        heads=np.zeros(2 * markets * TICKS, np.int32),
        stake=np.zeros(2 * markets * STAKE_BINS, np.int64),
        stops=np.zeros(2 * markets * STAKE_BINS, np.int64),
    )


def empty_exchange(capacity: int, policy: int, events: int = 0) -> Exchange:
    """Return an empty full-featured book for `capacity` orders and `events` events."""
    slots = capacity + 1
    return Exchange(
        book=empty_book(1, slots),
        heads=zeros(1 << (3 * slots - 1).bit_length(), np.int32),  # sparse: a new id meets an empty chain
        events=zeros(slots + events, EVENT),  # a single message may need one for every order
        counts=np.zeros(3, np.int64),
        policy=np.array([policy]),
    )


def zeros(n: int, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return `n` zeros that begin on a cache line and whose memory is in place: no message pays for a page fault."""
    n_bytes = n * np.dtype(dtype).itemsize
    raw = np.empty(n_bytes + CACHE_LINE, np.uint8)
    raw[:] = 0
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + n_bytes].view(dtype)
