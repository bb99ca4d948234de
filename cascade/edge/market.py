"""One market at an opening, and what a shock of news does to it, with its twin and its branching ratio."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cascade.assembly import Population, draw_accounts
from cascade.assumptions import BUCKETS, LeverageAssumptions
from cascade.config import Priors, load_priors
from cascade.engine import Progress, simulate
from cascade.errors import InvalidConfigError, PriceRangeError
from cascade.facts import load_event
from cascade.paths import pre_day_path
from cascade.reconstruction import fitted_assumptions
from cascade.result import Result
from cascade.scenario import Scenario, one_market
from cascade.state import FALLING

FURTHER = 0.01  # fall within which triggers and bids make g
HIGH = BUCKETS[1:]  # leverage of 10x and more
REMAINDER_OVER_MASS = 1.2  # open interest over the isolated mass: the rest has little leverage, and only matches sides


@dataclass(frozen=True)
class Setting:
    """A point to measure: the shock as a fraction, and factors on the leverage and the depth of the day."""

    shock: float
    leverage: float = 1.0  # times the open interest of 10x and more
    depth: float = 1.0  # times the stated depth
    minutes: int = 30  # that the news takes
    withdrawal: bool = True  # whether providers withdraw after large moves and liquidations


class Run(NamedTuple):
    """What a setting did with one seed; falls are logarithms to the lowest second."""

    fall: float
    without: float  # with liquidations and stops off
    ratio: float  # g at the price to which the shock leads, before it comes
    high_usd: float  # open at 10x and more, longs
    left_range: bool  # the price left what its books can hold; the fall is to that price


@dataclass(frozen=True)
class Outcome:
    """What a setting did: the fields of `Run`, each by seed."""

    setting: Setting
    fall: np.ndarray  # float64, (seeds,)
    without: np.ndarray  # float64, (seeds,)
    ratio: np.ndarray  # float64, (seeds,)
    high_usd: np.ndarray  # float64, (seeds,)
    left_range: np.ndarray  # bool, (seeds,)

    @property
    def amplification(self) -> float:
        """Mean fall over the mean fall without."""
        return float(self.fall.mean() / self.without.mean())


class Market:
    """A market at the opening of an event, and how settings of it are run."""

    def __init__(
        self,
        coin: str = "BTC",
        venue: str = "binance",
        *,
        hours: float = 1.0,
        priors: Priors | None = None,
        assumptions: LeverageAssumptions | None = None,
        event: str = "2026-02-06",
    ) -> None:
        facts = load_event(event)
        self.coin, self.venue, self.hours = coin, venue, hours
        self.priors = priors or load_priors()
        self.open_usd = facts.open_usd(coin)
        self.before_usd = pre_day_path(facts, coin, open_usd=self.open_usd).usd[None]
        accounts = assumptions or fitted_assumptions(event, isolated=True)
        self.accounts = accounts.restricted((coin,), (venue,)).model_copy(update={"cross": None})

    def scenario(self, setting: Setting) -> Scenario:
        """Return the world of a setting.

        Raises
        ------
        InvalidConfigError
            If a factor is not positive, the shock no fraction, or the news does not end within the time.
        """
        if not (setting.leverage > 0 and setting.depth > 0 and 0 <= setting.shock < 1):
            raise InvalidConfigError(f"a setting needs leverage and depth above 0 and 0 <= shock < 1, got {setting}")
        scenario = one_market(
            self.coin,
            self.venue,
            hours=self.hours,
            open_usd=self.open_usd,
            priors=self.priors.varied("depth", setting.depth),
            assumptions=self._accounts(setting.leverage),
            pre_day_usd=self.before_usd,
        ).without("openings", *(() if setting.withdrawal else ("withdrawal",)))
        if not 1 <= setting.minutes < scenario.blocks:
            raise InvalidConfigError(f"news must take 1 to {scenario.blocks - 1} minutes, got {setting}")
        news = np.zeros((1, scenario.blocks))
        news[0, 1 : 1 + setting.minutes] = np.log1p(-setting.shock) / setting.minutes
        return scenario.with_news(news)

    def measure(self, settings: Sequence[Setting], seed: int) -> list[Run]:
        """Run settings of one leverage, on accounts drawn once, and their twins without liquidations and stops.

        Raises
        ------
        InvalidConfigError
            If the settings differ in leverage.
        """
        scenarios = [self.scenario(setting) for setting in settings]
        population = draw_accounts(scenarios[0], seed)
        return [self._pair(*pair, population) for pair in zip(scenarios, settings, strict=True)]

    def sweep(
        self, settings: Sequence[Setting], seeds: Sequence[int], threads: int = 1, progress: Progress | None = None
    ) -> list[Outcome]:
        """Run settings for every seed, some side by side; return outcomes in the order of the settings.

        Raises
        ------
        InvalidConfigError
            If a setting cannot be, or no seed is given.
        """
        if not seeds:
            raise InvalidConfigError("a sweep needs at least one seed, got none")
        leverages = dict.fromkeys(setting.leverage for setting in settings)
        groups = [[k for k, setting in enumerate(settings) if setting.leverage == one] for one in leverages]
        jobs = [(group, seed) for group in groups for seed in seeds]
        runs: list[list[Run]] = [[] for _ in settings]
        with ThreadPoolExecutor(threads) as pool:
            measured = pool.map(lambda job: self.measure([settings[k] for k in job[0]], job[1]), jobs)
            for done, ((group, _), found) in enumerate(zip(jobs, measured, strict=True), 1):
                for k, run in zip(group, found, strict=True):
                    runs[k].append(run)
                if progress:
                    progress("shocks, leverage and depth", done / len(jobs))
        columns = ([np.array(column) for column in zip(*of, strict=True)] for of in runs)
        return [Outcome(setting, *column) for setting, column in zip(settings, columns, strict=True)]

    def _accounts(self, leverage: float) -> LeverageAssumptions:
        """Return the accounts with this many times as much at 10x and more, and little else without leverage."""
        buckets = tuple(
            bucket.model_copy(update={"mass_usd": bucket.mass_usd * leverage}) if bucket.name in HIGH else bucket
            for bucket in self.accounts.buckets
        )
        mass_usd = sum(bucket.mass_usd for bucket in buckets)
        rest = self.accounts.remainder
        accounts = max(1000.0, 4 * REMAINDER_OVER_MASS * mass_usd / rest.cap_usd)
        return self.accounts.model_copy(
            update={
                "buckets": buckets,
                "open_interest_usd": {self.coin: REMAINDER_OVER_MASS * mass_usd},
                "remainder": rest.model_copy(update={"accounts": accounts, "leverages": (1.0,), "weights": (1.0,)}),
            }
        )

    def _pair(self, scenario: Scenario, setting: Setting, population: Population) -> Run:
        """Run a setting and its twin."""
        seed = population.seed
        calm = simulate(scenario.without("liquidations", "stops"), seed, population=population)
        try:
            fall, left = _fall(simulate(scenario, seed, population=population)), False
        except PriceRangeError:
            tick_usd, _, floor = scenario.grid[0]
            fall, left = float(np.log(self.open_usd / ((floor + 1) * tick_usd))), True
        ratio = ratio_after(calm, setting.shock, scenario.priors)
        return Run(fall, _fall(calm), ratio, sum(population.drawn["open"][name]["long_usd"] for name in HIGH), left)


def ratio_after(result: Result, shock: float, priors: Priors) -> float:
    """Return g of the first market at the price to which a shock leads, from the ladder before it, stops included."""
    _, edges_usd, notional_usd = result.stake_usd(result.coins[0])
    top_usd = result.open_usd[0] * (1.0 - shock)
    filed_usd = np.concatenate([[0.0], np.cumsum(notional_usd[0, FALLING])])
    low, high = np.interp([top_usd * (1.0 - FURTHER), top_usd], edges_usd, filed_usd)
    bids_usd = priors.coins[result.coins[0]].depth_1pct_usd * priors.venues[result.venues[0]]
    return float(result.passing[1, 0] * (high - low) / bids_usd)


def _fall(result: Result) -> float:
    return float(np.log(result.open_usd[0] / result.index_usd[0].min()))
