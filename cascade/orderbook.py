"""One order book for people who want only the book: `OrderBook`, in whole ticks and lots."""

import math
from numbers import Real
from typing import Literal, NamedTuple

import numpy as np

from cascade.errors import InvalidConfigError, InvalidOrderError, did_you_mean
from cascade.kernels import exchange as kernels
from cascade.kernels.listing import list_levels, list_orders
from cascade.memory import empty_exchange
from cascade.messages import INT32, INT64, as_messages, is_whole, side_of, whole
from cascade.state import BUY, DEPTH, MESSAGE, RESTING, SELL, TICKS, EventKind, Kind, SelfTrade, Status

SELF_TRADE = {
    "allow": SelfTrade.ALLOW,
    "cancel_resting": SelfTrade.CANCEL_RESTING,
    "cancel_taker": SelfTrade.CANCEL_TAKER,
}
KINDS = {"gtc": Kind.LIMIT, "ioc": Kind.IOC, "fok": Kind.FOK, "post_only": Kind.POST_ONLY}


class Reply(NamedTuple):
    """What became of a request."""

    status: Status
    filled_lots: int

    @property
    def is_ok(self) -> bool:
        """Whether the request was taken; if not, the book is as it was."""
        return self.status == Status.OK


class Depth(NamedTuple):
    """Levels of both sides, best first: structured arrays of `tick`, `lots` and `orders`."""

    bids: np.ndarray
    asks: np.ndarray


class OrderBook:
    """A price-time-priority order book of individual orders.

    Prices are whole ticks from 0 to `OrderBook.TICKS - 1`, sizes whole lots, order ids any int64 that the caller
    chooses. A request that cannot be taken comes back with a `Status` and leaves the book as it was.

    Parameters
    ----------
    tick_size, lot_size : float
        Price of one tick and size of one lot, for `tick_of`, `price_of` and `lots_of`.
    lowest_price : float
        Price of tick 0.
    capacity : int
        Most orders that can rest at once; some 100 bytes each.
    events : int
        Fills that can wait to be drained before memory must be found for more; 48 bytes each. All memory is taken,
        and touched, when the book is made.
    self_trade : {"cancel_resting", "cancel_taker", "allow"}
        What happens when an order meets one of the same owner: the resting one is cancelled and matching goes on;
        the rest of the taking one is; or they trade. An owner of 0 or less stands for nobody.

    Raises
    ------
    InvalidConfigError
        If a parameter cannot be true.

    Examples
    --------
    >>> book = OrderBook()
    >>> book.limit(1, "sell", tick=101, lots=5).status.name
    'OK'
    >>> book.market(2, "buy", lots=3).filled_lots
    3
    >>> book.best_ask, book.orders()["lots"].tolist()
    (101, [2])
    """

    TICKS = TICKS

    def __init__(
        self,
        tick_size: float = 1.0,
        lot_size: float = 1.0,
        *,
        lowest_price: float = 0.0,
        capacity: int = 100_000,
        events: int = 250_000,
        self_trade: Literal["cancel_resting", "cancel_taker", "allow"] = "cancel_resting",
    ):
        self.tick_size = _positive("tick_size", tick_size)
        self.lot_size = _positive("lot_size", lot_size)
        if not isinstance(lowest_price, Real) or not math.isfinite(lowest_price):
            raise InvalidConfigError(f"lowest_price must be finite, got {lowest_price!r}")
        self.lowest_price = float(lowest_price)
        if not is_whole(capacity) or not 1 <= capacity < INT32.max // 4:
            raise InvalidConfigError(f"capacity must be a whole number of orders, at least 1, got {capacity!r}")
        if not is_whole(events) or not 0 <= events < INT32.max:
            raise InvalidConfigError(f"events must be a whole number, at least 0, got {events!r}")
        if self_trade not in SELF_TRADE:
            raise InvalidConfigError(f"unknown self_trade {self_trade!r}{did_you_mean(self_trade, SELF_TRADE)}")
        self.capacity = int(capacity)
        self._exchange = empty_exchange(self.capacity, SELF_TRADE[self_trade], int(events))
        self._spilled: list[np.ndarray] = []

    # ── requests ─────────────────────────────────────────────────────────────────────────────────────────────
    def limit(self, order: int, side: str, tick: int, lots: int, *, owner: int = 0, how: str = "gtc") -> Reply:
        """Send a limit order.

        Parameters
        ----------
        order : int
            Its id, any int64 that no resting order has.
        side : {"buy", "sell"}
        tick, lots : int
            Limit price and size.
        owner : int
            Whose it is, an int32; 0 or less for nobody.
        how : {"gtc", "ioc", "fok", "post_only"}
            What does not trade at once rests; is dropped; keeps the whole order from trading; or the order is taken
            only if nothing of it would trade. An order that may rest needs room in the book when it arrives.

        Returns
        -------
        Reply
            OK, OUT_OF_RANGE, BAD_SIZE, DUPLICATE_ORDER, POOL_FULL, WOULD_CROSS or WOULD_NOT_FILL, and lots filled.

        Raises
        ------
        InvalidOrderError
            If an argument has the wrong type, or is no such side or `how`.
        """
        if how not in KINDS:
            raise InvalidOrderError(f"unknown how {how!r}{did_you_mean(how, KINDS)}")
        return self._send(order, KINDS[how], side_of(side), tick, lots, owner)

    def market(self, order: int, side: str, lots: int, *, owner: int = 0) -> Reply:
        """Take up to `lots` at any price; what finds nobody is dropped. The id only names the taker in the fills."""
        return self._send(order, Kind.MARKET, side_of(side), 0, lots, owner)

    def cancel(self, order: int) -> Reply:
        """Cancel a resting order: OK or UNKNOWN_ORDER."""
        return self._send(order, Kind.CANCEL, BUY, 0, 0, 0)

    def replace(self, order: int, tick: int, lots: int) -> Reply:
        """Change price and open size of a resting order.

        Less size at the same price keeps its place in the queue. Anything else loses it, as if the order were
        cancelled and sent anew: it may trade. Returns OK, UNKNOWN_ORDER, BAD_SIZE or OUT_OF_RANGE, and lots filled.
        """
        return self._send(order, Kind.REPLACE, BUY, tick, lots, 0)

    def apply(self, messages: np.ndarray) -> np.ndarray:
        """Apply many messages in order.

        Parameters
        ----------
        messages : ndarray of cascade.state.MESSAGE, shape (n_messages,)
            Fields `kind` (a `Kind`), `side` (0 buy, 1 sell), `tick`, `lots`, `order`, `owner`. Another layout with
            these names is copied first; fields that are missing are 0.

        Returns
        -------
        ndarray of int8, shape (n_messages,)
            The `Status` of each. What traded is in `drain_fills`.

        Raises
        ------
        InvalidOrderError
            If `messages` is no such array.
        """
        messages = as_messages(messages)
        statuses = np.empty(messages.size, np.int8)
        start = kernels.apply(self._exchange, messages, statuses, 0)
        while start < messages.size:  # the buffer of events is full: empty it and go on
            self._spill()
            start = kernels.apply(self._exchange, messages, statuses, start)
        return statuses

    def _send(self, order: int, kind: int, side: int, tick: int, lots: int, owner: int) -> Reply:
        message = np.zeros(1, MESSAGE)
        message["order"] = whole("order", order, INT64)
        message["kind"] = kind
        message["side"] = side
        message["tick"] = whole("tick", tick)
        message["lots"] = whole("lots", lots)
        message["owner"] = whole("owner", owner, INT32)
        (status,) = self.apply(message)
        return Reply(Status(status), int(self._exchange.counts[kernels.FILLED]))

    # ── the state ────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def best_bid(self) -> int | None:
        """Tick of the best bid, or None."""
        tick = int(self._exchange.book.best[BUY])
        return tick if tick >= 0 else None

    @property
    def best_ask(self) -> int | None:
        """Tick of the best ask, or None."""
        tick = int(self._exchange.book.best[SELL])
        return tick if tick < TICKS else None

    def depth(self, levels: int = 10) -> Depth:
        """Return up to `levels` levels of either side, best first: `tick`, `lots` and number of `orders`."""
        if not is_whole(levels) or levels < 0:
            raise InvalidOrderError(f"levels must be a whole number, at least 0, got {levels!r}")
        sides = [np.empty(min(levels, TICKS), DEPTH) for _ in (BUY, SELL)]
        counts = [list_levels(self._exchange.book, side, sides[side]) for side in (BUY, SELL)]
        return Depth(*(rows[:count].copy() for rows, count in zip(sides, counts, strict=True)))

    def orders(self) -> np.ndarray:
        """Return the resting orders in the order in which they would trade, bids before asks.

        Returns
        -------
        ndarray of cascade.state.RESTING, shape (n_orders,)
            `order`, `side` (0 buy, 1 sell), `tick`, `lots` still open, `owner`.
        """
        book = self._exchange.book
        rows = np.empty(int(book.free[kernels.UNUSED]), RESTING)
        n_bids = list_orders(book, BUY, rows)
        n_asks = list_orders(book, SELL, rows[n_bids:])
        return rows[: n_bids + n_asks].copy()

    # ── events ───────────────────────────────────────────────────────────────────────────────────────────────
    def drain_fills(self) -> np.ndarray:
        """Return the fills since the last call, and forget them.

        Returns
        -------
        ndarray of cascade.state.EVENT, shape (n_fills,)
            `sequence` (number of the message that traded, from 0), `maker` and `taker` (ids), `maker_owner`,
            `taker_owner`, `tick`, `lots`, `side` (of the taker), `kind`.
        """
        return self._drain(EventKind.FILL)

    def drain_cancels(self) -> np.ndarray:
        """Return the resting orders that self-trade prevention cancelled since the last call, and forget them.

        Rows are those of `drain_fills`, where `lots` is what was cancelled.
        """
        return self._drain(EventKind.SELF_TRADE_CANCEL)

    def _drain(self, kind: int) -> np.ndarray:
        self._spill()
        events = np.concatenate(self._spilled)
        is_wanted = events["kind"] == kind
        self._spilled = [events[~is_wanted]]
        return events[is_wanted]

    def _spill(self) -> None:
        count = self._exchange.counts[kernels.N_EVENTS]
        self._spilled.append(self._exchange.events[:count].copy())
        self._exchange.counts[kernels.N_EVENTS] = 0

    # ── units ────────────────────────────────────────────────────────────────────────────────────────────────
    def tick_of(self, price: float) -> int:
        """Return the tick of `price`, which must lie on the grid."""
        return _on_grid("price", (price - self.lowest_price) / self.tick_size, price, self.tick_size)

    def price_of(self, tick: int) -> float:
        """Return the price of `tick`."""
        return self.lowest_price + tick * self.tick_size

    def lots_of(self, size: float) -> int:
        """Return `size` in lots, of which it must be a whole number."""
        return _on_grid("size", size / self.lot_size, size, self.lot_size)


def _positive(name: str, value: float) -> float:
    if not isinstance(value, Real) or not 0 < value < math.inf:
        raise InvalidConfigError(f"{name} must be positive and finite, got {value!r}")
    return float(value)


def _on_grid(name: str, steps: float, value: float, step: float) -> int:
    """Return `steps` as a whole number, if it is one within a millionth."""
    if not math.isfinite(steps) or abs(steps - round(steps)) > 1e-6:
        raise InvalidOrderError(f"{name} must be a multiple of {step!r}, got {value!r}")
    return round(steps)
