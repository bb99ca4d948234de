"""The bare book on the yardstick's streams: orders in slots that the stream names, and the yardstick's checksums."""

import numpy as np

from cascade.kernels.book import append, at, taking, unlink
from cascade.kernels.jit import kernel, rule
from cascade.state import BUY, TICKS, Kind

TRADES, NOTIONAL, FIFO = 0, 1, 2  # places in the checksums
WORD = 0xFFFF_FFFF_FFFF_FFFF
RECORD = np.dtype([(name, np.int32) for name in ("kind", "side", "tick", "lots", "order")])  # of a stream file


@rule
def add_fill(checks, book, slot, lots, tick):
    """Add a fill to the checksums: trades, notional in lots times ticks, and makers in the order they traded."""
    checks[TRADES] += np.uint64(1)
    checks[NOTIONAL] += np.uint64(lots * tick)
    checks[FIFO] = checks[FIFO] * np.uint64(1000003) + np.uint64((slot - 1) * 31 + lots)


take = taking(add_fill)


@rule
def obey(book, message, checks):
    """Apply one record of a stream; order n lives in slot n + 1."""
    side, slot = np.int64(message["side"]), np.int64(message["order"]) + 1
    if message["kind"] == Kind.CANCEL:
        order = book.orders[at(slot)]
        if order["lots"] > 0:
            order["lots"] = 0
            unlink(book, 0, slot)
        return
    is_limit = message["kind"] == Kind.LIMIT
    limit_tick = np.int64(message["tick"])
    if not is_limit:
        limit_tick = TICKS - 1 if side == BUY else 0
    left = take(book, 0, side, limit_tick, np.int64(message["lots"]), checks)
    if is_limit and left > 0:
        append(book, 0, side, limit_tick, left, slot)


@kernel
def play(book, records, checks):
    """Apply a stream's records in order; add their fills to `checks`."""
    for i in range(records.size):
        obey(book, records[at(i)], checks)
