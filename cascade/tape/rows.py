"""The arrays that market files are read into: one record dtype for each kind of data. Prices are in quote currency."""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from cascade.state import DEPTH_UPDATE


class Kind(StrEnum):
    """What the rows of a chunk are."""

    DEPTH = "depth"
    QUOTES = "quotes"
    TRADES = "trades"
    CANDLES = "candles"
    BANDS = "bands"
    METRICS = "metrics"


QUOTE = np.dtype(
    [
        ("time_ns", np.int64),
        ("local_ns", np.int64),
        ("bid", np.float64),
        ("bid_amount", np.float64),
        ("ask", np.float64),
        ("ask_amount", np.float64),
    ]
)
TRADE = np.dtype(
    [
        ("time_ns", np.int64),
        ("local_ns", np.int64),
        ("id", np.int64),  # -1 where the file has none, or none that is a number
        ("price", np.float64),
        ("amount", np.float64),  # coins
        ("side", np.int8),  # of the taker: 0 buy, 1 sell
    ]
)
CANDLE = np.dtype(
    [
        ("time_ns", np.int64),  # at which it opens
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),  # in the file's unit; nan where none is given
    ]
)
BAND = np.dtype(
    [
        ("time_ns", np.int64),
        ("distance", np.float64),  # fraction of the mid to which depth is added up; negative for bids
        ("amount", np.float64),  # coins
        ("notional", np.float64),
    ]
)
METRIC = np.dtype(
    [
        ("time_ns", np.int64),
        ("open_interest", np.float64),  # coins
        ("open_interest_usd", np.float64),
        ("top_accounts_ratio", np.float64),  # long over short; nan where missing, as in those below
        ("top_positions_ratio", np.float64),
        ("accounts_ratio", np.float64),
        ("taker_volume_ratio", np.float64),
    ]
)
DTYPES = {
    Kind.DEPTH: DEPTH_UPDATE,
    Kind.QUOTES: QUOTE,
    Kind.TRADES: TRADE,
    Kind.CANDLES: CANDLE,
    Kind.BANDS: BAND,
    Kind.METRICS: METRIC,
}
POSITIVE = {  # must be so
    Kind.DEPTH: ("price",),
    Kind.QUOTES: ("bid", "ask"),
    Kind.TRADES: ("price", "amount"),
    Kind.CANDLES: ("open", "high", "low", "close"),
    Kind.BANDS: (),
    Kind.METRICS: ("open_interest",),
}
NOT_NEGATIVE = {  # nor infinite
    Kind.DEPTH: ("amount",),
    Kind.QUOTES: ("bid_amount", "ask_amount"),
    Kind.BANDS: ("amount", "notional"),
}


class Chunk(NamedTuple):
    """Rows of one kind, in the order of the file."""

    kind: Kind
    rows: np.ndarray  # of DTYPES[kind]


def made(kind: Kind, n: int, **columns) -> np.ndarray:
    """Return `n` rows of a kind with these columns; what is not given is 0."""
    rows = np.zeros(n, DTYPES[kind])
    for name, values in columns.items():
        rows[name] = values
    return rows
