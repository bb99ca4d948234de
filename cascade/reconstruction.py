"""Facts or candles -> path -> news -> scenario: what `replay` does."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from cascade.assumptions import LeverageAssumptions, read_assumptions
from cascade.config import Priors, load_priors
from cascade.engine import Progress, simulate
from cascade.errors import InvalidConfigError, PriceRangeError
from cascade.facts import Event, load_event
from cascade.paths import day_path, day_path_from_candles, pre_day_path
from cascade.result import Replay, Result
from cascade.scenario import Scenario
from cascade.tape import Candles, read_candles
from cascade.venues import load_venue

FITTED = Path(__file__).parent / "fitted"
SECONDS = 86_400


def replay(
    event: str | Path | Event = "2026-02-06",
    seed: int = 1,
    *,
    candles: str | Path | Candles | None = None,
    day: str | None = None,
    assumptions: LeverageAssumptions | None = None,
    priors: Priors | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Replay a reported day, and the same news and seed with liquidation orders kept out of the book.

    Parameters
    ----------
    event : str, Path or Event
        A day that ships with the package, or a facts file.
    seed : int
        Of positions, liquidity and noise; the path is the same for all seeds.
    candles : str, Path or Candles, optional
        Bitcoin's candles, to replace the path; the other coins then follow by their stated relation.
    day : str, optional
        Which UTC day of the candle file, as YYYY-MM-DD.
    assumptions : LeverageAssumptions, optional
        By default those fitted to the event, which ship with the package.
    priors : Priors, optional
        Liquidity and flow; by default those that ship with the package.
    progress : callable, optional
        Called with what is under way and the fraction of it that is done.

    Returns
    -------
    Replay
        With `summary()`, `liquidations`, `path`, `amplification`, and both runs.

    Raises
    ------
    CascadeError
        One line: an unknown event, a file that cannot be used, a path outside the books' range.
    """
    facts = event if isinstance(event, Event) else load_event(event)
    if candles is None and day is not None:
        raise InvalidConfigError(f"day {day!r} is picked from a candle file, but none is given; name it with candles")
    if candles is not None and not isinstance(candles, Candles):
        candles = read_candles(candles, day)
    scenario = reconstruct(facts, candles=candles, assumptions=assumptions, priors=priors)
    tracked = simulate(scenario, seed, _part(progress, "tracking the path", 0.0))
    calm = counterfactual(scenario, tracked, progress)
    source = f"{Path(candles.path).name}, {candles.day}" if candles is not None else ""
    return Replay(facts.name, tracked, calm, facts.figures(), source)


def counterfactual(scenario: Scenario, tracked: Result, progress: Progress | None = None) -> Result:
    """Return the tracked run's news and seed without liquidation orders in the book."""
    no_map = scenario.priors.changed(run={"map_interval_s": scenario.seconds})
    without = scenario.with_news(tracked.news).without("liquidations").changed(priors=no_map)
    return simulate(without, tracked.seed, _part(progress, "the same news without liquidation orders", 0.5))


def reconstruct(
    event: Event,
    *,
    candles: Candles | None = None,
    assumptions: LeverageAssumptions | None = None,
    priors: Priors | None = None,
    path_seed: int | None = None,
) -> Scenario:
    """Return the scenario that tracks an event's path.

    Parameters
    ----------
    event : Event
        What was reported.
    candles, assumptions, priors
        As in `replay`.
    path_seed : int, optional
        Another draw of the bridges between the path's anchors: a sensitivity run.
    """
    priors = priors or load_priors()
    assumptions = assumptions or fitted_assumptions(event.name)
    venues = tuple(load_venue(name) for name in priors.venues)
    coins = tuple(event.coins)
    opens = [event.open_usd(coin) for coin in coins]
    start_ns = event.start_ns
    inputs = {}
    if candles is None:
        paths = [day_path(event, coin, seed=path_seed) for coin in coins]
    else:
        paths = [day_path_from_candles(event, coin, candles, seed=path_seed) for coin in coins]
        opens[coins.index("BTC")] = float(candles.open_usd[0])
        start_ns = int(candles.time_ns[0])
        inputs = {candles.path: sha256(Path(candles.path).read_bytes()).hexdigest()}
    before = [
        pre_day_path(event, coin, open_usd=usd, seed=path_seed).usd for coin, usd in zip(coins, opens, strict=True)
    ]
    levered = tuple(venue.name for venue in venues if venue.contract != "spot")
    try:
        return Scenario(
            name=event.name,
            coins=coins,
            venues=venues,
            open_usd=tuple(opens),
            seconds=SECONDS,
            priors=priors,
            assumptions=assumptions.restricted(coins, levered),
            pre_day_usd=np.stack(before),
            target_usd=at_block_ends([path.usd for path in paths], priors.run.news_block_s),
            start_ns=start_ns,
            provenance={"paths": {c: path.provenance for c, path in zip(coins, paths, strict=True)}, "inputs": inputs},
        )
    except PriceRangeError as error:
        raise PriceRangeError(f"{candles.path if candles is not None else event.name}: {error}") from None


def at_block_ends(minute_closes: list[np.ndarray], block_s: int) -> np.ndarray:
    """Return paths given at minute closes at the end of every block of news, float64, shape (coins, blocks)."""
    minutes = 60.0 * np.arange(1, len(minute_closes[0]) + 1)
    ends = np.minimum(block_s * np.arange(1, -(-SECONDS // block_s) + 1), SECONDS)
    return np.exp(np.stack([np.interp(ends, minutes, np.log(usd)) for usd in minute_closes]))


def fitted_assumptions(event: str, *, isolated: bool = False) -> LeverageAssumptions:
    """Return the assumptions fitted to an event, which ship with the package; for another event, the first event's.

    With cross accounts, or `isolated` ones alone.
    """
    kind = "-isolated" if isolated else ""
    path = FITTED / f"{event}{kind}.toml"
    return read_assumptions(path if path.exists() else FITTED / f"2026-02-06{kind}.toml")


@dataclass(frozen=True)
class _Part:
    """Half of a replay's progress, under a name of its own."""

    report: Callable[[str, float], Any]
    name: str
    start: float

    def __call__(self, what: str, done: float) -> None:
        self.report(f"{self.name}: {what}", self.start + 0.5 * done)


def _part(progress: Progress | None, name: str, start: float) -> Progress | None:
    return _Part(progress, name, start) if progress else None
