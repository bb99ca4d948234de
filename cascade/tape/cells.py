"""Text -> cells: CSV with or without a header, or ccxt's JSON. Nothing in a cell is believed yet."""

import csv
import errno
import json
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cascade.errors import InvalidTapeError, did_you_mean

PRICES = ("open", "high", "low", "close")
TIMES = ("timestamp", "open_time", "time", "datetime", "date")  # what a header may call the time
CCXT = ("timestamp", *PRICES, "volume")
KLINE_WIDTH = 12  # open_time, open, high, low, close, volume, and six that are not read


class Table(NamedTuple):
    """The cells of a file, and where they stand."""

    path: Path
    rows: Sequence[Sequence]
    places: list[str]  # of each row, for people
    columns: dict[str, int]
    source_format: str

    def refuse(self, row: int, problem: str) -> InvalidTapeError:
        """Return the error for a row."""
        return InvalidTapeError(f"{self.path}, {self.places[row]}: {problem}")


def read_table(path: Path) -> Table:
    """Return the rows of a file of candles, and which column holds what."""
    text = _text(path)
    return _json_table(path, text) if text.lstrip()[0] in "[{" else _csv_table(path, text)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a regular file")  # a device may have no end, a pipe is read only once
        data = path.read_bytes()
    except OSError as error:
        raise InvalidTapeError(f"{path}: cannot be read ({error.strerror}); name a candle file") from None
    if data.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise InvalidTapeError(f"{path}: is a compressed file; unpack it first")
    if b"\0" in data and not data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        raise InvalidTapeError(f"{path}: is a binary file (or UTF-16); give candles as CSV or as ccxt's JSON, in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidTapeError(f"{path}: is no UTF-8 text; save it as UTF-8") from None
    if not text.strip():
        raise InvalidTapeError(f"{path}: is empty; give candles as CSV or as ccxt's JSON")
    return text


def _json_table(path: Path, text: str) -> Table:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidTapeError(f"{path}, line {error.lineno}: is no JSON ({error.msg}); mend it there") from None
    except RecursionError:
        rows = None
    if not isinstance(rows, list) or not rows:
        raise InvalidTapeError(f"{path}: is not a list of candles; give [[{', '.join(CCXT)}], ...] as ccxt does")
    table = Table(path, rows, [f"candle {i}" for i in range(1, len(rows) + 1)], _columns(CCXT), "ccxt JSON")
    for i, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(CCXT):
            raise table.refuse(i, f"must be [{', '.join(CCXT)}], got {str(row)[:60]}")
    return table


def _csv_table(path: Path, text: str) -> Table:
    reader = csv.reader(text.splitlines())
    try:
        numbered = [(f"line {reader.line_num}", row) for row in reader if row]
    except csv.Error as error:
        raise InvalidTapeError(f"{path}, line {reader.line_num}: is no CSV ({error}); mend it there") from None
    places, rows = [place for place, _ in numbered], [row for _, row in numbered]
    width = len(rows[0])
    if rows[0][0].strip()[:1].isdigit():
        if width not in (len(CCXT), KLINE_WIDTH):
            wanted = (
                f"{len(CCXT)} ({', '.join(CCXT)}), or the {KLINE_WIDTH} of Binance klines, or name them in a header"
            )
            raise InvalidTapeError(f"{path}, {places[0]}: has {width} columns and no header; give {wanted}")
        columns = _columns(CCXT)
    else:
        columns = _columns_of_header(path, places.pop(0), rows.pop(0))
    kind = "Binance-Vision klines" if width == KLINE_WIDTH else "CSV"
    table = Table(path, rows, places, columns, kind)
    for i, row in enumerate(rows):
        if len(row) != width:
            raise table.refuse(i, f"has {len(row)} columns, the first line {width}; mend or remove the line")
    if not rows:
        raise InvalidTapeError(f"{path}: holds a header and no candles; give a file with candles")
    return table


def _columns(names: Sequence[str]) -> dict[str, int]:
    return {("time" if name in TIMES else name): place for place, name in enumerate(names)}


def _columns_of_header(path: Path, place: str, header: list[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    for wanted, accepted in (("timestamp", TIMES), *((price, (price,)) for price in PRICES)):
        if not set(accepted) & set(names):
            problem = f"the header has no column {wanted!r}{did_you_mean(wanted, set(names) - {''})}"
            raise InvalidTapeError(f"{path}, {place}: {problem} Columns wanted: {', '.join(CCXT)}")
    first_time = next(name for name in TIMES if name in names)
    return {"time": names.index(first_time)} | {name: names.index(name) for name in CCXT[1:] if name in names}
