"""The slow, plain engine: what the compiled one must agree with, written for reading and for nothing else.

It shares names with `cascade.state` and no code with `cascade.kernels`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from cascade.state import BUY, SELL, TICKS, EventKind, Kind, SelfTrade, Status


# ── the order book ───────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Order:
    """An order, resting or on its way in."""

    id: int
    side: int
    tick: int
    lots: int
    owner: int


@dataclass(frozen=True)
class Event:
    """A fill, or a resting order cancelled because its owner met itself."""

    sequence: int
    maker: int
    taker: int
    maker_owner: int
    taker_owner: int
    tick: int
    lots: int
    side: int
    kind: int


class ReferenceBook:
    """Price-time priority with plain lists: one list of orders a tick, oldest first."""

    def __init__(self, capacity: int, policy: int = SelfTrade.CANCEL_RESTING):
        self.capacity = capacity
        self.policy = policy
        self.queues: dict[int, dict[int, list[Order]]] = {BUY: {}, SELL: {}}
        self.resting: dict[int, Order] = {}
        self.events: list[Event] = []
        self.n_messages = 0

    def apply(self, order: int, kind: int, side: int, tick: int, lots: int, owner: int) -> tuple[Status, int]:
        """Apply one message; return what became of it and the lots filled."""
        if kind == Kind.CANCEL:
            reply = self.cancel(order)
        elif kind == Kind.REPLACE:
            reply = self.replace(order, tick, lots)
        elif kind in (Kind.LIMIT, Kind.MARKET, Kind.IOC, Kind.FOK, Kind.POST_ONLY):
            reply = self.submit(kind, Order(order, side, tick, lots, owner))
        else:
            reply = Status.BAD_KIND, 0
        self.n_messages += 1
        return reply

    def cancel(self, order_id: int) -> tuple[Status, int]:
        """Take an order out of the book."""
        if order_id not in self.resting:
            return Status.UNKNOWN_ORDER, 0
        self.remove(self.resting[order_id])
        return Status.OK, 0

    def replace(self, order_id: int, tick: int, lots: int) -> tuple[Status, int]:
        """Change an order: less size at the same price keeps its place; anything else is a cancel and a new order."""
        if order_id not in self.resting:
            return Status.UNKNOWN_ORDER, 0
        if lots <= 0:
            return Status.BAD_SIZE, 0
        if not 0 <= tick < TICKS:
            return Status.OUT_OF_RANGE, 0
        order = self.resting[order_id]
        if tick == order.tick and lots < order.lots:
            order.lots = lots
            return Status.OK, 0
        self.remove(order)
        return self.submit(Kind.LIMIT, Order(order_id, order.side, tick, lots, order.owner))

    def submit(self, kind: int, order: Order) -> tuple[Status, int]:
        """Take in a new order."""
        status = self.refusal(kind, order)
        if status != Status.OK:
            return status, 0
        if kind == Kind.MARKET:
            order.tick = TICKS - 1 if order.side == BUY else 0
        if kind == Kind.FOK and not self.would_fill(order):
            return Status.WOULD_NOT_FILL, 0
        wanted = order.lots
        has_yielded = self.match(order)
        filled = wanted - order.lots
        if kind in (Kind.LIMIT, Kind.POST_ONLY) and order.lots > 0 and not has_yielded:
            self.queues[order.side].setdefault(order.tick, []).append(order)
            self.resting[order.id] = order
        return Status.OK, filled

    def refusal(self, kind: int, order: Order) -> Status:
        """Return why a new order cannot be taken, or OK."""
        if order.side not in (BUY, SELL):
            return Status.OUT_OF_RANGE
        if order.lots <= 0:
            return Status.BAD_SIZE
        if kind != Kind.MARKET and not 0 <= order.tick < TICKS:
            return Status.OUT_OF_RANGE
        if kind in (Kind.LIMIT, Kind.POST_ONLY):
            if order.id in self.resting:
                return Status.DUPLICATE_ORDER
            if len(self.resting) >= self.capacity:
                return Status.POOL_FULL
        if kind == Kind.POST_ONLY and any(True for _ in self.makers(order)):
            return Status.WOULD_CROSS
        return Status.OK

    def match(self, taker: Order) -> bool:
        """Trade with whoever is better or equal in price, best and oldest first; whether the taker had to yield."""
        for maker in list(self.makers(taker)):
            if taker.lots == 0:
                break
            if self.is_self_trade(taker, maker):
                if self.policy == SelfTrade.CANCEL_TAKER:
                    return True
                self.tell(taker, maker, maker.lots, EventKind.SELF_TRADE_CANCEL)
                self.remove(maker)
                continue
            lots = min(taker.lots, maker.lots)
            self.tell(taker, maker, lots, EventKind.FILL)
            taker.lots -= lots
            maker.lots -= lots
            if maker.lots == 0:
                self.remove(maker)
        return False

    def would_fill(self, taker: Order) -> bool:
        """Whether all of `taker` would trade at once."""
        lots = 0
        for maker in self.makers(taker):
            if not self.is_self_trade(taker, maker):
                lots += maker.lots
            elif self.policy == SelfTrade.CANCEL_TAKER:
                break
        return lots >= taker.lots

    def makers(self, taker: Order) -> Iterator[Order]:
        """Yield the orders that `taker` may trade with, best price first, oldest first."""
        queues = self.queues[1 - taker.side]
        for tick in sorted(queues, reverse=taker.side == SELL):
            if tick > taker.tick if taker.side == BUY else tick < taker.tick:
                return
            yield from queues[tick]

    def is_self_trade(self, taker: Order, maker: Order) -> bool:
        """Whether the two have one owner who must not trade with itself."""
        return self.policy != SelfTrade.ALLOW and taker.owner > 0 and taker.owner == maker.owner

    def remove(self, order: Order) -> None:
        """Take an order out of its queue."""
        queue = self.queues[order.side][order.tick]
        queue[:] = [other for other in queue if other is not order]
        if not queue:
            del self.queues[order.side][order.tick]
        del self.resting[order.id]

    def tell(self, taker: Order, maker: Order, lots: int, kind: int) -> None:
        """Write down what happened between two orders."""
        owners = maker.owner, taker.owner
        self.events.append(Event(self.n_messages, maker.id, taker.id, *owners, maker.tick, lots, taker.side, kind))

    def orders(self) -> list[Order]:
        """Return the resting orders in the order in which they would trade, bids before asks."""
        return [
            order
            for side in (BUY, SELL)
            for tick in sorted(self.queues[side], reverse=side == BUY)
            for order in self.queues[side][tick]
        ]
