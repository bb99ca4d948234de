"""How much of a fall was the cascade: over priors that the day does not identify, and against the noise of twins."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from cascade.assumptions import LeverageAssumptions
from cascade.config import Priors, load_priors
from cascade.engine import Progress, simulate
from cascade.facts import Event, load_event
from cascade.reconstruction import reconstruct, replay
from cascade.scenario import Scenario
from cascade.tape import Candles, read_candles


def amplification_over_priors(
    event: str | Path | Event = "2026-02-06",
    *,
    seed: int = 1,
    candles: str | Path | Candles | None = None,
    day: str | None = None,
    assumptions: LeverageAssumptions | None = None,
    priors: Priors | None = None,
    threads: int = 2,
    progress: Progress | None = None,
) -> list[dict]:
    """Return the amplification of one seed with each prior changed to each value of its stated range, one at a time.

    Parameters
    ----------
    event, seed, candles, day, assumptions
        As in `replay`.
    priors : Priors, optional
        Those to vary, with their `ranges`; by default those that ship with the package.
    threads : int
        Replays side by side.
    progress : callable, optional
        Called with what is under way and the fraction of it that is done.

    Returns
    -------
    list of dict
        `prior`, `value`, `amplification`, `btc_drop_without_cascade`; first as stated, with an empty `value`.
    """
    facts = event if isinstance(event, Event) else load_event(event)
    if candles is not None and not isinstance(candles, Candles):
        candles = read_candles(candles, day)
    base = priors or load_priors()
    cases = [("as stated", "", base), *((name, value, base.varied(name, value)) for name, value in base.cases())]

    def run(case: tuple[str, float | str, Priors]) -> dict:
        name, value, changed = case
        done = replay(facts, seed, candles=candles, assumptions=assumptions, priors=changed)
        return {
            "prior": name,
            "value": value,
            "amplification": done.amplification,
            "btc_drop_without_cascade": done.btc_drop_without_cascade,
        }

    rows = []
    with ThreadPoolExecutor(threads) as pool:
        for row in pool.map(run, cases):
            rows.append(row)
            if progress:
                progress(f"{row['prior']} {row['value']}", len(rows) / len(cases))
    return rows


def twin_noise(
    event: str | Path | Event = "2026-02-06", *, seed: int = 1, assumptions: LeverageAssumptions | None = None
) -> float:
    """Return by what share of itself BTC's log fall moves when one more order is posted in the warm-up.

    Same news, same seed: what is left is how far a small difference grows by itself. An amplification means something
    only as far as it stands out from this.
    """
    scenario = reconstruct(event if isinstance(event, Event) else load_event(event), assumptions=assumptions)
    tracked = simulate(scenario, seed)
    same_news = scenario.with_news(tracked.news)
    falls = [_log_fall(same_news.changed(extra_order=extra), seed, tracked.index_usd[0]) for extra in (False, True)]
    return abs(falls[1] / falls[0] - 1.0)


def _log_fall(scenario: Scenario, seed: int, tracked_usd: np.ndarray) -> float:
    """Return BTC's log fall at the time of the tracked run's low."""
    result = simulate(scenario, seed)
    return float(np.log(result.open_usd[0] / result.index_usd[0, int(np.argmin(tracked_usd))]))
