"""hftbacktest's npz: rows `ev, exch_ts, local_ts, px, qty, order_id, ival, fval`; times in ns.

Flags of `ev` as its documentation gives them (2024). A row that was put in order for the local side alone is a
repetition, and left out.
"""

import zipfile
from collections.abc import Iterator
from typing import IO

import numpy as np

from cascade.errors import InvalidTapeError
from cascade.state import BUY, SELL
from cascade.tape.checks import Counts, checked, to_ns
from cascade.tape.numbering import Numbering
from cascade.tape.rows import Chunk, Kind, made
from cascade.tape.source import Source

DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
KIND_BITS = np.uint64(0xFF)
AT_EXCHANGE, BUYING, SELLING = np.uint64(1 << 31), np.uint64(1 << 29), np.uint64(1 << 28)
FIELDS = ("ev", "exch_ts", "local_ts", "px", "qty")
ROWS = 1 << 18  # in a chunk


def is_npz(source: Source) -> bool:
    """Whether a file is an archive of one array."""
    return source.member.endswith(".npy")


def read_npz(source: Source, counts: Counts) -> Iterator[Chunk]:
    """Yield depth and trades."""
    first, messages = 0, Numbering("time_ns")
    with source.open() as file:
        dtype = _header(source, file)
        while data := file.read(ROWS * dtype.itemsize):
            events = np.frombuffer(data, dtype, len(data) // dtype.itemsize)
            if len(data) % dtype.itemsize:
                raise InvalidTapeError(f"{source.path}: is cut off in row {first + len(events) + 1}; fetch it again")
            depth, trades = _split(source, events, first, counts)
            yield Chunk(Kind.DEPTH, messages.whole(depth.rows))
            yield trades
            first += len(events)
    yield Chunk(Kind.DEPTH, messages.held)


def _header(source: Source, file: IO[bytes]) -> np.dtype:
    """Return the dtype of the rows, and leave the file at the first."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, zipfile.BadZipFile) as error:
        raise InvalidTapeError(f"{source.path}: is no array ({error}); give an npz of hftbacktest") from None
    missing = [name for name in FIELDS if name not in (dtype.names or ())]
    if missing or len(shape) != 1 or dtype.hasobject:
        wanted = ", ".join(FIELDS)
        raise InvalidTapeError(f"{source.path}: holds {dtype} of shape {shape}; rows with {wanted} are wanted")
    return dtype


def _split(source: Source, events: np.ndarray, first: int, counts: Counts) -> list[Chunk]:
    """Return depth and trades of a block."""
    numbers = first + 1 + np.arange(len(events))
    if (events["ev"] & AT_EXCHANGE).any():
        is_kept = (events["ev"] & AT_EXCHANGE) != 0
        events, numbers = events[is_kept], numbers[is_kept]
    kind = events["ev"] & KIND_BITS
    is_depth, is_trade = (kind == DEPTH) | (kind == SNAPSHOT), kind == TRADE
    counts.ignored += int((~(is_depth | is_trade) & (kind != CLEAR)).sum())
    return [
        _chunk(source, what, events[mask], numbers[mask])
        for mask, what in ((is_depth, Kind.DEPTH), (is_trade, Kind.TRADES))
    ]


def _chunk(source: Source, kind: Kind, events: np.ndarray, numbers: np.ndarray) -> Chunk:
    def place(i: int) -> str:
        return f"row {numbers[i]}"

    for i in np.flatnonzero((events["ev"] & (BUYING | SELLING)) == 0)[:1].tolist():
        raise source.refuse(place(i), f"ev says neither buy nor sell, got {events['ev'][i]:#x}; mend or remove it")
    rows = made(
        kind,
        len(events),
        time_ns=to_ns(source, events["exch_ts"], "ns", place),
        local_ns=to_ns(source, events["local_ts"], "ns", place),
        price=events["px"],
        amount=events["qty"],
        side=np.where((events["ev"] & SELLING) != 0, SELL, BUY),
    )
    if kind == Kind.DEPTH:
        rows["is_snapshot"] = (events["ev"] & KIND_BITS) == SNAPSHOT
    else:
        rows["id"] = -1
    return checked(source, kind, rows, place)
