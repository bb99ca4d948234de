"""Raw Binance websocket lines, `<local ns> {"stream": ..., "data": ...}`, with the depth snapshot in a line of its own.

Depth, trades and best quotes of one symbol are read, what other streams say is counted. As the exchange asks of
readers: depth messages before the snapshot wait for it, and those that are older than it are dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Annotated

import msgspec
import numpy as np

from cascade.state import BUY, SELL
from cascade.tape.checks import Counts, Place, checked, to_ns
from cascade.tape.rows import Chunk, Kind, made
from cascade.tape.source import Source

MOST_WAITING = 4096  # depth messages that wait for a snapshot; one that has not come by then will not
Levels = list[tuple[float, float]]
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class DepthUpdate(msgspec.Struct, tag_field="e", tag="depthUpdate"):
    """Amounts that changed."""

    s: str
    u: int  # last update id
    T: int = 0  # ms, of the match; spot has E alone
    E: int = 0
    U: int = 0  # first update id
    pu: int = -1  # last id of the message before; spot has none
    b: Levels = []
    a: Levels = []


class TradePrint(msgspec.Struct, tag_field="e", tag="trade"):
    """One fill."""

    s: str
    t: Id
    p: float
    q: float
    T: int
    m: bool
    X: str = "MARKET"  # of perpetuals: insurance fund and deleveraging are no trades


class AggregateTrade(msgspec.Struct, tag_field="e", tag="aggTrade"):
    """Fills of one taker at one price."""

    s: str
    a: Id
    p: float
    q: float
    T: int
    m: bool


class BestQuote(msgspec.Struct, tag_field="e", tag="bookTicker"):
    """The best prices."""

    s: str
    b: float
    B: float
    a: float
    A: float
    T: int


Event = DepthUpdate | TradePrint | AggregateTrade | BestQuote


class Line(msgspec.Struct):
    """What stands behind the local time: an event, or the snapshot, which has no stream."""

    data: Event | None = None
    lastUpdateId: int = -1  # noqa: N815 (the exchange's name)
    T: int = 0
    E: int = 0
    bids: Levels = []
    asks: Levels = []


class Outline(msgspec.Struct):
    """A line of any stream."""

    stream: str
    data: msgspec.Raw


READ, OUTLINE = msgspec.json.Decoder(Line, strict=False), msgspec.json.Decoder(Outline)


class Message(msgspec.Struct):
    """Depth that holds at once, and where it stands."""

    line: int
    local_ns: int
    ms: int
    bids: Levels
    asks: Levels
    is_snapshot: bool


@dataclass
class Block:
    """What one block of lines holds."""

    depth: list[Message] = field(default_factory=list)
    quotes: list[tuple] = field(default_factory=list)
    trades: list[tuple] = field(default_factory=list)


def is_websocket(head: bytes) -> bool:
    """Whether a file begins like websocket lines."""
    time, _, rest = head.split(b"\n", 1)[0].partition(b" ")
    return len(time) == 19 and time.isdigit() and rest.startswith(b"{")


def read_websocket(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield depth, quotes and trades, block by block."""
    feed = Feed(source, counts)
    for first_line, text in source.blocks():
        block = Block()
        for number, line in enumerate(text.splitlines(), first_line):
            if line:
                feed.take(number, line, block)
        yield from feed.chunks(block)
    block = Block(depth=feed.release())
    yield from feed.chunks(block)


class Feed:
    """The lines so far: which depth waits for a snapshot, and which update id came last."""

    def __init__(self, source: Source, counts: Counts) -> None:
        self.source, self.counts = source, counts
        self.waiting: list[tuple[DepthUpdate, Message]] | None = []  # None: depth goes through
        self.last_id = -1
        self.messages = 0
        counts.has_consecutive_trades = True

    def take(self, number: int, line: bytes, block: Block) -> None:
        """Sort one line into the block."""
        time, _, text = line.partition(b" ")
        try:
            local_ns, said = int(time), READ.decode(text)
        except ValueError as error:
            if time.isdigit() and self._is_other(text):
                self.counts.ignored += 1
                return
            problem = (
                f"is no `<local ns> <JSON of a Binance stream>` ({error}), got {line[:60].decode(errors='replace')!r}"
            )
            raise self.source.refuse(f"line {number}", f"{problem}; mend or remove the line") from None
        event = said.data
        if event is None:
            self._take_snapshot(number, local_ns, said, block)
            return
        self._take_symbol(number, event.s)
        if isinstance(event, DepthUpdate):
            message = Message(number, local_ns, event.T or event.E, event.b, event.a, False)
            self._take_update(event, message, block)
        elif isinstance(event, BestQuote):
            block.quotes.append((number, local_ns, event.T, event.b, event.B, event.a, event.A))
        elif isinstance(event, AggregateTrade):
            block.trades.append((number, local_ns, event.T, event.a, event.p, event.q, event.m))
        elif event.X == "MARKET":
            block.trades.append((number, local_ns, event.T, event.t, event.p, event.q, event.m))
        else:
            self.counts.ignored += 1

    def release(self) -> list[Message]:
        """Return the depth that has waited for a snapshot in vain."""
        waited = [message for _, message in self.waiting or []]
        self.waiting = None
        return waited

    def _is_other(self, text: bytes) -> bool:
        """Whether the line is of a stream that is not read; one that is, is broken."""
        try:
            kind = OUTLINE.decode(text).stream.partition("@")[2]
        except ValueError:
            return False
        return not kind.startswith(("depth", "trade", "aggTrade", "bookTicker"))

    def _take_symbol(self, number: int, symbol: str) -> None:
        if symbol != self.counts.symbol:
            if self.counts.symbol:
                problem = f"is of {symbol}, the lines above of {self.counts.symbol}; split the file by symbol"
                raise self.source.refuse(f"line {number}", problem)
            self.counts.symbol = symbol

    def _take_snapshot(self, number: int, local_ns: int, said: Line, block: Block) -> None:
        if said.lastUpdateId < 0:
            raise self.source.refuse(f"line {number}", "holds neither a stream's data nor a snapshot; remove the line")
        ms = said.T or said.E or local_ns // 1_000_000
        block.depth.append(Message(number, local_ns, ms, said.bids, said.asks, True))
        waited, self.waiting, self.last_id = self.waiting or [], None, said.lastUpdateId
        for event, message in waited:
            self._take_update(event, message, block)

    def _take_update(self, event: DepthUpdate, message: Message, block: Block) -> None:
        if self.waiting is not None:
            self.waiting.append((event, message))
            if len(self.waiting) > MOST_WAITING:
                block.depth += self.release()
            return
        if event.u <= self.last_id:
            self.counts.stale += 1
            return
        follows = event.pu == self.last_id if event.pu >= 0 else event.U == self.last_id + 1
        spans = event.U <= self.last_id + 1  # the first after a snapshot
        if self.last_id >= 0 and not (follows or spans):
            self.counts.id_gaps += 1
        self.last_id = event.u
        block.depth.append(message)

    # ── lists -> arrays ──────────────────────────────────────────────────────────────────────────────────────
    def chunks(self, block: Block) -> Iterator[Chunk]:
        """Yield what a block holds."""
        if block.depth:
            yield self._depth(block.depth)
        if block.quotes:
            columns, place, times = self._columns(block.quotes)
            rows = made(Kind.QUOTES, len(block.quotes), **times)
            rows["bid"], rows["bid_amount"], rows["ask"], rows["ask_amount"] = columns
            yield checked(self.source, Kind.QUOTES, rows, place)
        if block.trades:
            (ids, prices, amounts, are_sales), place, times = self._columns(block.trades)
            rows = made(Kind.TRADES, len(ids), id=ids, price=prices, amount=amounts, **times)
            rows["side"] = np.where(are_sales, SELL, BUY)
            yield checked(self.source, Kind.TRADES, rows, place)

    def _columns(self, records: list[tuple]) -> tuple[list[tuple], Place, dict]:
        lines, local_ns, ms, *columns = zip(*records, strict=True)

        def place(i: int) -> str:
            return f"line {lines[i]}"

        times = {"local_ns": (local_ns, "ns"), "time_ns": (ms, "ms")}
        return columns, place, {name: to_ns(self.source, np.array(t), unit, place) for name, (t, unit) in times.items()}

    def _depth(self, messages: list[Message]) -> Chunk:
        ends = np.cumsum([len(m.bids) + len(m.asks) for m in messages])

        def place(i: int) -> str:
            return f"line {messages[np.searchsorted(ends, i, side='right')].line}"

        def first_of(i: int) -> str:
            return f"line {messages[i].line}"

        times = to_ns(self.source, np.array([m.ms for m in messages]), "ms", first_of)
        local_ns = to_ns(self.source, np.array([m.local_ns for m in messages]), "ns", first_of)
        sizes = np.diff(ends, prepend=0)
        sides = np.tile(np.array([BUY, SELL], np.int8), len(messages))
        levels = chain.from_iterable(chain.from_iterable((m.bids, m.asks)) for m in messages)
        flat = np.fromiter(chain.from_iterable(levels), np.float64, 2 * int(ends[-1])).reshape(-1, 2)
        rows = made(
            Kind.DEPTH,
            int(ends[-1]),
            time_ns=np.repeat(times, sizes),
            local_ns=np.repeat(local_ns, sizes),
            message=np.repeat(np.arange(self.messages, self.messages + len(messages)), sizes),
            price=flat[:, 0],
            amount=flat[:, 1],
            side=np.repeat(sides, [n for m in messages for n in (len(m.bids), len(m.asks))]),
            is_snapshot=np.repeat([m.is_snapshot for m in messages], sizes),
        )
        self.messages += len(messages)
        return checked(self.source, Kind.DEPTH, rows, place)
