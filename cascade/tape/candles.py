"""A day of candles: checked arrays, or one line that says where the file is wrong."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from cascade.errors import InvalidTapeError
from cascade.tape.cells import CCXT, PRICES, Table, read_table
from cascade.units import NS_PER_S, S_PER_DAY

NS_PER_MINUTE = 60 * NS_PER_S
NS_PER_DAY = S_PER_DAY * NS_PER_S
COARSEST_NS = 60 * NS_PER_MINUTE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_NS, LAST_NS = (
    int((datetime(year, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * NS_PER_S for year in (2009, 2101)
)
NS_PER_UNIT = {"ms": 1_000_000, "µs": 1_000, "s": NS_PER_S, "ns": 1}  # between those years no number fits two of them
READ_UNITS = ("ms", "µs")  # the formats know no others: refused, but named


@dataclass(frozen=True)
class Candles:
    """The candles of one UTC day, without a gap."""

    time_ns: np.ndarray  # int64, (candles,), UTC, at which each opens
    open_usd: np.ndarray  # float64, (candles,)
    high_usd: np.ndarray
    low_usd: np.ndarray
    close_usd: np.ndarray
    volume: np.ndarray  # in the file's unit; nan where none is given
    interval_ns: int
    source_format: str
    path: str

    @property
    def day(self) -> str:
        """The UTC day, as 2022-01-21."""
        return _time(self.time_ns[0])[:10]

    def minute_closes(self) -> np.ndarray:
        """Return the price at the end of each of the day's 1440 minutes; log-linear between coarser closes."""
        minutes = self.interval_ns // NS_PER_MINUTE
        if minutes == 1:
            return self.close_usd
        known = np.arange(len(self.time_ns) + 1) * minutes
        log_prices = np.log([self.open_usd[0], *self.close_usd])
        return np.exp(np.interp(np.arange(1, known[-1] + 1), known, log_prices))


def read_candles(path: str | Path, day: str | date | None = None) -> Candles:
    """Return the 24 hours of a UTC day from a candle file.

    Parameters
    ----------
    path : str or Path
        A file of candles of 1 minute to 1 hour. Its format is found out from its content.
    day : str or date, optional
        As "2022-01-21", and in no other form. May be left out where the file holds one complete day only.

    Raises
    ------
    InvalidTapeError
        If the file is absent, empty, binary or of another format; if times are out of order, repeated, not UTC or
        outside 2009-2100; if prices are not positive numbers, or low <= open, close <= high fails; if the day is not
        in the file or has a gap. The line says where, and what to do.
    """
    table = read_table(Path(path))
    time_ns = _times(table)
    values = _values(table)
    interval_ns = _interval(table, time_ns)
    picked = _pick(table, time_ns, interval_ns, day)
    opens, highs, lows, closes, volume = (column[picked] for column in values)
    return Candles(time_ns[picked], opens, highs, lows, closes, volume, interval_ns, table.source_format, str(path))


# ── cells -> checked arrays ─────────────────────────────────────────────────────────────────────────────────
def _times(table: Table) -> np.ndarray:
    """Return the times at which candles open, int64 UTC ns, in order."""
    cells = [row[table.columns["time"]] for row in table.rows]
    if _whole(cells[0]) is None:
        times = [_text_ns(table, i, cell) for i, cell in enumerate(cells)]
    else:
        unit_ns = _unit_ns(table, cells[0])
        times = [_number_ns(table, i, cell, unit_ns) for i, cell in enumerate(cells)]
    for i, time_ns in enumerate(times):
        if not FIRST_NS <= time_ns < LAST_NS:
            raise table.refuse(i, f"time {cells[i]} lies outside 2009-2100, read as the first one; mend it")
    time_ns = np.array(times, np.int64)
    for i in _first(np.diff(time_ns) <= 0):
        before, here = _time(time_ns[i]), _time(time_ns[i + 1])
        if time_ns[i] == time_ns[i + 1]:
            raise table.refuse(i + 1, f"{here} UTC stands twice; remove one of the two candles")
        raise table.refuse(i + 1, f"{here} UTC comes after {before}; sort the file by time")
    return time_ns


def _whole(cell: object) -> int | None:
    """Return a cell as a whole number, or None."""
    digits = str(cell).strip().removesuffix(".0")
    return int(digits) if digits.isdecimal() and len(digits) < 20 else None


def _unit_ns(table: Table, cell: object) -> int:
    """Return the unit of the first time, by its size."""
    fitting = [unit for unit, ns in NS_PER_UNIT.items() if FIRST_NS <= (_whole(cell) or 0) * ns < LAST_NS]
    if not fitting:
        raise table.refuse(0, f"time {cell} lies outside 2009-2100 in ms or µs since 1970; give UTC times in ms")
    if fitting[0] not in READ_UNITS:
        raise table.refuse(0, f"time {cell} looks like {fitting[0]} since 1970; give it in ms")
    return NS_PER_UNIT[fitting[0]]


def _number_ns(table: Table, i: int, cell: object, unit_ns: int) -> int:
    number = _whole(cell)
    if number is None:
        raise table.refuse(i, f"time {cell!r} is no whole number, as those above; mend it")
    return number * unit_ns


def _text_ns(table: Table, i: int, cell: object) -> int:
    try:
        time = datetime.fromisoformat(str(cell).strip())
    except ValueError:
        raise table.refuse(i, f"time {cell!r} cannot be read; write 2022-01-21 00:00:00, or ms since 1970") from None
    if time.utcoffset():
        raise table.refuse(i, f"time {cell} is not UTC; convert the column to UTC")
    return (time.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1) * 1000


def _values(table: Table) -> list[np.ndarray]:
    """Return open, high, low, close, volume."""
    columns = {name: _floats(table, name) for name in CCXT[1:]}
    for name in PRICES:
        for i in _first(~(np.isfinite(columns[name]) & (columns[name] > 0))):
            raise table.refuse(
                i, f"{name} must be a positive number, got {columns[name][i]}; mend or remove the candle"
            )
    opens, highs, lows, closes, volume = columns.values()
    for i in _first((lows > np.minimum(opens, closes)) | (highs < np.maximum(opens, closes))):
        prices = ", ".join(f"{name} {columns[name][i]:g}" for name in PRICES)
        raise table.refuse(i, f"low <= open, close <= high must hold, got {prices}; check the order of the columns")
    for i in _first((volume < 0) | np.isinf(volume)):
        raise table.refuse(i, f"volume must be zero or more, got {volume[i]}; mend or remove the candle")
    return list(columns.values())


def _floats(table: Table, name: str) -> np.ndarray:
    """Return a column of numbers; nan for a volume that is not given."""
    values = np.full(len(table.rows), np.nan)
    if name not in table.columns:
        return values
    for i, row in enumerate(table.rows):
        cell = row[table.columns[name]]
        if name == "volume" and cell in (None, ""):
            continue
        try:
            values[i] = float(cell)
        except (TypeError, ValueError):
            raise table.refuse(i, f"{name} must be a number, got {cell!r}; mend or remove the candle") from None
    return values


# ── one day ─────────────────────────────────────────────────────────────────────────────────────────────────
def _interval(table: Table, time_ns: np.ndarray) -> int:
    """Return the most common distance of two candles."""
    if len(time_ns) < 2:
        raise table.refuse(0, "is the only candle; give at least a day of candles")
    interval_ns = int(Counter(np.diff(time_ns).tolist()).most_common(1)[0][0])
    if interval_ns % NS_PER_MINUTE or interval_ns > COARSEST_NS or NS_PER_DAY % interval_ns:
        given = timedelta(microseconds=interval_ns // 1000)
        raise table.refuse(0, f"candles must last from 1 minute to 1 hour and divide a day, got {given}; resample them")
    return interval_ns


def _pick(table: Table, time_ns: np.ndarray, interval_ns: int, day: str | date | None) -> slice:
    """Return where the day stands; refuse what is not 24 whole hours."""
    days, counts = np.unique(time_ns // NS_PER_DAY, return_counts=True)
    whole = [_time(d * NS_PER_DAY)[:10] for d in days[counts == NS_PER_DAY // interval_ns]]
    held = f"complete days in the file: {_listed(whole)}"
    if day is None and len(whole) != 1:
        _refuse_gap(table, time_ns, interval_ns)
        raise InvalidTapeError(f"{table.path}: {held}; name one day (--day), or give a file with one")
    number = _day_number(whole[0] if day is None else day)
    if number is None:
        raise InvalidTapeError(f"day must be written as 2022-01-21, got {day!r}; {held}")
    first, last = (int(i) for i in np.searchsorted(time_ns // NS_PER_DAY, [number, number + 1]))
    if first == last:
        raise InvalidTapeError(f"{table.path}: has no candle on {day}; {held}")
    _refuse_gap(table, time_ns[first:last], interval_ns, first)
    if last - first != NS_PER_DAY // interval_ns:
        span = f"{_time(time_ns[first])} to {_time(time_ns[last - 1] + interval_ns)} UTC"
        raise InvalidTapeError(f"{table.path}: the day is not complete, it has {span}; {held}")
    return slice(first, last)


def _day_number(day: str | date) -> int | None:
    """Return the days since 1970 of a day; None for text of any other form than 2022-01-21."""
    text = day.isoformat()[:10] if isinstance(day, date) else str(day)
    try:
        parsed = date.fromisoformat(text)
    except ValueError:
        return None
    return (parsed - EPOCH.date()).days if parsed.isoformat() == text else None


def _refuse_gap(table: Table, time_ns: np.ndarray, interval_ns: int, first_row: int = 0) -> None:
    for i in _first(np.diff(time_ns) != interval_ns):
        step, usual = (timedelta(microseconds=int(ns) // 1000) for ns in (time_ns[i + 1] - time_ns[i], interval_ns))
        what = "gap" if step > usual else "irregular step"
        problem = f"{what} of {step} after {_time(time_ns[i])} UTC, where candles last {usual}"
        raise table.refuse(first_row + i + 1, f"{problem}; fill it, or take another day")


def _first(mask: np.ndarray) -> list[int]:
    """Return the place of the first True, in a list that is empty where there is none."""
    return np.flatnonzero(mask)[:1].tolist()


def _time(time_ns: int | np.integer) -> str:
    """Return a UTC time for people."""
    return str(EPOCH + timedelta(microseconds=int(time_ns) // 1000))[:19]


def _listed(days: list[str]) -> str:
    if len(days) > 4:
        return f"{len(days)}, from {days[0]} to {days[-1]}"
    return ", ".join(days) or "none"
