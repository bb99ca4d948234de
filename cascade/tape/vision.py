"""Binance Vision CSV: aggTrades, klines, bookDepth, metrics; header or none; times in ms, µs or text (UTC)."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from cascade.state import BUY, SELL
from cascade.tape.checks import Counts, checked, to_ns, unit_of
from cascade.tape.rows import Chunk, Kind, made
from cascade.tape.source import Source
from cascade.tape.tables import INTEGER, NUMBER, TEXT, Layout, Table, header_of, tables

AGGREGATES = Layout(
    {
        "agg_trade_id": INTEGER,
        "price": NUMBER,
        "quantity": NUMBER,
        "first_trade_id": INTEGER,
        "last_trade_id": INTEGER,
        "transact_time": INTEGER,
        "is_buyer_maker": TEXT,
    },
    skipped=("is_best_match",),  # of spot
)
KLINES = Layout(
    {"open_time": INTEGER, "open": NUMBER, "high": NUMBER, "low": NUMBER, "close": NUMBER, "volume": NUMBER},
    skipped=("close_time", "quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
BANDS = Layout({"timestamp": TEXT, "percentage": NUMBER, "depth": NUMBER, "notional": NUMBER})
RATIOS = {  # Binance's names
    "count_toptrader_long_short_ratio": "top_accounts_ratio",
    "sum_toptrader_long_short_ratio": "top_positions_ratio",
    "count_long_short_ratio": "accounts_ratio",
    "sum_taker_long_short_vol_ratio": "taker_volume_ratio",
}
METRICS = Layout(
    {
        "create_time": TEXT,
        "symbol": TEXT,
        "sum_open_interest": NUMBER,
        "sum_open_interest_value": NUMBER,
        **dict.fromkeys(RATIOS, NUMBER),
    },
    frozenset(RATIOS),
)


def is_aggregates(head: bytes) -> bool:
    """Whether a file holds aggTrades."""
    return _is(head, AGGREGATES, widths=(7, 8)) and _ends_with_truth(head)


def is_klines(head: bytes) -> bool:
    """Whether a file holds klines."""
    return _is(head, KLINES, widths=(12,))


def is_bands(head: bytes) -> bool:
    """Whether a file holds bookDepth."""
    return _is(head, BANDS, widths=(4,))


def is_metrics(head: bytes) -> bool:
    """Whether a file holds metrics."""
    return _is(head, METRICS, widths=(8,)) and not _ends_with_truth(head)


def read_aggregates(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield trades: fills of one taker at one price."""
    counts.has_consecutive_trades = True
    for table, unit in _united(source, AGGREGATES, "transact_time"):
        times = to_ns(source, table["transact_time"], unit, table.place)
        rows = made(Kind.TRADES, len(table), time_ns=times, local_ns=times, id=table["agg_trade_id"])
        rows["price"], rows["amount"] = table["price"], table["quantity"]
        rows["side"] = np.where(table.is_one_of("is_buyer_maker", "false", "true"), SELL, BUY)
        yield checked(source, Kind.TRADES, rows, table.place)


def read_klines(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield candles."""
    for table, unit in _united(source, KLINES, "open_time"):
        columns = {name: table[name] for name in ("open", "high", "low", "close", "volume")}
        times = to_ns(source, table["open_time"], unit, table.place)
        yield checked(source, Kind.CANDLES, made(Kind.CANDLES, len(table), time_ns=times, **columns), table.place)


def read_bands(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield depth added up to distances from the mid. A sum over bands, not a book."""
    for table in tables(source, BANDS, _has_header(source.head)):
        rows = made(Kind.BANDS, len(table), time_ns=_text_ns(table, "timestamp"))
        rows["distance"] = table["percentage"] / 100.0
        rows["amount"], rows["notional"] = table["depth"], table["notional"]
        yield checked(source, Kind.BANDS, rows, table.place)


def read_metrics(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield open interest and ratios of long to short."""
    for table in tables(source, METRICS, _has_header(source.head)):
        counts.symbol = table.only("symbol", counts.symbol)
        rows = made(Kind.METRICS, len(table), time_ns=_text_ns(table, "create_time"))
        rows["open_interest"], rows["open_interest_usd"] = table["sum_open_interest"], table["sum_open_interest_value"]
        for theirs, ours in RATIOS.items():
            rows[ours] = table[theirs]
        yield checked(source, Kind.METRICS, rows, table.place)


# ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────────
def _has_header(head: bytes) -> bool:
    return not head[:1].isdigit()


def _is(head: bytes, layout: Layout, widths: tuple[int, ...]) -> bool:
    """Whether the first line names the layout's columns, or has as many as it has and no names."""
    first = header_of(head)
    if _has_header(head):
        return next(iter(layout.columns)) == first[0] and len(set(first) & set(layout.columns)) > 2
    return len(first) in widths


def _ends_with_truth(head: bytes) -> bool:
    """Whether the last cell of the second line is true or false."""
    lines = head.split(b"\n", 2)
    return lines[min(1, len(lines) - 1)].strip().rpartition(b",")[2].lower() in (b"true", b"false")


def _united(source: Source, layout: Layout, time: str) -> Iterator[tuple[Table, str]]:
    """Yield tables, and the unit of their times: that of the file's first."""
    unit = ""
    for table in tables(source, layout, _has_header(source.head)):
        unit = unit or unit_of(source, table[time][0], table.place(0))
        yield table, unit


def _text_ns(table: Table, name: str) -> np.ndarray:
    """Return times written as 2024-08-08 23:55:00, or as ms since 1970."""
    column = table.frame[name]
    if column[0].isdigit():
        return to_ns(table.source, column.cast(pl.Int64, strict=False).fill_null(-1).to_numpy(), "ms", table.place)
    times = column.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="ns")
    for i in times.is_null().arg_true().head(1).to_list():
        problem = f"{name} must be written as 2024-08-08 23:55:00 (UTC), got {column[i]!r}; mend or remove the line"
        raise table.source.refuse(table.place(i), problem)
    return to_ns(table.source, times.to_physical().to_numpy(), "ns", table.place)
