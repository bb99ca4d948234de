"""One full-featured book (`OrderBook`): messages, names, owners and events."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from cascade.state.book import Book


class Kind(IntEnum):
    """Kinds of message."""

    LIMIT = 0
    CANCEL = 1
    MARKET = 2
    IOC = 3
    FOK = 4
    POST_ONLY = 5
    REPLACE = 6


class SelfTrade(IntEnum):
    """Who yields when an owner meets itself."""

    ALLOW = 0
    CANCEL_RESTING = 1
    CANCEL_TAKER = 2


class EventKind(IntEnum):
    """Kinds of event."""

    FILL = 0
    SELF_TRADE_CANCEL = 1


MESSAGE = np.dtype(
    [
        ("order", np.int64),  # the caller's name for the order
        ("kind", np.int32),  # Kind
        ("side", np.int32),  # BUY or SELL; not read by CANCEL and REPLACE
        ("tick", np.int32),  # limit price; not read by CANCEL and MARKET
        ("lots", np.int32),  # not read by CANCEL
        ("owner", np.int32),  # 0 or less for none; not read by CANCEL and REPLACE
        ("pad", np.int32),
    ]
)
EVENT = np.dtype(
    [
        ("sequence", np.int64),  # number of the message that caused it, counted from the book's first
        ("maker", np.int64),  # id of the resting order
        ("taker", np.int64),
        ("maker_owner", np.int32),
        ("taker_owner", np.int32),
        ("tick", np.int32),
        ("lots", np.int32),  # traded, or withdrawn by SELF_TRADE_CANCEL
        ("side", np.int32),  # of the taker
        ("kind", np.int32),  # EventKind
    ]
)
RESTING = np.dtype(
    [("order", np.int64), ("side", np.int32), ("tick", np.int32), ("lots", np.int32), ("owner", np.int32)]
)
DEPTH = np.dtype([("tick", np.int64), ("lots", np.int64), ("orders", np.int64)])


class Exchange(NamedTuple):
    """One book with names, owners and events. Ids lead to slots by chains through the orders' rows."""

    book: Book
    heads: np.ndarray  # int32, shape (a power of two,): first slot of each chain of ids, or NO_ORDER
    events: np.ndarray  # EVENT, shape (more than slots,)
    counts: np.ndarray  # int64, shape (3,): events in the buffer; messages seen; lots that the last one filled
    policy: np.ndarray  # int64, shape (1,): SelfTrade
