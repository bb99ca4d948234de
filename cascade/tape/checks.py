"""What every tape is held against: what refuses a row, and what is only counted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cascade.kernels.depth import follow
from cascade.memory import zeros
from cascade.state import DEPTH_SEEN, TICKS, Depth
from cascade.tape.candles import FIRST_NS, LAST_NS, NS_PER_UNIT
from cascade.tape.rows import NOT_NEGATIVE, POSITIVE, Chunk, Kind
from cascade.tape.source import Source

FINEST_DECIMALS = 10
LARGEST = 1e18  # of a price or an amount: more ticks do not fit into int64
Place = Callable[[int], str]  # of a row, for people


@dataclass(frozen=True)
class TapeReport:
    """What was read of a file, and what is not right with it. Nothing of this was mended."""

    path: str
    source_format: str
    symbol: str  # empty where the file does not say
    rows: dict[str, int]  # by kind
    messages: int  # of depth: rows that came together
    first_ns: int  # int64 UTC; 0 where nothing was read
    last_ns: int
    id_gaps: int  # depth messages that do not follow the one before by their update ids
    missing_trades: int  # by their ids, where those are consecutive
    crossed: int  # depth messages and quotes after which the best bid is not below the best ask
    out_of_order: int  # rows, or depth messages, earlier than one before
    stale: int  # depth messages older than the snapshot: dropped
    unwatched: int  # depth rows too far from the market for the check on crossed books
    ignored: int  # records of no kind that is read

    @property
    def seconds(self) -> float:
        """Time from the first row to the last."""
        return (self.last_ns - self.first_ns) / 1e9

    @property
    def flaws(self) -> dict[str, int]:
        """What was counted that should be nought."""
        return {
            name: count
            for name in ("id_gaps", "missing_trades", "crossed", "out_of_order")
            if (count := getattr(self, name))
        }

    def __str__(self) -> str:
        """One line for people."""
        rows = ", ".join(f"{count:,} {kind}" for kind, count in self.rows.items())
        flaws = ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in self.flaws.items()) or "no flaws"
        return f"{self.path} ({self.source_format}): {rows} over {self.seconds:,.1f} s; {flaws}"


@dataclass
class Counts:
    """What a reader counts as it goes."""

    symbol: str = ""
    id_gaps: int = 0
    stale: int = 0
    ignored: int = 0
    has_consecutive_trades: bool = False


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────
def to_ns(source: Source, raw: np.ndarray, unit: str, place: Place) -> np.ndarray:
    """Return times of a unit as int64 UTC ns; refuses what lies outside 2009-2100."""
    unit_ns = NS_PER_UNIT[unit]
    for i in np.flatnonzero((raw < FIRST_NS // unit_ns) | (raw >= LAST_NS // unit_ns))[:1].tolist():
        raise source.refuse(place(i), f"time {raw[i]} lies outside 2009-2100, read as {unit} since 1970; mend it")
    return raw.astype(np.int64) * unit_ns


def unit_of(source: Source, raw: int, place: str) -> str:
    """Return which of ms and µs a time is in, by its size."""
    for unit in ("ms", "µs"):
        if FIRST_NS <= int(raw) * NS_PER_UNIT[unit] < LAST_NS:
            return unit
    raise source.refuse(place, f"time {raw} lies outside 2009-2100 in ms and in µs since 1970; give UTC times in ms")


def checked(source: Source, kind: Kind, rows: np.ndarray, place: Place) -> Chunk:
    """Return the rows as a chunk; refuses prices and amounts that cannot be."""
    for name in POSITIVE[kind]:
        _refuse(source, rows, name, ~(rows[name] > 0), "a positive number", place)
    for name in NOT_NEGATIVE.get(kind, ()):
        _refuse(source, rows, name, ~(rows[name] >= 0), "a number from 0 up", place)
    for name in (*POSITIVE[kind], *NOT_NEGATIVE.get(kind, ())):
        _refuse(source, rows, name, ~(rows[name] <= LARGEST), f"at most {LARGEST:g}", place)
    if kind == Kind.CANDLES:
        low, high = np.minimum(rows["open"], rows["close"]), np.maximum(rows["open"], rows["close"])
        _refuse(source, rows, "low", rows["low"] > low, "at most open and close", place)
        _refuse(source, rows, "high", rows["high"] < high, "at least open and close", place)
    return Chunk(kind, rows)


def _refuse(source: Source, rows: np.ndarray, name: str, wrong: np.ndarray, wanted: str, place: Place) -> None:
    for i in np.flatnonzero(wrong)[:1].tolist():
        raise source.refuse(place(i), f"{name} must be {wanted}, got {rows[name][i]:g}; mend or remove it")


# ── counted ──────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass
class Monitor:
    """Watches chunks go by, and counts what should not be."""

    counts: Counts
    rows: Counter = field(default_factory=Counter)
    latest_ns: dict = field(default_factory=dict)
    first_ns: int = LAST_NS
    messages: int = 0
    missing_trades: int = 0
    crossed: int = 0
    out_of_order: int = 0
    last_trade: int = -1
    watch: "DepthWatch | None" = None

    def see(self, chunk: Chunk) -> None:
        """Count a chunk."""
        kind, rows = chunk
        if len(rows) == 0:
            return
        self.rows[kind] += len(rows)
        times = rows["time_ns"]
        self.first_ns = min(self.first_ns, int(times.min()))
        if kind == Kind.DEPTH:
            times = times[message_ends(rows)]
            self.messages += len(times)
            self.watch = self.watch or DepthWatch(rows["price"])
            seen = self.watch.follow(rows)[message_ends(rows)]
            self.crossed += int((seen["bid"] >= seen["ask"]).sum())
        elif kind == Kind.QUOTES:
            self.crossed += int((rows["bid"] >= rows["ask"]).sum())
        elif kind == Kind.TRADES and self.counts.has_consecutive_trades:
            self._count_missing(rows["id"])
        before = np.maximum.accumulate(np.concatenate(([self.latest_ns.get(kind, 0)], times)))
        self.out_of_order += int((times < before[:-1]).sum())
        self.latest_ns[kind] = int(before[-1])

    def _count_missing(self, ids: np.ndarray) -> None:
        ids = ids if self.last_trade < 0 else np.concatenate(([self.last_trade], ids))
        steps = np.diff(ids)
        self.missing_trades += int((steps[steps > 1] - 1).sum())
        self.last_trade = int(ids[-1])

    def report(self, source: Source, source_format: str) -> TapeReport:
        """Return what was counted so far."""
        return TapeReport(
            path=str(source.path),
            source_format=source_format,
            symbol=self.counts.symbol,
            rows={str(kind): count for kind, count in self.rows.items()},
            messages=self.messages,
            first_ns=self.first_ns if self.rows else 0,
            last_ns=max(self.latest_ns.values(), default=0),
            id_gaps=self.counts.id_gaps,
            missing_trades=self.missing_trades,
            crossed=self.crossed,
            out_of_order=self.out_of_order,
            stale=self.counts.stale,
            unwatched=self.watch.unwatched if self.watch else 0,
            ignored=self.counts.ignored,
        )


def message_ends(rows: np.ndarray) -> np.ndarray:
    """Return the places of the last row of every depth message."""
    return np.flatnonzero(np.append(np.diff(rows["message"]) != 0, True))


class DepthWatch:
    """A book that follows depth rows, on a grid of prices around the first of them."""

    def __init__(self, prices: np.ndarray, tick: float | None = None) -> None:
        self.tick = tick or finest_tick(prices)
        self.floor = max(0, round(float(np.median(prices)) / self.tick) - TICKS // 2)
        self.unwatched = 0
        self.depth = empty_depth()

    def follow(self, rows: np.ndarray) -> np.ndarray:
        """Apply depth rows; return DEPTH_SEEN after each of them."""
        ticks = np.rint(rows["price"] / self.tick) - self.floor
        far = (ticks < 0) | (ticks >= TICKS)
        self.unwatched += int(far.sum())
        seen = np.zeros(len(rows), DEPTH_SEEN)
        follow(self.depth, rows, np.where(far, -1, ticks).astype(np.int64), seen)
        return seen


def finest_tick(prices: np.ndarray) -> float:
    """Return the largest step of which all prices are multiples."""
    decimals = 0
    while decimals < FINEST_DECIMALS and np.abs(np.round(prices, decimals) - prices).max() > 1e-12 * prices.max():
        decimals += 1
    return int(np.gcd.reduce(np.rint(prices * 10.0**decimals).astype(np.int64))) / 10.0**decimals


def empty_depth() -> Depth:
    """Return a recorded book that holds nothing."""
    return Depth(
        amounts=zeros(2 * TICKS, np.float64),
        words0=zeros(2 * (TICKS >> 6), np.uint64),
        words1=zeros(2 * (TICKS >> 12), np.uint64),
        words2=zeros(2, np.uint64),
        best=np.array([-1, TICKS]),
        message=np.array([-1]),
    )
