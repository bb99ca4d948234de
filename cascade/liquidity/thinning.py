"""By how much books thin after large five-minute bars, in runs of the engine, held against what was measured.

A bar is a fall or a rise by news, most of it in one of its five minutes. *Thinning* is the depth within 1% before the
bar (the mean of the half hour) over the least of the five minutes after it, both sides together.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from cascade.config import Priors, load_priors
from cascade.engine import simulate
from cascade.reading import read_toml
from cascade.scenario import Scenario, load_venues

FITTED = Path(__file__).parents[1] / "fitted" / "withdrawal.toml"
DAMPING = 0.7  # of a round's correction: bands share the table's edges
BAR_MIN = 5
IN_ONE_MINUTE = 0.6  # of a large bar's move: medians 0.52 to 0.60 on Bitcoin's candles of January 2022 [computed]
BEFORE_MIN = 30
START_MIN = 60  # of the bar
LENGTH_MIN = START_MIN + 4 * BAR_MIN
SECONDS_PER_YEAR = 365 * 86_400
TAIL = 3.0  # exponent of the distribution of large bars: sizes within a band are spread accordingly [assumed]
FARTHEST_SIGMAS = 40.0  # beyond, a rise would leave the prices that books hold


@dataclass(frozen=True)
class Band:
    """Bars by size, and what was measured after them [public, EVIDENCE: median and 90% quantile]."""

    first: float
    last: float
    median: float
    p90: float

    @property
    def name(self) -> str:
        """The band, for people."""
        return f"over {self.first:g}" if self.last == math.inf else f"{self.first:g} to {self.last:g}"


BANDS = (
    Band(0.0, 2.0, 1.08, 1.28),
    Band(8.0, 12.0, 1.75, 5.2),
    Band(12.0, 20.0, 2.4, 8.0),
    Band(20.0, math.inf, 6.1, 34.0),
)
AT_TRIGGER = 0.997  # depth at the bar's beginning over its mean before [public]


@dataclass(frozen=True)
class Bars:
    """Bars of one market over seeds."""

    sigmas: np.ndarray  # float64, (bars,): size of each, by the market's volatility in calm
    thinning: np.ndarray
    at_trigger: np.ndarray  # depth in the minute before the bar over that of the half hour before
    course: np.ndarray  # float64, (bars, minutes): depth over that before, minute by minute

    def within(self, band: Band) -> "Bars":
        """Return the bars of a band."""
        chosen = (self.sigmas >= band.first) & (self.sigmas < band.last)
        return Bars(self.sigmas[chosen], self.thinning[chosen], self.at_trigger[chosen], self.course[chosen])

    def quantile(self, probability: float) -> tuple[float, float]:
        """Return a quantile of thinning and its standard error, by resampling."""
        draws = np.random.default_rng(0)
        n = len(self.thinning)
        again = [np.quantile(self.thinning[draws.integers(0, n, n)], probability) for _ in range(200)]
        return float(np.quantile(self.thinning, probability)), float(np.std(again, ddof=1))


def shocked_bars(
    priors: Priors, seeds: Sequence[int], coin: str = "BTC", open_usd: float = 72_000.0, threads: int = 1
) -> Bars:
    """Run one market through a bar of every band, for every seed; falls and rises by turns.

    Parameters
    ----------
    priors : Priors
        Whose first venue is taken.
    seeds : sequence of int
        The more, the more evenly a band's sizes are spread.
    coin, open_usd : str, float
        The market.
    threads : int
        Seeds side by side.
    """
    jobs = [(band, number, seed) for band in BANDS for number, seed in enumerate(seeds)]
    run = partial(_bar, priors, coin, open_usd, len(seeds))
    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(lambda job: run(*job), jobs))
    return Bars(*map(np.array, zip(*found, strict=True)))


def fitted_thinning(priors: Priors, seeds: Sequence[int], rounds: int = 8, threads: int = 1) -> Priors:
    """Return priors whose table of thinning is such that the median of every band is as measured.

    What is fitted is what depth is heading for after a bar; what it comes to hangs on how fast it gets there and back.
    How severely providers react varies around a median of 1: left out while medians are fitted, which then are sharp.
    """
    severity = priors.withdrawal.severity_sigma
    priors = priors.changed(withdrawal={"severity_sigma": 0.0})
    for _ in range(rounds):
        bars = shocked_bars(priors, seeds, threads=threads)
        factors = list(priors.withdrawal.thinning)
        for band in BANDS[1:]:
            short = (band.median - 1.0) / (bars.within(band).quantile(0.5)[0] - 1.0)
            for k, sigma in enumerate(priors.withdrawal.sigmas):
                if band.first <= sigma < band.last:
                    factors[k] = 1.0 + (factors[k] - 1.0) * short**DAMPING
        factors = np.maximum.accumulate(np.round(factors, 2)).tolist()
        priors = priors.changed(withdrawal={"thinning": tuple(factors)})
    return priors.changed(withdrawal={"severity_sigma": severity})


def fitted_withdrawal(base: Priors | None = None, with_spread: bool = False) -> Priors:
    """Return priors with the withdrawal that was fitted to `BANDS` and ships with the package.

    With its spread, bars of one size thin books as differently as measured ones do. A day of many such bars then has
    half hours in which books all but vanish, and flow that nothing holds.
    """
    tables, _ = read_toml(FITTED)
    spread = tables["spread"] if with_spread else {}
    return (base or load_priors()).changed(withdrawal=tables["withdrawal"] | spread)


def sigma_bar(priors: Priors, coin: str) -> float:
    """Return the standard deviation of a five-minute bar in calm, by the stated volatility."""
    return priors.coins[coin].volatility * math.sqrt(60 * BAR_MIN / SECONDS_PER_YEAR)


def _bar(priors: Priors, coin: str, open_usd: float, n: int, band: Band, number: int, seed: int):
    """Return size, thinning, depth at the trigger and the course of depth of one run."""
    scenario = _scenario(priors, coin, open_usd)
    share = (number // 2 + 0.5) / math.ceil(n / 2)  # of the band's bars that are smaller
    blocks = np.zeros((1, scenario.blocks))
    if band.first > 0:
        news = (-1.0) ** number * _size(band, share) * sigma_bar(priors, coin)
        blocks[0, START_MIN : START_MIN + BAR_MIN] = news * (1.0 - IN_ONE_MINUTE) / (BAR_MIN - 1)
        blocks[0, START_MIN + number // 2 % BAR_MIN] = news * IN_ONE_MINUTE
    result = simulate(scenario.with_news(blocks), seed)
    minutes, first = result.minutes[:, 0], START_MIN
    depth = 0.5 * (minutes["bid_lots_1"] + minutes["ask_lots_1"])
    before = depth[first - BEFORE_MIN : first].mean()
    ends_usd = result.index_usd[0, [60 * first - 1, 60 * (first + BAR_MIN) - 1]]
    size = abs(math.log(ends_usd[1] / ends_usd[0])) / sigma_bar(priors, coin)
    after = depth[first + BAR_MIN : first + 2 * BAR_MIN]
    return size, before / after.min(), depth[first - 1] / before, depth / before


def _scenario(priors: Priors, coin: str, open_usd: float) -> Scenario:
    venue = next(iter(priors.venues))
    return Scenario(
        name=f"{coin} through a bar",
        coins=(coin,),
        venues=load_venues([venue]),
        open_usd=(open_usd,),
        seconds=60 * LENGTH_MIN,
        priors=priors.changed(run={"news_block_s": 60}),
    )


def _size(band: Band, share: float) -> float:
    """Return the size of a bar below which a share of the band's are, in sigmas: a power law, cut at its ends."""
    last = min(band.last, FARTHEST_SIGMAS)
    low, high = band.first**-TAIL, last**-TAIL
    return (low + (high - low) * share) ** (-1.0 / TAIL)
