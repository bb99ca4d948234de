"""How much of a fall was news, and how much each mechanism: Shapley values over all combinations of them on and off.

The news is solved for once, with all mechanisms on; every combination then runs on this news and the same seed. What
falls with all of them off is news; the rest is shared out. Solving the news anew without a mechanism answers another
question, and is the sensitivity: what would the mechanism have added to a day that fell as far without it?
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from math import nan
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from cascade.assembly import Population, draw_accounts
from cascade.attribution.shapley import shapley_values
from cascade.config import Mechanisms, Priors
from cascade.engine import Progress, simulate
from cascade.errors import InvalidConfigError, did_you_mean
from cascade.result import Result
from cascade.scenario import Scenario

if TYPE_CHECKING:
    import polars as pl

MECHANISMS = tuple(Mechanisms.model_fields)


@dataclass(frozen=True)
class Breakdown:
    """A value shared out: what there is without any mechanism, what each adds, and what there is with all; by seed."""

    mechanisms: tuple[str, ...]
    without: np.ndarray  # float64, (seeds,): for a fall, what was news
    shares: np.ndarray  # float64, (seeds, mechanisms)
    together: np.ndarray  # float64, (seeds,)

    def as_dict(self) -> dict:
        """Return means and standard errors; an error of one seed is None."""
        shares = {name: _mean(self.shares[:, k]) for k, name in enumerate(self.mechanisms)}
        return {"without": _mean(self.without), "shares": shares, "together": _mean(self.together)}


@dataclass(frozen=True)
class Attribution:
    """Every combination of mechanisms on and off, for every seed. In combination `c`, bit `k` is mechanism `k`."""

    event: str
    seeds: tuple[int, ...]
    mechanisms: tuple[str, ...]
    coins: tuple[str, ...]
    fall: np.ndarray  # float64, (seeds, combinations, coins): log fall to the time of the low with all on
    own_fall: np.ndarray  # float64, likewise: to the lowest second of the run itself
    liquidated_usd: np.ndarray  # float64, (seeds, combinations)
    anew: np.ndarray | None = None  # float64, (seeds, mechanisms): log fall of the first coin that a mechanism adds
    # to the news that was solved for without it

    def of_fall(self, coin: str | None = None, own_low: bool = False) -> Breakdown:
        """Return a coin's (the first's) log fall shared out: to the time of its low with all on, or to each own low."""
        coin = coin or self.coins[0]
        if coin not in self.coins:
            raise ValueError(f"coin must be one of {', '.join(self.coins)}, got {coin!r}")
        falls = self.own_fall if own_low else self.fall
        return self._broken_down(falls[..., self.coins.index(coin)])

    def of_liquidations(self) -> Breakdown:
        """Return the liquidated value of all coins, USD, shared out."""
        return self._broken_down(self.liquidated_usd)

    def last_in(self) -> np.ndarray:
        """Return what each mechanism adds to the first coin's fall where all others are on, by seed and mechanism."""
        all_on = len(self.fall[0]) - 1
        without = [all_on & ~(1 << k) for k in range(len(self.mechanisms))]
        return self.fall[:, all_on, :1] - self.fall[:, without, 0]

    def _broken_down(self, values: np.ndarray) -> Breakdown:
        return Breakdown(self.mechanisms, values[:, 0], shapley_values(values), values[:, -1])

    @property
    def runs(self) -> "pl.DataFrame":
        """One row per seed and combination: what was on, the falls of every coin, the liquidated value."""
        import polars as pl

        n_seeds, n_runs, _ = self.fall.shape
        combination = np.tile(np.arange(n_runs), n_seeds)
        on = {name: (combination >> k & 1).astype(bool) for k, name in enumerate(self.mechanisms)}
        falls = {
            f"{measure}_{coin}": values[..., k].ravel()
            for measure, values in (("log_fall", self.fall), ("log_fall_at_own_low", self.own_fall))
            for k, coin in enumerate(self.coins)
        }
        seeds = np.repeat(self.seeds, n_runs)
        return pl.DataFrame({"seed": seeds, **on, **falls, "liquidated_usd": self.liquidated_usd.ravel()})

    def as_dict(self) -> dict:
        """Return what JSON can hold: means and standard errors over the seeds."""
        anew = {} if self.anew is None else {"anew": _by_name(self.mechanisms, self.anew)}
        return {
            "event": self.event,
            "seeds": list(self.seeds),
            "mechanisms": list(self.mechanisms),
            "log_fall": {coin: self.of_fall(coin).as_dict() for coin in self.coins},
            "log_fall_at_own_low": {coin: self.of_fall(coin, own_low=True).as_dict() for coin in self.coins},
            "liquidated_usd": self.of_liquidations().as_dict(),
            "last_in": _by_name(self.mechanisms, self.last_in()),
            **anew,
        }


def attribute(
    scenario: Scenario,
    seeds: Sequence[int],
    *,
    mechanisms: Sequence[str] = MECHANISMS,
    anew: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> Attribution:
    """Run every combination of mechanisms on and off on the news that all of them on solve for.

    Parameters
    ----------
    scenario : Scenario
        With a path to track, or with news as given.
    seeds : sequence of int
        Errors are over seeds, by differences within each.
    mechanisms : sequence of str
        Those to share out; 2**n runs a seed. The others stay as the scenario has them.
    anew : bool
        Also solve the news anew without each mechanism: two more runs each.
    threads : int
        Runs side by side; they share one set of drawn accounts.
    progress : callable, optional
        Called with what is under way and the fraction of it that is done.

    Raises
    ------
    InvalidConfigError
        If a mechanism is unknown, named twice or off in the scenario, no seed is given, or there is no path to solve
        for anew.
    """
    mechanisms, seeds = tuple(mechanisms), tuple(seeds)
    _check(scenario, seeds, mechanisms, anew)
    report = _Counted(progress, len(seeds) * ((1 << len(mechanisms)) + 2 * anew * len(mechanisms)))
    pool = ThreadPoolExecutor(threads)
    try:
        rows = [_Runs(scenario, seed, mechanisms, pool, report).all(anew) for seed in seeds]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    fall, own_fall, liquidated, added = map(np.array, zip(*rows, strict=True))
    return Attribution(
        scenario.name, seeds, mechanisms, scenario.coins, fall, own_fall, liquidated, added if anew else None
    )


def attribute_over_priors(
    scenario_with: Callable[[Priors], Scenario],
    base: Priors,
    seed: int,
    *,
    threads: int = 1,
    progress: Progress | None = None,
) -> list[dict]:
    """Return the shares of one seed with each prior changed to each value of its stated range, one at a time.

    Parameters
    ----------
    scenario_with : callable
        Returns the scenario with these priors.
    base : Priors
        Those to vary, with their `ranges`.
    seed, threads, progress
        As in `attribute`.

    Returns
    -------
    list of dict
        `prior`, `value`, `log_fall` and `liquidated_usd`: numbers as in `Breakdown.as_dict`.
    """
    rows = []
    for name, value in base.cases():
        told = (lambda what, done, n=f"{name} {value:g}": progress(f"{n}: {what}", done)) if progress else None
        found = attribute(scenario_with(base.varied(name, value)), (seed,), threads=threads, progress=told)
        falls, liquidated = found.of_fall().as_dict(), found.of_liquidations().as_dict()
        rows.append({"prior": name, "value": value, "log_fall": falls, "liquidated_usd": liquidated})
    return rows


# ── the runs of one seed ─────────────────────────────────────────────────────────────────────────────────────
Measured = tuple[np.ndarray, np.ndarray, float]  # falls at the low of the tracked run and at its own; liquidated USD


class _Runs:
    """The runs of one seed, on accounts drawn once."""

    def __init__(
        self, scenario: Scenario, seed: int, mechanisms: tuple[str, ...], pool: ThreadPoolExecutor, report: "_Counted"
    ) -> None:
        no_map = scenario.priors.changed(run={"map_interval_s": scenario.seconds})
        self.scenario, self.seed = scenario.changed(priors=no_map), seed
        self.mechanisms, self.pool, self.report = mechanisms, pool, report
        report.say(f"seed {seed}: drawing positions")
        self.population: Population = draw_accounts(scenario, seed)
        tracked = self._run(self.scenario)
        self.news, self.low = tracked.news, tracked.index_usd.argmin(axis=1)
        self.all_on = self._measure(tracked)

    def all(self, anew: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return falls, own falls and liquidated value by combination; and what each adds to news solved without it."""
        same_news = self.scenario.with_news(self.news)
        combinations = range((1 << len(self.mechanisms)) - 1)
        some_off = self.pool.map(self._measured, repeat(same_news), (self._off(c) for c in combinations))
        falls, own_falls, liquidated = zip(*some_off, self.all_on, strict=True)
        added = list(self.pool.map(self._added_anew, self.mechanisms)) if anew else []
        return np.array(falls), np.array(own_falls), np.array(liquidated), np.array(added)

    def _off(self, combination: int) -> tuple[str, ...]:
        """Return the mechanisms that a combination switches off."""
        return tuple(name for k, name in enumerate(self.mechanisms) if not combination >> k & 1)

    def _added_anew(self, mechanism: str) -> float:
        """Return what a mechanism adds to the first coin's fall on the news that is solved for without it."""
        without = self._run(self.scenario.without(mechanism))
        (fall, *_), _, _ = self._measure(without)
        (with_it, *_), _, _ = self._measured(self.scenario.with_news(without.news), ())
        return with_it - fall

    def _measured(self, scenario: Scenario, off: tuple[str, ...]) -> Measured:
        return self._measure(self._run(scenario.without(*off)))

    def _run(self, scenario: Scenario) -> Result:
        result = simulate(scenario, self.seed, population=self.population)
        self.report.done(f"seed {self.seed}")
        return result

    def _measure(self, result: Result) -> Measured:
        at_low = result.index_usd[np.arange(len(self.low)), self.low]
        own_low = result.index_usd.min(axis=1)
        falls, own_falls = np.log(result.open_usd / at_low), np.log(result.open_usd / own_low)
        return falls, own_falls, float(result.tape_notional_usd.sum())


class _Counted:
    """Progress by the number of runs that are done."""

    def __init__(self, progress: Progress | None, runs: int) -> None:
        self._progress, self._runs, self._finished = progress or (lambda what, done: None), runs, 0
        self._lock = Lock()

    def say(self, what: str) -> None:
        self._progress(what, self._finished / self._runs)

    def done(self, what: str) -> None:
        with self._lock:
            self._finished += 1
            self._progress(f"{what}: combinations of mechanisms", self._finished / self._runs)


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────
def _check(scenario: Scenario, seeds: tuple[int, ...], mechanisms: tuple[str, ...], anew: bool) -> None:
    if not seeds:
        raise InvalidConfigError("an attribution needs at least one seed, got none; errors need two")
    for name in mechanisms:
        if name not in MECHANISMS:
            raise InvalidConfigError(f"there is no mechanism {name!r}{did_you_mean(name, MECHANISMS)}")
        if not getattr(scenario.mechanisms, name):
            raise InvalidConfigError(f"{scenario.name}: {name} is off, so there is nothing to share out; switch it on")
    if len(set(mechanisms)) < max(1, len(mechanisms)):
        raise InvalidConfigError(f"mechanisms must be at least one and each named once, got {', '.join(mechanisms)}")
    if anew and scenario.target_usd is None:
        raise InvalidConfigError(f"{scenario.name}: news can be solved anew only where there is a path to track")


def _mean(values: np.ndarray) -> dict:
    """Return mean and standard error over the seeds."""
    n = len(values)
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else nan
    return {"mean": float(values.mean()), "error": None if error != error else error}


def _by_name(names: tuple[str, ...], values: np.ndarray) -> dict:
    """Return mean and standard error of each column."""
    return {name: _mean(values[:, k]) for k, name in enumerate(names)}
