"""Tardis CSV: incremental_book_L2, book_snapshot_25 (or any number of levels), trades. Times in µs."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from cascade.state import BUY, SELL
from cascade.tape.checks import Counts, checked, to_ns
from cascade.tape.numbering import Numbering
from cascade.tape.rows import Chunk, Kind, made
from cascade.tape.source import Source
from cascade.tape.tables import INTEGER, NUMBER, TEXT, Layout, Table, header_of, tables

FIRST = {"exchange": TEXT, "symbol": TEXT, "timestamp": INTEGER, "local_timestamp": INTEGER}
UPDATES = Layout(FIRST | {"is_snapshot": TEXT, "side": TEXT, "price": NUMBER, "amount": NUMBER})
TRADES = Layout(FIRST | {"id": TEXT, "side": TEXT, "price": NUMBER, "amount": NUMBER}, frozenset({"id"}))


def is_updates(head: bytes) -> bool:
    """Whether a file is incremental_book_L2."""
    return header_of(head)[:5] == [*FIRST, "is_snapshot"]


def is_trades(head: bytes) -> bool:
    """Whether a file holds trades; liquidations have the same columns, and are told by their file's name alone."""
    return header_of(head) == list(TRADES.columns)


def is_snapshots(head: bytes) -> bool:
    """Whether a file is book_snapshot_N."""
    return header_of(head)[:5] == [*FIRST, "asks[0].price"]


def read_updates(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield amounts that changed. What came together is one message; so are the rows of one snapshot."""
    messages = Numbering("local_ns")
    for table in tables(source, UPDATES, has_header=True):
        rows = _timed(table, Kind.DEPTH, counts)
        rows["price"], rows["amount"] = table["price"], table["amount"]
        rows["side"] = np.where(table.is_one_of("side", "bid", "ask"), SELL, BUY)
        rows["is_snapshot"] = table.is_one_of("is_snapshot", "false", "true")
        checked(source, Kind.DEPTH, rows, table.place)
        yield Chunk(Kind.DEPTH, messages.whole(rows))
    yield Chunk(Kind.DEPTH, messages.held)


def read_trades(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield trades."""
    for table in tables(source, TRADES, has_header=True):
        rows = _timed(table, Kind.TRADES, counts)
        rows["id"] = table.frame["id"].cast(INTEGER, strict=False).fill_null(-1).to_numpy()
        rows["price"], rows["amount"] = table["price"], table["amount"]
        rows["side"] = np.where(table.is_one_of("side", "buy", "sell"), SELL, BUY)
        yield checked(source, Kind.TRADES, rows, table.place)


def read_snapshots(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield books, each a message that replaces the one before; an empty cell is a level that is not there."""
    levels = dict.fromkeys(name.rpartition(".")[0] for name in header_of(source.head) if "." in name)
    prices = [f"{level}.price" for level in levels]
    names = [*prices, *(f"{level}.amount" for level in levels)]
    layout = Layout(FIRST | dict.fromkeys(names, NUMBER), frozenset(names))
    messages = 0
    for table in tables(source, layout, has_header=True):
        books = _timed(table, Kind.DEPTH, counts)
        books["message"] = messages + np.arange(len(books))
        books["is_snapshot"] = 1
        messages += len(books)
        rows = np.repeat(books, len(prices)).reshape(len(books), len(prices))
        for j, name in enumerate(prices):
            rows[:, j]["price"], rows[:, j]["amount"] = table[name], table[name.replace(".price", ".amount")]
            rows[:, j]["side"] = SELL if name.startswith("asks") else BUY
        is_there = ~np.isnan(rows["price"])
        place = partial(_place_of_level, table, np.flatnonzero(is_there) // len(prices))
        yield checked(source, Kind.DEPTH, rows[is_there], place)


def _timed(table: Table, kind: Kind, counts: Counts) -> np.ndarray:
    """Return rows with the block's times, and note the symbol."""
    counts.symbol = table.only("symbol", counts.symbol)
    times = (to_ns(table.source, table[name], "µs", table.place) for name in ("timestamp", "local_timestamp"))
    return made(kind, len(table), **dict(zip(("time_ns", "local_ns"), times, strict=True)))


def _place_of_level(table: Table, books: np.ndarray, level: int) -> str:
    return table.place(int(books[level]))
