"""The state of a world: NamedTuples of packed arrays for all markets, dtypes, and Status. No logic."""

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
    EVENTS_FULL = 9


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


# ── one full-featured book (OrderBook) ───────────────────────────────────────────────────────────────────────
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


# ── a recorded book ──────────────────────────────────────────────────────────────────────────────────────────
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


# ── positions ─────────────────────────────────────────────────────────────────────────────────────────────────
NO_POSITION = -1
OPEN, PENDING, CLOSED, STOPPING, QUEUED, LIQUIDATED = 0, 1, 2, 3, 4, 5  # status of a position
WATCHED = 6  # of a cross account: looked at in the next step
FALLING, RISING = 0, 1  # ladders: what fires when the price falls to a tick, and when it rises to it

POSITION = np.dtype(
    [
        ("cost", np.int64),  # quanta paid for the open lots; what a pending one will spend (its notional)
        ("margin", np.int64),  # collateral, quanta
        ("lots", np.int32),  # open lots; 0 before opening and after closing
        ("market", np.int16),
        ("side", np.int8),  # +1 long, -1 short
        ("bucket", np.int8),  # leverage bucket: 0 <10x, 1 10-20x, 2 20-50x, 3 >50x
        ("leverage", np.float32),  # chosen at opening
        ("stop_fraction", np.float32),  # stop at this fall (long) or rise (short) from entry; 0 for none
        ("stop_tick", np.int32),  # -1 for none
        ("liquidation_tick", np.int32),  # sort key of the liquidation trigger; -1 for none
        ("filed_tick", np.int32),  # the tick it is filed under in the ladder; -1 if it is not
        ("next", np.int32),  # in its ladder's list, or in a queue
        ("prev", np.int32),  # in its ladder's list; in the liquidation queue, the step of the breach
        ("close_step", np.int32),  # when its owner closes it; beyond the day's last step for never
        ("close_next", np.int32),  # next position that is closed in the same step
        ("status", np.int8),
        ("group", np.int8),  # 0 isolated, 1 the low-leverage or hedged remainder (2, in records: cross)
        ("round_stop", np.int16),  # 1 where its stop goes to a round price
    ],
    align=False,
)
assert POSITION.itemsize == 64


class Accounts(NamedTuple):
    """All positions of all markets; one position is one account, and its row is its number."""

    rows: np.ndarray  # POSITION, shape (positions,): first those open before the day, then openings in time order
    opening: np.ndarray  # int64, shape (steps + 1,): openings of step t are rows opening[t] to opening[t + 1]
    closing: np.ndarray  # int32, shape (steps,): first position to close in each step, or -1
    isolated: np.ndarray  # int64, shape (2 * markets,): of each market, from which row to before which the isolated
    # positions are that are open before the day: the remainder's are behind them
    last_part: np.ndarray = np.zeros(0, np.int32)  # shape (positions,): step + 1 of the last partial order; 0 for none


class Ladder(NamedTuple):
    """Trigger ladders of all markets: positions in lists by the tick at which they fire."""

    heads: (
        np.ndarray
    )  # int32, shape (2 * markets * TICKS,): position + 1, or 0; index (2 * market + direction) * TICKS + tick
    stake: np.ndarray  # int64, shape (2 * markets * STAKE_BINS,): lots filed, by bins of ticks (the liquidation map)
    stops: np.ndarray  # int64, likewise: of these, the lots that are filed at their stop


STAKE_SHIFT = 6
STAKE_BINS = TICKS >> STAKE_SHIFT


# ── cross accounts ────────────────────────────────────────────────────────────────────────────────────────────
PORTFOLIO = np.dtype(
    [
        ("wallet", np.int64),  # quanta in its venue's purse: what was paid in, and profits and losses realised
        ("first_leg", np.int32),  # its legs are rows first_leg to first_leg + n_legs
        ("next", np.int32),  # in the list of those to look at, or in its venue's queue
        ("trigger_step", np.int32),  # of its last breach
        ("leverage", np.float32),  # gross notional over equity at the day's start
        ("moved_by", np.int16),  # market whose move had it looked at last; -1 for none
        ("n_legs", np.int8),
        ("venue", np.int8),
        ("status", np.int8),  # OPEN, WATCHED, QUEUED or LIQUIDATED
        ("bucket", np.int8),  # leverage bucket at the day's start
        ("settled", np.int8),  # hours of the day whose funding it has paid
        ("is_taken", np.int8),  # 1 once a liquidation order was sent for it
    ]
)
LEG = np.dtype(
    [
        ("cost", np.int64),  # quanta paid for the open lots; 0 of coin collateral
        ("lots", np.int32),  # 0 once closed
        ("rung", np.int32),  # of its edge in the slack ladder; -1 if it is not filed
        ("next", np.int32),  # in its ladder's list
        ("prev", np.int32),
        ("portfolio", np.int32),
        ("market", np.int16),
        ("side", np.int8),  # +1 long, -1 short
        ("is_coin", np.int8),  # 1: coin held as collateral, in its spot market
    ]
)
assert PORTFOLIO.itemsize == LEG.itemsize == 32

CROSS_GROUP = 2  # of a liquidation in the tape
LARGEST_LOSS, LARGEST_NOTIONAL, LARGEST_MARGIN = range(3)  # which leg of a breached account is closed first
ENGINE = np.dtype(
    [
        ("first_queued", np.int64),  # portfolio to liquidate first, or -1
        ("last_queued", np.int64),
        ("rate", np.int64),  # liquidation orders of cross accounts per step
        ("order", np.int64),  # LARGEST_LOSS, LARGEST_NOTIONAL or LARGEST_MARGIN
    ]
)


class Cross(NamedTuple):
    """Cross accounts: several positions of one venue, one collateral; filed by how far marks can move at least."""

    portfolios: np.ndarray  # PORTFOLIO, shape (portfolios,)
    legs: np.ndarray  # LEG
    heads: np.ndarray  # int32, shape (2 * markets * TICKS,): leg + 1, or 0; by rung, else as `Ladder`; may be empty
    rung_shift: np.ndarray  # int64, shape (markets,): a rung is this many bits of a tick
    cursor: np.ndarray  # int64, shape (markets,): the mark's rung up to which legs were looked at
    engines: np.ndarray  # ENGINE, shape (venues,)
    haircut: np.ndarray  # float64, shape (markets,): taken off the coin of a market as collateral at its venue
    watched: np.ndarray  # int64, shape (1,): first portfolio to look at in the next step, or -1
    last_part: np.ndarray  # int32, shape (portfolios,): step + 1 of the last order that closed a part of a leg, or 0


# ── margin tables ────────────────────────────────────────────────────────────────────────────────────────────
BRACKETS = 128  # rows in a market's table: its brackets (OKX has 99 for BTC), then one row that ends the last
BY_MARK_NOTIONAL, BY_ENTRY_NOTIONAL, BY_SIZE = 0, 1, 2  # what a bracket's bounds measure (bracket_unit)
ON_MARK, ON_ENTRY = 0, 1  # what the maintenance rate multiplies (basis)


class Margin(NamedTuple):
    """Margin rules of all markets, as flat tables."""

    floor: np.ndarray  # float64, shape (markets * BRACKETS,): lower bound of each bracket, in bracket_unit
    rate: np.ndarray  # float64, maintenance margin rate
    amount_usd: (
        np.ndarray
    )  # float64, deducted from notional * rate (cumulative amount); 0 where the rate holds for the whole
    initial_rate: np.ndarray  # float64, initial margin rate: 1 / highest leverage
    n_brackets: np.ndarray  # int64, shape (markets,)
    bracket_unit: np.ndarray  # int64, shape (markets,): BY_MARK_NOTIONAL, BY_ENTRY_NOTIONAL or BY_SIZE
    basis: np.ndarray  # int64, shape (markets,): ON_MARK or ON_ENTRY
    trigger_fee: (
        np.ndarray
    )  # float64, shape (markets,): taker fee inside the trigger, of the closing notional; 0 for none
    clearance_fee: (
        np.ndarray
    )  # float64, shape (markets,): fee of a liquidation, of notional, at most what is left of the margin
    taker_fee: np.ndarray  # float64, shape (markets,)


class Contracts(NamedTuple):
    """Units and place of every market.

    An inverse contract is a linear one in which the coin is money and the dollar the good. So margin rules know one
    kind of contract only, in which a `size` of goods is worth size * quote in money; see `kernels.money`.
    """

    coin: np.ndarray  # int64, shape (markets,)
    venue: np.ndarray  # int64, shape (markets,)
    purse: np.ndarray  # int64, shape (markets,): row of the ledger in which the market settles, one currency each
    is_perpetual: np.ndarray  # int64, shape (markets,): 1, or 0 for spot
    payoff: np.ndarray  # int64, shape (markets,): +1 linear, -1 inverse: what the side of the good is worth in money
    tick_usd: np.ndarray  # float64, shape (markets,)
    lot_base: np.ndarray  # float64, shape (markets,): coins in a lot; of an inverse contract, at the opening price
    lot_size: np.ndarray  # float64, shape (markets,): goods in a lot: coins, or USD of an inverse contract
    quanta: np.ndarray  # int64, shape (markets,): quanta (1e-6 USD) in one lot times one tick, exact; 0 if inverse
    lot_quanta: np.ndarray  # float64, shape (markets,): quanta (1e-8 coin) in one inverse lot, times the price in ticks
    quantum: np.ndarray  # float64, shape (markets,): quanta in one unit of money: 1e6 in a USD, 1e8 in a coin
    floor_tick: (
        np.ndarray
    )  # int64, shape (markets,): price in ticks of the book's tick 0 (a book holds TICKS prices from there)


# ── liquidation rules, pools, deleveraging ───────────────────────────────────────────────────────────────────
WHOLE, BY_BRACKET, BY_FRACTION, TO_COMPLIANCE = range(4)  # part: how much of a position one order closes
AT_BANKRUPTCY, AT_MARKET = range(2)  # order: an IOC limit, or a market order
TO_POOL, TO_ACCOUNT = range(2)  # surplus: who keeps what a fill leaves above the bankruptcy price
NEVER, POOL_EMPTY, POOL_FALL, EQUITY_NEGATIVE = range(4)  # trigger of deleveraging
PROFIT_TIMES_LEVERAGE, RETURN_TIMES_LEVERAGE, PROFIT = range(3)  # ranking of winners
CLOSED_AT_BANKRUPTCY, CLOSED_AT_MARK = range(2)  # price at which winners are closed
DELEVERAGE, SOCIALISE = range(2)  # shortage: what follows when the pool cannot pay

RULE = np.dtype(  # how a market liquidates; all zeros: whole, at bankruptcy, surplus to the pool, no deleveraging
    [
        ("part", np.int64),
        ("brackets_down", np.int64),  # BY_BRACKET: how many brackets one order descends
        ("fraction", np.float64),  # BY_FRACTION: share of the position in one order
        ("above_usd", np.float64),  # BY_FRACTION: notional at the mark up to which a position goes whole
        ("pause", np.int64),  # BY_FRACTION: steps after a part within which the rest goes whole
        ("order", np.int64),
        ("backstop", np.float64),  # equity over maintenance margin below which the pool takes over at once; 0: never
        ("surplus", np.int64),
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


# ── what a run writes down ───────────────────────────────────────────────────────────────────────────────────
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
        ("fee", np.int64),  # quanta of clearance fee
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


# ── the moving parts of a day ────────────────────────────────────────────────────────────────────────────────
QUANTILES = 1024  # entries of the tables that a draw picks from
WHEEL = 4096  # buckets of the expiry wheel, one second of calm each
HISTORY = 300  # seconds over which withdrawal looks back (the bars of its evidence are five minutes)
STREAMS = 4  # draw keys of a market

COIN = np.dtype(
    [
        ("value_usd", np.float64),  # V, moved by news alone
        ("shift", np.float64),  # Z, what providers have learned from flow; R = V exp(Z)
        ("reference_usd", np.float64),  # R, around which providers quote
        ("index_usd", np.float64),  # mid of the coin's index market
        ("hazard_s", np.float64),  # cumulative hazard of resting orders, seconds of calm
        ("withdrawal", np.float64),  # w in (0, 1]: how much of calm's depth is left
        ("liquidated", np.float64),  # value liquidated over depth, fading over five minutes
        ("volatility", np.float64),  # of V besides news, log per step
        ("sigma_bar", np.float64),  # of a five-minute bar in calm, the yardstick of withdrawal
        ("index_market", np.int64),
    ]
)
MARKET = np.dtype(
    [
        ("mark_usd", np.float64),
        ("basis_usd", np.float64),  # moving average of mid less index
        ("basis_fade", np.float64),  # of that average, per step
        ("mark_rule", np.int64),
        ("last_tick", np.int64),  # of the last trade
        (
            "local",
            np.float64,
        ),  # z, by how much (log) this market's providers deviate from R after flow that hit it alone
        ("impact", np.float64),  # log move that uninformed flow made in this step
        ("arbitraged", np.float64),  # log move that arbitrage made in this step
        ("leaning", np.float64),  # log move that providers follow already within the step, before they learn it
        ("bid_before", np.int64),  # best prices before the flow whose impact is measured
        ("ask_before", np.int64),
        ("expired", np.int64),  # last bucket of the expiry wheel that was emptied
        ("weight", np.float64),  # depth over the coin's
        ("stress_per_lot", np.float64),  # one lot over the coin's depth within 1% on one side
        ("touch_lots", np.float64),  # mean size of a quote at the touch
        ("requote_lots", np.float64),  # mean size of one that follows takers within the step
        ("noise_rate", np.float64),  # noise trades per round
        ("funding_rate", np.float64),  # of notional, that longs pay to shorts each time
        ("funding_every", np.int64),  # steps between two payments; 0 for never
        ("funding_from", np.int64),  # FROM_WALLET or FROM_MARGIN, for isolated positions
        ("funding_due", np.int64),  # quanta that each long lot pays in this step
        ("engine_rate", np.int64),  # liquidation orders per step
        ("cursor", np.int64),  # the mark's tick up to which the ladders have fired
        ("first_queued", np.int64),  # position to liquidate first, or -1
        ("last_queued", np.int64),
        ("first_stopped", np.int64),  # position whose stop fired in the last step, or -1
        ("taken_lots", np.int64),  # since the minute began
        ("liquidated_lots", np.int64),
        ("spread_ticks", np.int64),  # summed over the minute's steps
    ]
)
POST = np.dtype(
    [
        ("distance", np.float64),  # fraction from R, quantiles
        ("life", np.float64),  # mean lifetime at this distance, seconds of calm
        ("exponential", np.float64),  # quantiles of the unit exponential
    ]
)
THINNING = np.dtype([("sigmas", np.float64), ("factor", np.float64)])
PROGRAMME = np.dtype(
    [
        ("start", np.int64),
        ("stop", np.int64),
        ("market", np.int64),
        ("side", np.int64),
        ("lots", np.int64),
        ("every", np.int64),
    ]
)  # takes `lots` in every so many steps from start to before stop; side of the book


class Liquidity(NamedTuple):
    """Tables from which providers post, and what they remember."""

    posts: np.ndarray  # POST, shape (QUANTILES + 1,)
    lots: np.ndarray  # float64, shape (markets * QUANTILES,): mean size of a post by distance
    wheel: np.ndarray  # int32, shape (markets * WHEEL,): first order that expires in a bucket
    history: np.ndarray  # float64, shape (coins * HISTORY,): log R, a ring
    thinning: np.ndarray  # THINNING, ascending from 0 sigmas: by how much depth thins after such a bar


PROVIDERS = np.dtype(
    [
        ("mode", np.int64),  # who provides, by the names below
        ("band_ticks", np.int64),  # ZERO_INTELLIGENCE: orders lie within this many ticks of the opposite best
        ("lots", np.int64),  # ... and have this size
        ("posts", np.float64),  # ... so many come in a step, of both sides
        ("life_s", np.float64),  # ... and live so long on average
    ]
)
GIVEN_ORDER = np.dtype(
    [("market", np.int64), ("side", np.int64), ("offset", np.int64), ("lots", np.int64)]
)  # side of the book; offset in ticks from the reference
# who provides: quotes around the reference (the default); a given book, laid once; one laid anew around the reference
# in every step; orders at random distances from the opposite best (Smith and Farmer)
AROUND_REFERENCE, STANDING, RENEWED, ZERO_INTELLIGENCE = range(4)


class Settings(NamedTuple):
    """Numbers of a run that do not change while it runs."""

    layout: np.ndarray  # int64, (5,): coins, venues, steps in a block of news, steps between map snapshots, rounds
    switches: np.ndarray  # int64, shape (8,): mechanisms on (1) or off (0), by the names below
    rates: np.ndarray  # float64, shape (13,): by the names below
    keys: np.ndarray  # uint64, shape (markets * STREAMS,): draw keys by market and stream
    noise_lots: np.ndarray  # float64, shape (markets * QUANTILES,): quantiles of a noise trade's size
    noise_pace: np.ndarray  # float64, shape (QUANTILES,): quantiles of how busy a second is, over the mean
    programmes: np.ndarray  # PROGRAMME
    news: np.ndarray  # float64, shape (coins, blocks): log change of V in a block; written where it is solved for
    target: np.ndarray  # float64, shape (coins, blocks): index at each block's end that news is solved for; 0 for none
    providers: np.ndarray  # PROVIDERS, shape (1,)
    given: np.ndarray  # GIVEN_ORDER, by market: the orders of a STANDING or RENEWED book
    given_first: np.ndarray  # int64, shape (markets + 1,): where each market's orders begin in `given`


# switches
LIQUIDATIONS, STOPS, WITHDRAWAL, ARBITRAGE, OPENINGS, LEARNING, TRACKING = range(7)
# rates
(
    SHARE,  # of uninformed flow's impact that providers learn
    FORGETTING,  # theta, per step
    LOCAL_FORGETTING,  # of a market's deviation, per step
    POSTS,  # depth orders per step and market, in calm
    REFILL,  # of w, per step
    RETREAT,  # of w towards its floor when stressed, per step
    ARBITRAGE_COST,  # round trip, fraction
    TAKEN_SHARE,  # of stale quotes that are taken rather than pulled
    STEP_S,
    LIQUIDATION_STRESS,  # sigmas of stress per unit of liquidated over depth
    STRESS_FADE,  # per step
    WARMUP_PULL,  # of R to the opening price during the warm-up, per step
    SEVERITY,  # of withdrawal: sd of its logarithm from one half hour to the next
) = range(13)
# mark rules
MARK_MEDIAN, MARK_INDEX_BASIS, MARK_LAST, MARK_INDEX = range(4)
# who pays funding of isolated positions
FROM_WALLET, FROM_MARGIN = range(2)
# draw streams
POST_STREAM, NOISE_STREAM, VALUE_STREAM = range(3)


# ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────────
(
    FREE,  # wallets of accounts outside positions
    COLLATERAL,  # margin of open positions
    PAID,  # what was paid for the open contracts of accounts (long +, short -)
    EXTERNAL,  # providers and all takers without leverage
    POOL,  # insurance
    CLEARANCE,  # liquidation fees
    FEES,  # taker fees
    ABSORBER,  # who closes positions at the mark when liquidation orders are kept out of the book
    ACCRUED,  # funding of cross accounts that is not settled with them yet
    SOCIALISED,  # losses that neither margins nor pools covered
) = range(10)
LEDGER_COLUMNS = 10
ACCOUNTS_LOTS, EXTERNAL_LOTS, POOL_LOTS, ABSORBER_LOTS, CROSS_LOTS = range(5)  # who holds contracts
HOLDERS = 5


class Ledger(NamedTuple):
    """Cash and contracts, as exact integers. Cash is what was paid and received: contracts are held beside it."""

    cash: np.ndarray  # int64, shape (purses * LEDGER_COLUMNS,): quanta (1e-6 USD or 1e-8 coin)
    lots: np.ndarray  # int64, shape (markets * HOLDERS,): net lots by holder
    start: np.ndarray  # int64, shape (purses,): sum that must not change
    broken: np.ndarray  # int64, shape (2,): steps at which cash, contracts did not add up


class Counters(NamedTuple):
    """What the run counts."""

    n: np.ndarray  # int64, shape (24,): by the names below
    fills: np.ndarray  # int64, shape (4,): tally of the taker order or the deleveraging under way
    inverse: np.ndarray  # float64, shape (2,): of its market, lot_quanta (0: linear) and floor_tick


(
    N_POSTS,
    N_EXPIRED,
    N_PULLED,
    N_TAKER_ORDERS,
    N_TRADES,
    N_NOISE,
    N_INFORMED,
    N_ARBITRAGE,
    N_OPENED,
    N_CLOSED,
    N_STOPPED,
    N_LIQUIDATED,
    N_TAPE,
    N_POOL_FULL,
    N_UNFILLED_OPENINGS,
    N_TRIGGER_CHECKS,
    N_PROGRAMME,
    N_OFF_BOOK,
    N_DELEVERAGED,
    N_CROSS_CHECKS,
    N_CROSS_LIQUIDATED,
) = range(21)
# fills
TALLY_NOTIONAL, TALLY_TRADES, TALLY_LAST_TICK = range(3)  # notional in lots * ticks above floor_tick; quanta if inverse
TALLY_DELEVERAGED = 3  # quanta at which winners were closed


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
    pools: (
        np.ndarray
    )  # int64, shape (minutes + 1, purses): quanta that each pool is worth, at the open and after minutes
    minutes: np.ndarray  # MINUTE, shape (minutes, markets)
    prices: np.ndarray  # PRICE, shape (coins, steps)
    mark: np.ndarray  # float64, shape (steps, markets)
    funding: np.ndarray  # int64, shape (hours, markets): quanta that each long lot paid at the end of the hour
    stake: np.ndarray  # float32, shape (snapshots, coins, 2, STAKE_BINS)
    taken: np.ndarray  # TAKEN, shape (room,): orders of takers without leverage, as far as there is room
    n_taken: np.ndarray  # int64, shape (1,): how many of them are written


class World(NamedTuple):
    """Everything that a compiled day sees."""

    book: Book
    contracts: Contracts
    margin: Margin
    accounts: Accounts
    ladder: Ladder
    coins: np.ndarray  # COIN
    markets: np.ndarray  # MARKET
    liquidity: Liquidity
    settings: Settings
    rules: np.ndarray  # RULE, shape (markets,)
    pools: np.ndarray  # INSURANCE, shape (purses,)
    winners: Winners
    ledger: Ledger
    counters: Counters
    records: Records
    cross: Cross
