"""Tapes -> `Seconds` and the flow of orders: a recorded market, followed chunk by chunk."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cascade.errors import InvalidTapeError
from cascade.liquidity.microstructure import DISTANCES, Seconds
from cascade.state import SELL, TICKS
from cascade.tape import Kind, Tape, TapeReport
from cascade.tape.checks import DepthWatch, finest_tick, message_ends
from cascade.units import NS_PER_S

BOOKS_S = 900  # seconds for which whole books near the market are kept
WINDOW = 2.5e-3  # of the price, on either side of the first mid: which part of the books
FLOW_BP = (0.0, 0.01, 0.2, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # lower bounds of classes of distance from the best
SHORTEST_S = 120
OVERLAP_NS = NS_PER_S  # by which a file may begin before the one before ends: its first snapshot may be so old
MOST_FLAWED = 0.01  # share of messages or rows that are out of order, crossed or missing


@dataclass
class Flow:
    """What was inserted and removed, by distance from the best price of the side, and in every second."""

    inserted: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FLOW_BP), 2)))  # (seconds, classes, [n, USD])
    removed: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FLOW_BP), 2)))
    sizes_usd: list[np.ndarray] = field(default_factory=list)  # of what was inserted at once, within 0.2%


class Observer:
    """Follows the depth and trades of one market."""

    def __init__(self) -> None:
        self.watch: DepthWatch | None = None
        self.tick = 0.0
        self.start_ns = 0
        self.next_second = 0
        self.is_whole = False  # once a snapshot was seen
        self.rows: list[tuple] = []
        self.books: list[np.ndarray] = []
        self.window = (0, 0)
        self.inserted: list[np.ndarray] = []
        self.removed: list[np.ndarray] = []
        self.sizes: list[np.ndarray] = []
        self.orders: list[np.ndarray] = []  # of TRADE rows: amount is that of the order

    # ── depth ────────────────────────────────────────────────────────────────────────────────────────────────
    def take_depth(self, rows: np.ndarray) -> None:
        """Follow rows of depth, and look at the book at the end of every second."""
        if self.watch is None:
            self.tick = finest_tick(rows["price"])
            self.watch = DepthWatch(rows["price"], self.tick)
            self.start_ns = int(rows["time_ns"][0])
            self.next_second = 1
        ends = message_ends(rows)
        seconds = (rows["time_ns"][ends] - self.start_ns) // NS_PER_S
        first = 0
        while first < len(rows):
            stop = int(np.searchsorted(seconds, self.next_second))  # messages of the second under way
            last = int(ends[stop - 1]) + 1 if stop else first
            if last > first:
                self._follow(rows[first:last])
                first = last
            if first < len(rows):
                self._look()
                self.next_second += 1

    def _follow(self, rows: np.ndarray) -> None:
        assert self.watch is not None
        before = self.watch.depth.best.copy()
        seen = self.watch.follow(rows)
        ends = message_ends(rows)
        of_message = np.searchsorted(ends, np.arange(len(rows)))
        bests = [np.concatenate(([before[j]], seen[side][ends]))[of_message] for j, side in enumerate(("bid", "ask"))]
        ticks = np.rint(rows["price"] / self.tick) - self.watch.floor
        away = np.where(rows["side"] == SELL, ticks - bests[1], bests[0] - ticks) * self.tick / rows["price"] * 1e4
        usd = seen["change"] * rows["price"]
        if self.is_whole:
            is_update = rows["is_snapshot"] == 0
            self.inserted.append(_by_distance(away, usd, is_update & (usd > 0)))
            self.removed.append(_by_distance(away, -usd, is_update & (usd < 0)))
            self.sizes.append(usd[is_update & (usd > 0) & (away < 20.0)].astype(np.float32))
        self.is_whole |= bool(rows["is_snapshot"].any())

    def _look(self) -> None:
        """Note the book as it stands."""
        watch = self.watch
        assert watch is not None
        bid, ask = map(int, watch.depth.best)
        if not self.is_whole or bid < 0 or ask >= TICKS or bid >= ask:
            return
        mid_ticks = 0.5 * (bid + ask) + watch.floor
        sides = watch.depth.amounts.reshape(2, TICKS)
        depths = np.zeros((2, len(DISTANCES)))
        for j, distance in enumerate(DISTANCES):
            reach = int(mid_ticks * distance)
            depths[0, j] = sides[0, max(0, bid - reach) : bid + 1].sum()
            depths[1, j] = sides[1, ask : ask + reach + 1].sum()
        usd = mid_ticks * self.tick
        touch = sides[[0, 1], [bid, ask]] * usd
        self.rows.append((self.next_second, bid + watch.floor, ask + watch.floor, touch, depths * usd))
        if not self.books:
            reach = int(mid_ticks * WINDOW)
            self.window = (max(0, bid - reach), min(TICKS, ask + reach))
        if len(self.books) < BOOKS_S:
            self.books.append((sides[:, slice(*self.window)] * usd).astype(np.float32))

    # ── trades ───────────────────────────────────────────────────────────────────────────────────────────────
    def take_trades(self, rows: np.ndarray) -> None:
        """Add up the fills of one taker: those of one side at one time."""
        if self.orders:
            rows = np.concatenate((self.orders.pop(), rows))
        begins = np.append(True, (np.diff(rows["time_ns"]) != 0) | (np.diff(rows["side"]) != 0))
        first = np.flatnonzero(begins)
        orders = rows[first].copy()
        usd = np.add.reduceat(rows["price"] * rows["amount"], first)
        orders["amount"] = usd / orders["price"]
        self.orders += [orders[:-1], orders[-1:]]

    # ── all of it ────────────────────────────────────────────────────────────────────────────────────────────
    def seconds(self) -> Seconds:
        """Return the market at the end of every second."""
        if len(self.rows) < SHORTEST_S:
            problem = f"depth of {len(self.rows)} s after a snapshot; at least {SHORTEST_S} s are wanted"
            raise InvalidTapeError(f"the files hold {problem}")
        if not self.orders:
            raise InvalidTapeError("the files hold no trades; give a file of the market's trades besides")
        assert self.watch is not None
        numbers, bids, asks, touches, depths = zip(*self.rows, strict=True)
        orders = np.concatenate(self.orders)
        ends_ns = self.start_ns + np.array(numbers) * NS_PER_S
        order_second = np.searchsorted(ends_ns, orders["time_ns"])  # the first second that ends at it or later
        is_within = (order_second < len(ends_ns)) & (orders["time_ns"] >= self.start_ns)
        order_second, orders = order_second[is_within], orders[is_within]
        sequence = np.argsort(order_second, kind="stable")
        return Seconds(
            tick_usd=self.tick,
            bid_usd=np.array(bids) * self.tick,
            ask_usd=np.array(asks) * self.tick,
            touch_usd=np.array(touches),
            depth_usd=np.array(depths),
            order_second=order_second[sequence],
            order_usd=(orders["price"] * orders["amount"])[sequence],
            order_sign=np.where(orders["side"] == SELL, -1, 1).astype(np.int8)[sequence],
            books_usd=np.array(self.books),
            first_price_usd=(self.window[0] + self.watch.floor) * self.tick,
        )

    def flow(self) -> Flow:
        """Return what came and went."""
        return Flow(np.array(self.inserted), np.array(self.removed), self.sizes)


def _by_distance(away_bp: np.ndarray, usd: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return number and value by classes of distance; what betters the best price is in the first."""
    of_class = np.maximum(0, np.searchsorted(FLOW_BP, away_bp[mask], side="right") - 1)
    n = len(FLOW_BP)
    return np.stack((np.bincount(of_class, minlength=n), np.bincount(of_class, usd[mask], n)), axis=1)


def observe(tapes: Iterable[Tape]) -> tuple[Seconds, Flow]:
    """Return a recorded market from its files, which are read one after the other.

    Raises
    ------
    InvalidTapeError
        If a file cannot be read, repeats what one before it held, or has too many flaws; if they hold no two minutes
        of depth after a snapshot, or no trades.
    """
    observer = Observer()
    take = {Kind.DEPTH: observer.take_depth, Kind.TRADES: observer.take_trades}
    ends: dict[Kind, tuple[Path, int]] = {}  # of each kind: the last file before, and how far it reaches
    for tape in tapes:
        reach_ns: dict[Kind, int] = {}
        for kind, rows in tape:
            if len(rows) and kind in take:
                if kind not in reach_ns and kind in ends:
                    _refuse_repeated(tape.path, kind, int(rows["time_ns"][0]), *ends[kind])
                reach_ns[kind] = max(reach_ns.get(kind, 0), int(rows["time_ns"].max()))
                take[kind](rows)
        ends |= {kind: (tape.path, end_ns) for kind, end_ns in reach_ns.items()}
        _refuse_flawed(tape.report)
    return observer.seconds(), observer.flow()


def _refuse_repeated(path: Path, kind: Kind, first_ns: int, before: Path, end_ns: int) -> None:
    """Refuse a file that begins before the one before it ends."""
    if first_ns < end_ns - OVERLAP_NS:
        first, end = (f"{np.datetime64(ns, 'ns').astype('datetime64[ms]')}Z" for ns in (first_ns, end_ns))
        problem = f"has {kind} from {first} on, and {before} before it reaches to {end}"
        raise InvalidTapeError(f"{path}: {problem}; give each file once, in the order of time")


def _refuse_flawed(report: TapeReport) -> None:
    """Refuse a file of which too much is out of order, crossed or missing for its figures to be right."""
    others = sum(count for kind, count in report.rows.items() if kind != Kind.DEPTH)
    of = {
        "id_gaps": report.messages,
        "missing_trades": report.rows.get(Kind.TRADES, 0),
        "crossed": report.messages,
        "out_of_order": report.messages + others,
    }
    if any(count > MOST_FLAWED * of[name] for name, count in report.flaws.items()):
        flaws = ", ".join(f"{name.replace('_', ' ')}: {n:,} of {of[name]:,}" for name, n in report.flaws.items())
        problem = f"too much of it cannot be right ({flaws}; at most {MOST_FLAWED:.0%})"
        raise InvalidTapeError(f"{report.path}: {problem}; put it in the order of time, or fetch it again")
