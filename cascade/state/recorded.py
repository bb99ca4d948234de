"""A recorded book."""

from typing import NamedTuple

import numpy as np

DEPTH_UPDATE = np.dtype(
    [
        ("time_ns", np.int64),  # UTC, of the exchange
        ("local_ns", np.int64),  # UTC, of whoever recorded it; as time_ns where the file does not say
        ("message", np.int64),  # number of the message: its rows hold at once
        ("price", np.float64),
        ("amount", np.float64),  # that rests there from now on, coins; 0 for nothing
        ("side", np.int8),  # BUY or SELL
        ("is_snapshot", np.int8),  # 1: the message is a whole book, and what was before it is discarded
    ]
)
DEPTH_SEEN = np.dtype([("change", np.float64), ("bid", np.int32), ("ask", np.int32)])  # of the amount; best ticks after


class Depth(NamedTuple):
    """A recorded book of one market. Bids and asks have words of their own: a recording may cross."""

    amounts: np.ndarray  # float64, shape (2 * TICKS,), index side * TICKS + tick
    words0: np.ndarray  # uint64, which ticks hold amounts; as in Book, with the side in place of the market
    words1: np.ndarray
    words2: np.ndarray
    best: np.ndarray  # int64, shape (2,): best bid tick or -1, best ask tick or TICKS
    message: np.ndarray  # int64, shape (1,): number of the last message
