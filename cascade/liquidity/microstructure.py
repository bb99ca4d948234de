"""A market second by second, recorded or simulated: spread, depth, sizes, lifetimes, moves.

Every estimator takes `Seconds`, so that a recording and a run of the engine are measured in the same way. Errors come
from a bootstrap over blocks of seconds, which keeps what follows from what.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

DISTANCES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)  # fractions of the mid within which depth is added up
PROBABILITIES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)  # of the quantiles of sizes that are compared
BANDS_BP = ((0.2, 1.0), (1.0, 2.0), (2.0, 5.0), (5.0, 10.0))  # distances from the mid between which orders are followed
LAGS_S = (1, 2, 3, 4, 5, 10, 20, 30, 60)
SURVIVAL_S = (1, 2, 5, 10, 30, 60)
FLOW_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 1.0)  # of the size of a second's net flow, edges of its classes
BLOCK_S = 30
DRAWS = 200


@dataclass(frozen=True)
class Seconds:
    """A market at the end of every second; USD."""

    tick_usd: float
    bid_usd: np.ndarray  # float64, (seconds,)
    ask_usd: np.ndarray
    touch_usd: np.ndarray  # float64, (seconds, 2): value at the best bid and ask
    depth_usd: np.ndarray  # float64, (seconds, 2, len(DISTANCES)): value within each distance of the mid, by side
    order_second: np.ndarray  # int64, (orders,), ascending: in which second a taker came
    order_usd: np.ndarray  # float64, (orders,)
    order_sign: np.ndarray  # int8, (orders,): +1 a buyer, -1 a seller
    books_usd: np.ndarray  # float32, (k, 2, prices): value at each price near the market, for the first k seconds
    first_price_usd: float  # of the first of those prices; they are a tick apart

    def __len__(self) -> int:
        """Return the number of seconds."""
        return len(self.bid_usd)

    @property
    def mid_usd(self) -> np.ndarray:
        """Mid price at the end of every second."""
        return 0.5 * (self.bid_usd + self.ask_usd)

    @property
    def spread_ticks(self) -> np.ndarray:
        """Spread at the end of every second."""
        return np.rint((self.ask_usd - self.bid_usd) / self.tick_usd)

    @property
    def mean_depth_usd(self) -> np.ndarray:
        """Depth by distance, mean of the sides, at the end of every second."""
        return self.depth_usd.mean(axis=1)

    @property
    def flow_usd(self) -> np.ndarray:
        """What takers bought less what they sold, in every second."""
        return np.bincount(self.order_second, self.order_sign * self.order_usd, len(self))[: len(self)]


@dataclass(frozen=True)
class Figure:
    """An estimate, or several, with the standard error of each."""

    value: np.ndarray
    error: np.ndarray


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────
def bootstrapped(statistic: Callable[[np.ndarray], np.ndarray | float], n: int, block: int = BLOCK_S) -> Figure:
    """Return a statistic of `n` rows (a function of their indices) with its error, by resampling blocks of rows."""
    block = max(1, min(block, n // 4))
    draws = np.random.default_rng(0)
    values = []
    for _ in range(DRAWS):
        first = draws.integers(0, n - block + 1, -(-n // block))
        values.append(statistic((first[:, None] + np.arange(block)).ravel()[:n]))
    return Figure(np.asarray(statistic(np.arange(n))), np.std(values, axis=0, ddof=1))


# ── the book ─────────────────────────────────────────────────────────────────────────────────────────────────
def depth(market: Seconds) -> Figure:
    """Return mean depth within each of `DISTANCES`, USD, one side."""
    of_second = market.mean_depth_usd
    return bootstrapped(lambda i: of_second[i].mean(axis=0), len(market))


def touch(market: Seconds) -> Figure:
    """Return mean value at the best price, USD, one side."""
    of_second = market.touch_usd.mean(axis=1)
    return bootstrapped(lambda i: of_second[i].mean(), len(market))


def kappa(market: Seconds, nearest: float = 1e-4, farthest: float = 1e-3) -> Figure:
    """Return the exponent of `D(u) = B u**kappa` between two of `DISTANCES`, by least squares of logarithms."""
    of_second = market.mean_depth_usd
    columns = [j for j, u in enumerate(DISTANCES) if nearest <= u <= farthest]
    logs = np.log([DISTANCES[j] for j in columns])

    def slope(i: np.ndarray) -> float:
        return float(np.polyfit(logs, np.log(of_second[i].mean(axis=0)[columns]), 1)[0])

    return bootstrapped(slope, len(market))


def survival(market: Seconds) -> Figure:
    """Return the share of the value between `BANDS_BP` that stays for each of `SURVIVAL_S`; shape (bands, lags).

    Value at a price stays as far as the amount there does not fall below it: an upper bound of what orders do, because
    one that comes where another goes is taken for it.
    """
    books, mid = market.books_usd, market.mid_usd[: len(market.books_usd)]
    prices = market.first_price_usd + market.tick_usd * np.arange(books.shape[2])
    away_bp = np.abs(prices[None, :] / mid[:, None] - 1.0) * 1e4
    starts = len(books) - max(SURVIVAL_S)
    if starts < 1:
        return Figure(*np.full((2, len(BANDS_BP), len(SURVIVAL_S)), np.nan))
    there, stays = np.zeros((starts, len(BANDS_BP))), np.zeros((starts, len(BANDS_BP), len(SURVIVAL_S)))
    masks = [(away_bp[:starts] > near) & (away_bp[:starts] <= far) for near, far in BANDS_BP]
    least = books[:starts].copy()
    for lag in range(max(SURVIVAL_S) + 1):
        np.minimum(least, books[lag : lag + starts], out=least)
        for b, mask in enumerate(masks):
            usd = (least.sum(axis=1) * mask).sum(axis=1)
            if lag == 0:
                there[:, b] = usd
            elif lag in SURVIVAL_S:
                stays[:, b, SURVIVAL_S.index(lag)] = usd

    def left(i: np.ndarray) -> np.ndarray:
        at_first = there[i].sum(axis=0)[:, None]
        return np.where(at_first > 0, stays[i].sum(axis=0) / np.maximum(at_first, 1e-9), np.nan)

    return bootstrapped(left, starts)


# ── takers ───────────────────────────────────────────────────────────────────────────────────────────────────
def size_quantiles(market: Seconds, probabilities: Sequence[float] = PROBABILITIES) -> Figure:
    """Return quantiles of takers' orders, USD."""
    sizes, bounds = market.order_usd, np.searchsorted(market.order_second, np.arange(len(market) + 1))

    def quantiles(i: np.ndarray) -> np.ndarray:
        return np.quantile(np.concatenate([sizes[bounds[s] : bounds[s + 1]] for s in i]), probabilities)

    return bootstrapped(quantiles, len(market))


def orders_per_s(market: Seconds) -> Figure:
    """Return the rate of takers' orders."""
    counts = np.bincount(market.order_second, minlength=len(market))[: len(market)]
    return bootstrapped(lambda i: counts[i].mean(), len(market))


def dispersion(market: Seconds) -> Figure:
    """Return by how much the rate of takers' orders varies from second to second: its variance over its square."""
    counts = np.bincount(market.order_second, minlength=len(market))[: len(market)].astype(np.float64)
    return bootstrapped(lambda i: (counts[i].var() - counts[i].mean()) / counts[i].mean() ** 2, len(market))


# ── moves ────────────────────────────────────────────────────────────────────────────────────────────────────
def signature(market: Seconds, lags_s: Sequence[int] = LAGS_S) -> Figure:
    """Return the mean square of the mid's log moves over each lag, over the lag, bp² per second."""
    log_mid = np.log(market.mid_usd) * 1e4
    figures = []
    for lag in lags_s:
        squares = (log_mid[lag:] - log_mid[:-lag]) ** 2 / lag
        figures.append(bootstrapped(lambda i, squares=squares: squares[i].mean(), len(squares), max(BLOCK_S, 3 * lag)))
    return Figure(np.array([f.value for f in figures]), np.array([f.error for f in figures]))


def flow_edges(market: Seconds) -> np.ndarray:
    """Return bounds of classes of the size of a second's net flow, USD: its `FLOW_QUANTILES`."""
    return np.quantile(np.abs(market.flow_usd[1:]), FLOW_QUANTILES)


def impact(market: Seconds, edges: np.ndarray, after_s: int = 0) -> tuple[np.ndarray, Figure]:
    """Return mean net flow by class of its size, and the mid's move with it over that second and `after_s` more, bp."""
    flow = market.flow_usd[1 : len(market) - after_s]
    log_mid = np.log(market.mid_usd) * 1e4
    moves = np.sign(flow) * (log_mid[1 + after_s :] - log_mid[: -1 - after_s])
    of_class, n = np.digitize(np.abs(flow), edges[1:-1]), len(edges) - 1

    def means(i: np.ndarray, values: np.ndarray = moves) -> np.ndarray:
        count = np.bincount(of_class[i], minlength=n)
        return np.bincount(of_class[i], values[i], n) / np.maximum(count, 1)

    return means(np.arange(len(flow)), np.abs(flow)), bootstrapped(means, len(flow))


def unexplained(market: Seconds, exponent: float = 0.7) -> Figure:
    """Return the variance of the mid's moves over a second that net flow to a power does not explain, bp²."""
    flow = market.flow_usd[1:]
    moves = np.diff(np.log(market.mid_usd)) * 1e4
    drive = np.sign(flow) * np.abs(flow) ** exponent

    def left(i: np.ndarray) -> float:
        x, y = drive[i], moves[i]
        return float(np.mean((y - (x @ y) / (x @ x) * x) ** 2))

    return bootstrapped(left, len(flow))
