"""Fit the leverage assumptions to what was reported of a day.

One mass per leverage bucket, the share of each venue, the scale of sizes, and one common shift of the side skews. The
engine knows none of the targets: it is run, its liquidations are compared with the report, and each assumption is moved
by the ratio of the two, until the medians over the seeds agree. Liquidated value goes up with mass almost one for one,
because replay tracks the same path whatever is liquidated; so a few rounds suffice.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from cascade.assumptions import BUCKETS, LeverageAssumptions, default_assumptions, to_toml
from cascade.engine import Progress, simulate
from cascade.facts import Event, load_event
from cascade.figures import LEVERAGE_SHARES, VENUE_SHARES
from cascade.kernels.jit import kernel_hash
from cascade.reconstruction import FITTED, reconstruct
from cascade.result import Result
from cascade.writing import check_writable, write_whole

SEEDS = tuple(range(10))
ROUNDS = ((2, 3), (5, 2), (10, 4))  # seeds, rounds: few while far away, all in the end
LONG_SHARE_RANGE = (0.91, 0.96)  # inside what was reported ("more than 90%"): side skews stay at their prior within


@dataclass(frozen=True)
class Outcome:
    """What a run liquidated, USD: by bucket of the isolated positions and of all others, by venue, by side."""

    isolated_usd: np.ndarray  # float64, (4,)
    remainder_usd: np.ndarray  # float64, (4,): of the remainder and of cross accounts, which no fit moves
    venue_usd: np.ndarray  # float64, (venues,)
    accounts: int
    long_share: float


def calibrate(
    event: str | Path | Event = "2026-02-06",
    *,
    out: str | Path | None = None,
    start: LeverageAssumptions | None = None,
    isolated: bool = False,
    seeds: Sequence[int] = SEEDS,
    rounds: Sequence[tuple[int, int]] = ROUNDS,
    threads: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Fit the leverage assumptions to an event and write them to a TOML file.

    Parameters
    ----------
    event : str, Path or Event
        What was reported.
    out : str or Path, optional
        Where to write; by default the file of this event that ships with the package.
    start : LeverageAssumptions, optional
        From where to fit; by default the stated priors.
    isolated : bool
        Leave cross accounts out: the second set of assumptions that ships, `EVENT-isolated.toml`.
    seeds : sequence of int
        Seeds of the runs; those of later verdicts must not be among them.
    rounds : sequence of (int, int)
        How many seeds to use, and for how many rounds.
    threads : int
        Runs side by side.
    progress : callable, optional
        Called with what is under way and the fraction of it that is done.

    Returns
    -------
    Path
        Of the written file.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    facts = event if isinstance(event, Event) else load_event(event)
    place = Path(out) if out is not None else FITTED / f"{facts.name}{'-isolated' if isolated else ''}.toml"
    check_writable(place)
    start = start or default_assumptions()
    start = start.model_copy(update={"cross": None}) if isolated else start
    fitted = fit(facts, start, seeds, rounds, partial(_outcomes, threads=threads), progress)
    made_by = {
        "command": f"cascade calibrate {facts.name}{' --isolated' if isolated else ''}",
        "seeds": list(seeds),
        "rounds": [list(pair) for pair in rounds],
        "kernels": kernel_hash(),
        "date": datetime.now(UTC).date().isoformat(),
    }
    write_whole(place, to_toml(fitted.model_copy(update={"made_by": made_by})))
    return place


def fit(
    facts: Event,
    assumptions: LeverageAssumptions,
    seeds: Sequence[int],
    rounds: Sequence[tuple[int, int]],
    run: Callable[[Event, LeverageAssumptions, Sequence[int]], list[Outcome]],
    progress: Progress | None = None,
) -> LeverageAssumptions:
    """Return the assumptions under which `run` reproduces the reported figures in the median."""
    plan = [min(n_seeds, len(seeds)) for n_seeds, n_rounds in rounds for _ in range(n_rounds)]
    for done, n_seeds in enumerate(plan):
        if progress:
            progress(f"round {done + 1} of {len(plan)}, {n_seeds} seeds", done / len(plan))
        assumptions = improved(facts, assumptions, run(facts, assumptions, seeds[:n_seeds]))
    return assumptions


def improved(facts: Event, assumptions: LeverageAssumptions, outcomes: list[Outcome]) -> LeverageAssumptions:
    """Return the assumptions moved by the ratios of reported to simulated figures."""
    reported = {name: _number(figure.value) for name, figure in facts.figures().items()}
    total_usd, accounts = reported["liquidated_usd"], reported["liquidated_accounts"]
    wanted_usd = total_usd * np.array([reported[name] for name in LEVERAGE_SHARES])
    isolated_usd = np.median([outcome.isolated_usd for outcome in outcomes], axis=0)
    remainder_usd = np.median([outcome.remainder_usd for outcome in outcomes], axis=0)
    venue_usd = np.median([outcome.venue_usd for outcome in outcomes], axis=0)
    mean_usd = np.median([(o.isolated_usd + o.remainder_usd).sum() / o.accounts for o in outcomes])
    factors = np.maximum(wanted_usd - remainder_usd, 0.01 * wanted_usd) / np.maximum(isolated_usd, 1.0)
    shares = np.array([reported[f"share_{venue}"] for venue in assumptions.venue_shares])
    share_factors = shares / (venue_usd / venue_usd.sum())
    shift = side_shift(float(np.median([outcome.long_share for outcome in outcomes])))
    return assumptions.model_copy(
        update={
            "buckets": tuple(
                bucket.model_copy(
                    update={
                        "mass_usd": float(bucket.mass_usd * factor),
                        "long_share": _logistic(_logit(bucket.long_share) + shift),
                    }
                )
                for bucket, factor in zip(assumptions.buckets, factors, strict=True)
            ),
            "venue_shares": _normalised(
                {v: s * f for (v, s), f in zip(assumptions.venue_shares.items(), share_factors, strict=True)}
            ),
            "size_scale": float(assumptions.size_scale * total_usd / accounts / mean_usd),
        }
    )


def side_shift(long_share: float) -> float:
    """Return by how much to move the logit of all side skews: nothing while the liquidated longs' share is in range."""
    low, high = LONG_SHARE_RANGE
    return _logit(min(max(long_share, low), high)) - _logit(long_share)


def outcome_of(result: Result) -> Outcome:
    """Return what a run liquidated."""
    tape, usd = result.tape, result.tape_notional_usd
    is_remainder = tape["group"] != 0
    venues = len(result.venues)
    n_buckets = len(BUCKETS)
    return Outcome(
        isolated_usd=np.bincount(tape["bucket"][~is_remainder], usd[~is_remainder], n_buckets),
        remainder_usd=np.bincount(tape["bucket"][is_remainder], usd[is_remainder], n_buckets),
        venue_usd=np.bincount(tape["market"] % venues, usd, venues)[: len(VENUE_SHARES)],
        accounts=len(np.unique(tape["account"])),
        long_share=float(usd[tape["side"] > 0].sum() / usd.sum()),
    )


def _outcomes(facts: Event, assumptions: LeverageAssumptions, seeds: Sequence[int], threads: int = 1) -> list[Outcome]:
    """Run the tracked day of every seed."""
    scenario = reconstruct(facts, assumptions=assumptions)
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda seed: outcome_of(simulate(scenario, seed)), seeds))


def _number(value: float | tuple[float, float] | None) -> float:
    """Return a reported figure, or nan where a range or nothing was reported: no such figure is fitted."""
    return value if isinstance(value, float | int) else math.nan


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _normalised(shares: dict[str, float]) -> dict[str, float]:
    total = sum(shares.values())
    return {name: float(share / total) for name, share in shares.items()}
