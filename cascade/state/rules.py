"""How venues liquidate, insure and deleverage."""

from typing import NamedTuple

import numpy as np

WHOLE, BY_BRACKET, BY_FRACTION, TO_COMPLIANCE = range(4)  # part: how much of a position one order closes
AT_BANKRUPTCY, AT_MARKET = range(2)  # order: an IOC limit, or a market order
TO_POOL, TO_ACCOUNT = range(2)  # surplus: who keeps what a fill leaves above the bankruptcy price
FEE_TO_VENUE, FEE_TO_POOL = range(2)  # clearance_to: who gets the fee of a liquidation
NEVER, POOL_EMPTY, POOL_FALL, EQUITY_NEGATIVE = range(4)  # trigger of deleveraging
PROFIT_TIMES_LEVERAGE, RETURN_TIMES_LEVERAGE, PROFIT = range(3)  # ranking of winners
CLOSED_AT_BANKRUPTCY, CLOSED_AT_MARK = range(2)  # price at which winners are closed
DELEVERAGE, SOCIALISE = range(2)  # shortage: what follows when the pool cannot pay

RULE = np.dtype(  # how a market liquidates; all zeros: whole, at bankruptcy, fee to the venue, rest to the pool
    [
        ("part", np.int64),
        ("brackets_down", np.int64),  # BY_BRACKET: how many brackets one order descends
        ("fraction", np.float64),  # BY_FRACTION: share of the position in one order
        ("above_usd", np.float64),  # BY_FRACTION: notional at the mark up to which a position goes whole
        ("pause", np.int64),  # BY_FRACTION: steps after a part within which the rest goes whole
        ("order", np.int64),
        ("backstop", np.float64),  # equity over maintenance margin below which the pool takes over at once; 0: never
        ("surplus", np.int64),
        ("clearance_to", np.int64),
        ("shortage", np.int64),
        ("trigger", np.int64),
        ("fall", np.float64),  # POOL_FALL: from its running maximum, at which deleveraging begins
        ("stop", np.float64),  # POOL_FALL: below which it ends
        ("ranking", np.int64),
        ("price", np.int64),
        ("refresh", np.int64),  # steps for which a ranking of winners is kept
    ]
)
INSURANCE = np.dtype(  # a pool: what it holds is in the ledger, what it was worth in `Records.pools`
    [
        ("window", np.int64),  # minutes of its running maximum
        ("peak", np.int64),  # that maximum, quanta
        ("alarm", np.int64),  # 1 while its fall makes venues deleverage
    ]
)
RANKED = np.dtype([("score", np.float64), ("position", np.int64)])


class Winners(NamedTuple):
    """Who may be deleveraged: positions and legs by market and side, and of each a heap of those in profit.

    Segment 2 * market + (0 long, 1 short) is `first[segment]` to `first[segment + 1]`: listed when first needed.
    """

    rows: np.ndarray  # int32, shape (positions + legs,): by segment, ascending; empty if no venue deleverages
    first: np.ndarray  # int64, shape (2 * markets + 1,); all 0 until listed
    heap: np.ndarray  # RANKED, shape (positions + legs,): the first to be deleveraged at the head of each segment
    count: np.ndarray  # int64, shape (2 * markets,): entries of each heap
    built: np.ndarray  # int64, shape (2 * markets,): step + 1 in which it was ranked; 0 for never
