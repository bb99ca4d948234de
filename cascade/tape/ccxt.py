"""ccxt's JSON: OHLCV as a list, order books as one object, a list, or one object a line. Times in ms."""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
import numpy as np

from cascade.state import BUY, SELL
from cascade.tape.checks import Counts, checked, to_ns
from cascade.tape.rows import Chunk, Kind, made
from cascade.tape.source import Source

Candle = tuple[int, float, float, float, float, float | None]


class OrderBook(msgspec.Struct):
    """A book as `fetch_order_book` returns it; some exchanges add to a level what is not read."""

    bids: list[list[Any]]
    asks: list[list[Any]]
    timestamp: int | None = None
    symbol: str | None = None


T = TypeVar("T")
CANDLES = msgspec.json.Decoder(list[Candle])
BOOKS = msgspec.json.Decoder(list[OrderBook])


def is_ohlcv(head: bytes) -> bool:
    """Whether a file is a list of lists."""
    return b"".join(head[:64].split()).startswith(b"[[")


def is_books(head: bytes) -> bool:
    """Whether a file holds objects with bids and asks."""
    start = head.lstrip()[:2].replace(b" ", b"").replace(b"\n", b"")
    return start.startswith((b"{", b"[{")) and b'"bids"' in head


def read_ohlcv(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield candles."""
    seen = 0
    for rows in _pieces(source, CANDLES, b"]"):

        def place(i: int, seen: int = seen) -> str:
            return f"candle {seen + i + 1}"

        times, *prices, volume = zip(*rows, strict=True)
        columns: dict[str, Any] = dict(zip(("open", "high", "low", "close"), prices, strict=True))
        columns["volume"] = [np.nan if v is None else v for v in volume]
        times = to_ns(source, np.array(times), "ms", place)
        yield checked(source, Kind.CANDLES, made(Kind.CANDLES, len(times), time_ns=times, **columns), place)
        seen += len(times)


def read_books(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield books, each a message that replaces the one before."""
    seen = 0
    for books in _pieces(source, BOOKS, b"}"):
        for number, book in enumerate(books, seen + 1):
            if book.timestamp is None:
                raise source.refuse(f"book {number}", "has no timestamp; give the time it was fetched, in ms")
            if book.symbol and counts.symbol and book.symbol != counts.symbol:
                problem = f"is of {book.symbol}, those above of {counts.symbol}; split the file by symbol"
                raise source.refuse(f"book {number}", problem)
            counts.symbol = book.symbol or counts.symbol
            yield _book(source, book, number)
        seen += len(books)


def _book(source: Source, book: OrderBook, number: int) -> Chunk:
    def place(_: int) -> str:
        return f"book {number}"

    try:
        levels = np.array([level[:2] for level in (*book.bids, *book.asks)], np.float64).reshape(-1, 2)
    except (TypeError, ValueError) as error:
        raise source.refuse(place(0), f"levels must be [price, amount] ({error}); mend or remove it") from None
    times = to_ns(source, np.array([book.timestamp]), "ms", place)
    rows = made(Kind.DEPTH, len(levels), time_ns=times, local_ns=times, message=number - 1, is_snapshot=1)
    rows["price"], rows["amount"] = levels.T
    rows["side"] = np.repeat([BUY, SELL], [len(book.bids), len(book.asks)])
    return checked(source, Kind.DEPTH, rows, place)


def _pieces(source: Source, decoder: msgspec.json.Decoder[list[T]], close: bytes) -> Iterator[list[T]]:
    """Yield the records of a list, or one a line, a block at a time; each ends with `close`."""
    rest, done = b"", 0
    for piece in _bytes(source):
        rest = rest + piece if rest else piece.lstrip().removeprefix(b"[") if not done else piece
        end = _last_record(rest, close)
        if end:
            records = _decoded(source, decoder, rest[:end], close, done)
            done += len(records)
            yield records
            rest = rest[end:].lstrip(b", \t\r\n")
    rest = rest.strip()
    if rest not in (b"]", b""):
        raise source.refuse(f"after record {done}", f"is no JSON, got {rest[:40].decode(errors='replace')!r}; mend it")
    if not done:
        raise source.refuse("", "holds an empty list; give a file with records")


def _bytes(source: Source) -> Iterator[bytes]:
    with source.open() as file:
        while piece := file.read(1 << 20):
            yield piece


def _last_record(text: bytes, close: bytes) -> int:
    """Return where the last whole record ends that another one, or the end of the list, follows."""
    depth_open = {b"]": b"[", b"}": b"{"}[close]
    end = len(text)
    while (end := text.rfind(close, 0, end)) >= 0:
        behind = text[end + 1 : end + 64].lstrip()
        if behind[:1] == b"," and behind[1:].lstrip()[:1] == depth_open:
            return end + 1
        if close == b"]" and behind[:1] == b"]":
            return end + 1
        if close == b"}" and (behind[:1] in (b"]", b"{", b"")):
            return end + 1
    return 0


def _decoded(source: Source, decoder: msgspec.json.Decoder[list[T]], text: bytes, close: bytes, done: int) -> list[T]:
    if close == b"}":
        text = b"},{".join(part.strip() for part in text.replace(b"}\r\n", b"}\n").split(b"}\n{"))
    try:
        return decoder.decode(b"[" + text + b"]")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problem = f"does not fit what ccxt writes ({error}); mend it there"
        raise source.refuse(f"after record {done}", problem) from None
