"""Where a shock runs away: the fall of one market against the size of the shock, the leverage in it, and its depth.

One coin at one venue and its spot book, for an hour, with the isolated accounts that are open when the day begins and
nobody who opens more. News takes the price down by the shock, at an even pace. Every run has a twin of the same seed
and news in which liquidations and stops never reach the book: the fall of the one over that of the other is the
amplification, and where it is large, the shock has run away.

Beside it stands what can be said without a run: the branching ratio `g` (`cascade.branching`) of the price to which the
shock leads, from the triggers within a further 1% there and the bids stated for 1% in calm. Triggers grow with leverage
and bids with depth, so `g = 1` is a straight line in the plane of the two.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
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
        by_leverage: dict[float, list[int]] = {}
        for k, setting in enumerate(settings):
            by_leverage.setdefault(setting.leverage, []).append(k)
        jobs = [(group, seed) for group in by_leverage.values() for seed in seeds]
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


# ── the study ────────────────────────────────────────────────────────────────────────────────────────────────
SHOCKS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08)
LEVERAGES = (1.0, 2.0, 4.0, 8.0)
DEPTHS, DEPTHS_LEVERAGE = (0.25, 0.5, 1.0, 2.0), 2.0
PHASE_SHOCK = 0.02
PHASE_LEVERAGES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
PHASE_DEPTHS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
PACES_MIN = (2, 10, 30)
RUNAWAY = 2.0  # amplification from which on a shock is said to have run away


@dataclass(frozen=True)
class Study:
    """The answer: outcomes by what was varied, in the order in which they were varied."""

    coin: str
    venue: str
    by_leverage: tuple[Outcome, ...]  # shocks within leverages
    by_depth: tuple[Outcome, ...]  # shocks within depths
    by_pace: tuple[Outcome, ...]  # leverages within paces
    phase: tuple[Outcome, ...]  # leverages within depths
    phase_calm: tuple[Outcome, ...]  # likewise, with providers who do not withdraw
    configuration: dict  # of the first world

    def as_dict(self) -> dict:
        """Return what JSON can hold: every outcome by its setting, and the edges."""
        parts = {name: getattr(self, name) for name in ("by_leverage", "by_depth", "by_pace", "phase", "phase_calm")}
        return {
            "coin": self.coin,
            "venue": self.venue,
            **{name: [_plain(outcome) for outcome in outcomes] for name, outcomes in parts.items()},
            "ratio_at_edge": {name: _finite(edge_ratios(parts[name], "depth")) for name in ("phase", "phase_calm")}
            | {"by_pace": _finite(edge_ratios(self.by_pace, "minutes"))},
        }


def study(
    market: Market | None = None, *, quick: bool = False, threads: int = 1, progress: Progress | None = None
) -> Study:
    """Measure S-curves by leverage and by depth, the edge by the pace of the news, and the plane of the two.

    Parameters
    ----------
    market : Market, optional
        By default Bitcoin at Binance.
    quick : bool
        A coarser grid, and one seed.
    threads, progress
        As in `sweep`.
    """
    market, seeds = market or Market(), (1,) if quick else (1, 2, 3)
    thin = slice(None, None, 2 if quick else 1)
    shocks, across, down = SHOCKS[thin], PHASE_LEVERAGES[thin], PHASE_DEPTHS[thin]
    plan = {
        "by_leverage": [Setting(shock, leverage) for leverage in LEVERAGES for shock in shocks],
        "by_depth": [Setting(shock, DEPTHS_LEVERAGE, depth) for depth in DEPTHS for shock in shocks],
        "by_pace": [Setting(PHASE_SHOCK, leverage, minutes=pace) for pace in PACES_MIN for leverage in across],
        "phase": [Setting(PHASE_SHOCK, leverage, depth) for depth in down for leverage in across],
    }
    plan["phase_calm"] = [replace(setting, withdrawal=False) for setting in plan["phase"]]
    outcomes = iter(market.sweep([setting for part in plan.values() for setting in part], seeds, threads, progress))
    found = {name: tuple(next(outcomes) for _ in part) for name, part in plan.items()}
    return Study(market.coin, market.venue, **found, configuration=market.scenario(plan["phase"][0]).resolved())


def edge_ratios(outcomes: Sequence[Outcome], along: str) -> dict[float, float]:
    """Return g where the amplification passes `RUNAWAY` as leverage grows, by the value of another field; nan if never.

    Between two leverages, log g is interpolated along the log of the amplification.
    """
    found = {}
    for value in dict.fromkeys(getattr(outcome.setting, along) for outcome in outcomes):
        row = [outcome for outcome in outcomes if getattr(outcome.setting, along) == value]
        grown = np.log([outcome.amplification for outcome in row])
        ratio = np.log([outcome.ratio.mean() for outcome in row])
        beyond = np.flatnonzero(grown >= np.log(RUNAWAY))
        if not len(beyond) or beyond[0] == 0:
            found[value] = np.nan
            continue
        k = beyond[0]
        found[value] = float(np.exp(np.interp(np.log(RUNAWAY), grown[k - 1 : k + 1], ratio[k - 1 : k + 1])))
    return found


def smallest_runaway(outcomes: Sequence[Outcome], along: str) -> dict[float, float]:
    """Return the smallest shock whose amplification is at least `RUNAWAY`, by the value of a field; nan if none."""
    found = {}
    for value in dict.fromkeys(getattr(outcome.setting, along) for outcome in outcomes):
        row = [outcome for outcome in outcomes if getattr(outcome.setting, along) == value]
        found[value] = min((o.setting.shock for o in row if o.amplification >= RUNAWAY), default=np.nan)
    return found


def _plain(outcome: Outcome) -> dict:
    """Return a setting, its runs by seed, and their amplification."""
    runs = {name: getattr(outcome, name).tolist() for name in Run._fields}
    return asdict(outcome.setting) | runs | {"amplification": outcome.amplification}


def _finite(ratios: dict[float, float]) -> dict[str, float | None]:
    return {f"{value:g}": None if ratio != ratio else ratio for value, ratio in ratios.items()}
