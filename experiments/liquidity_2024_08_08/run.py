"""The engine's market beside a recorded one: spread, depth, sizes, lifetimes, moves, impact.

    python experiments/liquidity_2024_08_08/run.py FILE [--coin BTC] [--seeds N] [--seconds N] [--out DIR]

FILE is the recording from which the liquidity file of the coin was fitted. Prints a table, writes `liquidity_COIN.json`
and `.png`; exit status 1 if a figure that is judged is missed.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from liquidity_picture import draw

from cascade.liquidity import microstructure as measure
from cascade.liquidity.file import fitted_priors
from cascade.liquidity.microstructure import BANDS_BP, DISTANCES, LAGS_S, PROBABILITIES, SURVIVAL_S, Figure, Seconds
from cascade.liquidity.observing import observe
from cascade.liquidity.simulated import market_alone, simulated
from cascade.plots.style import style
from cascade.tape import read

JUDGED_LAGS_S, NEAR = 5, 1e-3
ESTIMATORS = {
    "depth": measure.depth,
    "touch": measure.touch,
    "sizes": measure.size_quantiles,
    "rate": measure.orders_per_s,
    "dispersion": measure.dispersion,
    "survival": measure.survival,
    "signature": measure.signature,
}


@dataclass(frozen=True)
class Row:
    """One figure, recorded and simulated."""

    what: str
    recorded: float
    error: float
    simulated: float
    simulated_error: float
    tolerance: float | None  # of the ratio; None: shown, not judged

    @property
    def within(self) -> bool:
        return self.tolerance is None or abs(self.simulated / self.recorded - 1.0) <= self.tolerance

    @property
    def sigmas(self) -> float:
        """Difference over both errors."""
        return (self.simulated - self.recorded) / math.hypot(self.error, self.simulated_error)

    def line(self) -> str:
        verdict = "" if self.tolerance is None else f"± {self.tolerance:.0%} {'within' if self.within else 'MISSED'}"
        recorded, simulated = (
            f"{value:.4g} ± {error:.2g}"
            for value, error in ((self.recorded, self.error), (self.simulated, self.simulated_error))
        )
        ratio = self.simulated / self.recorded if self.recorded else math.nan
        return f"{self.what:<44} {recorded:>20} {simulated:>20} {ratio:>7.2f}  {verdict}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit status."""
    options = parse(arguments)
    recorded, _ = observe([read(options.file)])
    scenario = market_alone(fitted_priors(options.coin), options.coin, float(recorded.mid_usd[0]), options.seconds)
    runs = [simulated(scenario, seed) for seed in range(1, options.seeds + 1)]
    edges = measure.flow_edges(recorded)
    estimators = ESTIMATORS | {
        f"impact_{after_s}": lambda market, after_s=after_s: measure.impact(market, edges, after_s)[1]
        for after_s in (0, 5)
    }
    of_recording = {name: estimate(recorded) for name, estimate in estimators.items()}
    of_runs = {name: over_seeds([estimate(run) for run in runs]) for name, estimate in estimators.items()}
    rows = list(all_rows(recorded, runs, of_recording, of_runs))
    print(f"{'':<44} {'recorded':>20} {'simulated':>20} {'ratio':>7}")
    print("\n".join(row.line() for row in rows))
    write(options, rows, recorded, runs, of_recording, of_runs)
    return 0 if all(row.within for row in rows) else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="the recording")
    parser.add_argument("--coin", default="BTC", help="whose shipped liquidity file is run; or its path")
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=1800, help="of each run")
    parser.add_argument("--out", type=Path, default=Path("cascade-out/liquidity"), help="where to write")
    options = parser.parse_args(arguments)
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}: standard errors are over seeds")
    return options


def over_seeds(figures: Sequence[Figure]) -> Figure:
    """Return the mean over seeds and its standard error."""
    values = np.array([figure.value for figure in figures])
    return Figure(values.mean(axis=0), values.std(axis=0, ddof=1) / math.sqrt(len(values)))


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────
def all_rows(recorded: Seconds, runs: Sequence[Seconds], of_recording: dict, of_runs: dict) -> Iterator[Row]:
    """Yield every figure."""
    medians = [float(np.median(run.spread_ticks)) for run in runs]
    yield Row("spread, median, ticks", float(np.median(recorded.spread_ticks)), 0, float(np.mean(medians)), 0, 1.0)
    shares = [float((run.spread_ticks == 1).mean()) for run in runs]
    share = float((recorded.spread_ticks == 1).mean())
    yield Row("spread of one tick, share of seconds", share, math.nan, float(np.mean(shares)), 0, None)

    def row(what: str, name: str, place: tuple | int = (), scale: float = 1.0, tolerance: float | None = None) -> Row:
        figures = (of_recording[name], of_runs[name])
        values = [part for figure in figures for part in (figure.value[place] * scale, figure.error[place] * scale)]
        return Row(what, *map(float, values), tolerance)

    yield row("at the best price, thousand USD", "touch", (), 1e-3)
    for j, u in enumerate(DISTANCES):
        yield row(f"depth within {u:.2%}, million USD", "depth", j, 1e-6, 0.15 if u == NEAR else None)
    yield row("takers' orders a second", "rate")
    yield row("  variance of their rate over its square", "dispersion")
    for j, p in enumerate(PROBABILITIES):
        yield row(f"takers' orders, {p:.0%} quantile, USD", "sizes", j, 1.0, 0.2)
    for b, (near, far) in enumerate(BANDS_BP):
        for k, lag in enumerate(SURVIVAL_S):
            yield row(f"left after {lag} s, {near:g} to {far:g} bp from the mid", "survival", (b, k))
    for j, lag in enumerate(LAGS_S):
        yield row(f"signature, {lag} s, bp² a second", "signature", j, 1.0, 0.25 if lag <= JUDGED_LAGS_S else None)
    flows = measure.impact(recorded, measure.flow_edges(recorded))[0]
    for after_s, when in ((0, ""), (5, " and 5 s after")):
        for j, usd in enumerate(flows):
            yield row(f"move with net flow of {usd:,.0f} USD{when}, bp", f"impact_{after_s}", j)


def write(
    options: argparse.Namespace, rows: list[Row], recorded: Seconds, runs: list[Seconds], a: dict, b: dict
) -> None:
    """Write the figures as JSON, and the picture."""
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / f"liquidity_{options.coin.lower()}"
    figures = [{**asdict(row), "within": row.within} for row in rows]
    document = {"recording": options.file.name, "seeds": options.seeds, "seconds": options.seconds, "figures": figures}
    text = json.dumps(document, indent=1).replace("NaN", "null")
    stem.with_suffix(".json").write_text(text + "\n")
    with style():
        draw(recorded, runs, a, b).savefig(stem.with_suffix(".png"))
    print(f"\nWritten to {options.out}")


if __name__ == "__main__":
    sys.exit(main())
