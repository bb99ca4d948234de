"""What a run writes down."""

from typing import NamedTuple

import numpy as np

ORDER_WHOLE, ORDER_PART, BACKSTOP = range(3)  # kind of a liquidation: one order for all, for a part, or no order
LIQUIDATION = np.dtype(  # one order, or one take-over without an order; an account may need several
    [
        ("account", np.int32),  # row of the position; number of positions + row of the portfolio, if cross
        ("trigger_step", np.int32),  # step at whose mark it was breached
        ("step", np.int32),  # step in which its order went to the book
        ("lots", np.int32),  # that this order closes: filled, deleveraged and taken over together
        ("filled_lots", np.int32),  # by the book
        ("deleveraged_lots", np.int32),  # by winners
        ("taken_over_lots", np.int32),  # by the pool at the bankruptcy price
        ("leverage", np.float32),
        ("market", np.int16),
        ("side", np.int8),  # of the position: +1 long, -1 short
        ("bucket", np.int8),
        ("opened_today", np.int8),
        ("group", np.int8),  # 0 isolated, 1 remainder, 2 cross
        ("kind", np.int8),  # ORDER_WHOLE, ORDER_PART or BACKSTOP
        ("pad", np.int8),
        ("moved_by", np.int16),  # market whose move breached the account: its own if isolated
        ("pad2", np.int16),
        ("entry_usd", np.float64),
        ("mark_usd", np.float64),  # at the trigger
        ("bankruptcy_usd", np.float64),
        ("fill_usd", np.float64),  # average; nan where the book filled nothing
        ("last_fill_usd", np.float64),  # the worst price paid; nan likewise
        ("feed_usd", np.float64),  # what a public feed prints: limit, or mean fill of a market order; nan for no order
        ("pool", np.int64),  # quanta to (+) or from (-) the insurance pool, what it took over counted at the mark
        ("fee", np.int64),  # quanta of clearance fee, to the venue or to its pool
        ("loss", np.int64),  # quanta of collateral that the account lost
        ("socialised", np.int64),  # quanta of loss that neither its margin nor the pool covered
    ]
)
DELEVERAGING = np.dtype(
    [
        ("account", np.int32),  # row of the bankrupt position
        ("counterparty", np.int32),  # row of the winner's
        ("liquidation", np.int32),  # row of the liquidation tape
        ("step", np.int32),
        ("lots", np.int32),
        ("leverage", np.float32),  # of the winner
        ("market", np.int16),
        ("side", np.int8),  # of the winner's position
        ("bucket", np.int8),
        ("pad", np.int32),
        ("entry_usd", np.float64),  # of the winner
        ("price_usd", np.float64),  # at which it was closed
        ("mark_usd", np.float64),
        ("profit", np.int64),  # quanta that the winner realised
        ("forgone", np.int64),  # quanta by which it would have been more at the mark
    ]
)
MINUTE = np.dtype(
    [
        ("bid_tick", np.int32),
        ("ask_tick", np.int32),
        ("mark_usd", np.float64),
        ("bid_lots_01", np.int64),  # depth within 0.1% of the mid
        ("ask_lots_01", np.int64),
        ("bid_lots_1", np.int64),  # depth within 1% of the mid
        ("ask_lots_1", np.int64),
        ("bid_lots_05", np.int64),  # depth within 0.5% of the mid
        ("liquidation_lots_01", np.int64),  # that a further fall of the mark by 0.1% would liquidate
        ("liquidation_lots_05", np.int64),
        ("liquidation_lots_1", np.int64),
        ("stop_lots_01", np.int64),  # that it would stop
        ("stop_lots_05", np.int64),
        ("stop_lots_1", np.int64),
        ("taken_lots", np.int64),  # taken from the book in this minute, by anyone
        ("liquidated_lots", np.int64),  # of these, by liquidation orders
        ("withdrawal", np.float32),  # w in (0, 1] at the minute's end
        ("spread_ticks", np.float32),  # mean over the minute's seconds
    ]
)
TAKEN = np.dtype(
    [
        ("clock", np.int64),  # steps since the warm-up began
        ("lots", np.int64),  # filled
        ("tick", np.int32),  # of the last fill
        ("market", np.int16),
        ("side", np.int8),  # of the taker: BUY or SELL
        ("is_informed", np.int8),  # it took a quote that lagged
    ]
)
PRICE = np.dtype([("index_usd", np.float64), ("value_usd", np.float64), ("reference_usd", np.float64)])


class Records(NamedTuple):
    """What the run writes down."""

    tape: np.ndarray  # LIQUIDATION
    deleveraged: np.ndarray  # DELEVERAGING
    pools: np.ndarray  # int64, shape (minutes + 1, purses): quanta that each pool is worth,
    # at the open and after minutes
    minutes: np.ndarray  # MINUTE, shape (minutes, markets)
    prices: np.ndarray  # PRICE, shape (coins, steps)
    mark: np.ndarray  # float64, shape (steps, markets)
    funding: np.ndarray  # int64, shape (hours, markets): quanta that each long lot paid at the end of the hour
    stake: np.ndarray  # float32, shape (snapshots, coins, 2, STAKE_BINS)
    taken: np.ndarray  # TAKEN, shape (room,): orders of takers without leverage, as far as there is room
    n_taken: np.ndarray  # int64, shape (1,): how many of them are written
