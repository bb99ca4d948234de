"""A market file of any known format -> chunks of checked arrays, and a report of what they held."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cascade.errors import InvalidTapeError
from cascade.tape import ccxt, hftbacktest, tardis, vision, websocket
from cascade.tape.checks import Counts, Monitor, TapeReport
from cascade.tape.rows import DTYPES, Chunk, Kind
from cascade.tape.source import Source


class Format(NamedTuple):
    """A kind of file: how it is told by its first bytes, and what reads it."""

    name: str
    is_head: Callable[[bytes], bool]
    read: Callable[[Source, Counts], Iterator[Chunk]]


FORMATS = (
    Format("Binance websocket lines", websocket.is_websocket, websocket.read_websocket),
    Format("Tardis incremental_book_L2", tardis.is_updates, tardis.read_updates),
    Format("Tardis trades", tardis.is_trades, tardis.read_trades),
    Format("Tardis book_snapshot", tardis.is_snapshots, tardis.read_snapshots),
    Format("Binance Vision aggTrades", vision.is_aggregates, vision.read_aggregates),
    Format("Binance Vision klines", vision.is_klines, vision.read_klines),
    Format("Binance Vision bookDepth", vision.is_bands, vision.read_bands),
    Format("Binance Vision metrics", vision.is_metrics, vision.read_metrics),
    Format("ccxt OHLCV", ccxt.is_ohlcv, ccxt.read_ohlcv),
    Format("ccxt order books", ccxt.is_books, ccxt.read_books),
)
NPZ = Format("hftbacktest npz", lambda head: False, hftbacktest.read_npz)


class Tape:
    """A market file that is read as it is iterated over, chunk by chunk; no file is held whole.

    Attributes
    ----------
    path : Path
    source_format : str
        Found out from the content.
    """

    def __init__(self, path: str | Path) -> None:
        self.source = Source(path)
        self.path = self.source.path
        self._format = _format_of(self.source)
        self.source_format = self._format.name
        self._monitor = Monitor(Counts())

    def __iter__(self) -> Iterator[Chunk]:
        """Yield chunks from the file's beginning."""
        self._monitor = Monitor(Counts())
        for chunk in self._format.read(self.source, self._monitor.counts):
            self._monitor.see(chunk)
            yield chunk

    @property
    def report(self) -> TapeReport:
        """What the chunks so far held, and what was wrong with them."""
        return self._monitor.report(self.source, self.source_format)

    def gather(self, *kinds: Kind | str) -> dict[Kind, np.ndarray]:
        """Read all of it, and return the rows of some kinds (or of every kind) whole: for files that fit in memory."""
        wanted = [Kind(kind) for kind in kinds] or list(Kind)
        parts: dict[Kind, list[np.ndarray]] = {kind: [np.zeros(0, DTYPES[kind])] for kind in wanted}
        for kind, rows in self:
            if kind in parts:
                parts[kind].append(rows)
        return {kind: np.concatenate(rows) for kind, rows in parts.items()}


def read(path: str | Path) -> Tape:
    """Open a market file of any known format.

    Parameters
    ----------
    path : str or Path
        Plain, gzipped or alone in a zip archive: raw Binance websocket lines; Tardis incremental_book_L2, trades or
        book_snapshot; Binance Vision aggTrades, klines, bookDepth or metrics; ccxt OHLCV or order books (JSON);
        hftbacktest npz. The format is found out from the content.

    Returns
    -------
    Tape
        To iterate over: `for kind, rows in read(path)`. `rows` is a structured array (see `cascade.tape.rows`): times
        are int64 UTC ns, within 2009-2100. `report` says afterwards what was counted.

    Raises
    ------
    InvalidTapeError
        If the file is absent, empty, broken or of no known format; while it is read, at the first record that cannot
        be: one line with the file, the line, what was given and what to do.
    """
    return Tape(path)


def _format_of(source: Source) -> Format:
    if hftbacktest.is_npz(source):
        return NPZ
    for known in FORMATS:
        if known.is_head(source.head):
            return known
    start = source.head[:50].decode("utf-8", errors="replace")
    names = ", ".join(known.name for known in (*FORMATS, NPZ))
    raise InvalidTapeError(f"{source.path}: is of no known format, it begins {start!r}; known: {names}")
