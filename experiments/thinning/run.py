"""By how much books thin after large bars: the engine, with the measured table put in straight and as fitted.

    python experiments/thinning/run.py [--seeds N] [--fit] [--threads N] [--out DIR]

Prints the tables, writes `thinning.json` and `.png`, with `--fit` also `withdrawal.toml`, which is fitted on seeds of
its own. Exit status 1 if the median of a band, as fitted, is not within 20% of the measured one.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from thinning_picture import draw

from cascade.config import Priors, load_priors
from cascade.liquidity.thinning import AT_TRIGGER, BANDS, Bars, fitted_thinning, fitted_withdrawal, shocked_bars
from cascade.plots.style import style
from cascade.response import calm, depths_usd

sys.path.append(str(Path(__file__).resolve().parents[1] / "impulse_response"))
from census import take_census

TOLERANCE = 0.2
MEASURED = (1.0, 1.08, 1.75, 2.4, 6.1)  # at the sigmas of the table: medians of the bands, as they were measured
SEVERITY = 1.3  # sd of the log of how much providers overdo it: spreads a band as far as its measured 90% quantiles
FIT_SEEDS, FIRST_SEED = range(100_001, 100_401), 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit status."""
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    straight = load_priors().changed(withdrawal={"thinning": MEASURED})
    if options.fit:
        fitted = fitted_thinning(straight, FIT_SEEDS, threads=options.threads)
        (options.out / "withdrawal.toml").write_text(as_toml(fitted))
    else:
        fitted = fitted_withdrawal(straight)
    seeds = range(FIRST_SEED, FIRST_SEED + options.seeds)
    settings = {
        "put in straight": straight,
        "fitted": fitted,
        "fitted with spread": fitted.changed(withdrawal={"severity_sigma": SEVERITY}),
    }
    bars = {name: shocked_bars(priors, seeds, threads=options.threads) for name, priors in settings.items()}
    figures = {name: list(all_figures(found)) for name, found in bars.items()}
    figures["refill"] = refill(fitted)
    show(figures)
    (options.out / "thinning.json").write_text(json.dumps({"seeds": options.seeds, **figures}, indent=1) + "\n")
    with style():
        draw(bars).savefig(options.out / "thinning.png")
    print(f"\nWritten to {options.out}")
    judged = [*figures["fitted"], *figures["fitted with spread"]]
    return 0 if all(figure["within"] for figure in judged) else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=600, help="bars in each band")
    parser.add_argument("--fit", action="store_true", help="fit the withdrawal anew, on other seeds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("cascade-out/thinning"), help="where to write")
    options = parser.parse_args(arguments)
    if options.seeds < 20:
        parser.error(f"--seeds must be at least 20, got {options.seeds}: a 90% quantile is measured")
    return options


def all_figures(bars: Bars) -> Iterator[dict]:
    """Yield what was simulated beside what was measured, band by band."""
    for band in BANDS:
        found = bars.within(band)
        (median, median_error), (p90, p90_error) = found.quantile(0.5), found.quantile(0.9)
        yield {
            "band": band.name,
            "bars": len(found.sigmas),
            "median": median,
            "median_error": median_error,
            "median_measured": band.median,
            "within": abs(median / band.median - 1.0) <= TOLERANCE,
            "p90": p90,
            "p90_error": p90_error,
            "p90_measured": band.p90,
            "at_trigger": float(np.median(found.at_trigger)),
        }


def refill(priors: Priors) -> dict:
    """Return the share of a book's value that is new, and that is gone, after a minute of calm."""
    scenario = calm(seconds=1800, priors=priors)
    lot_usd = scenario.grid[0][1] * scenario.open_usd[0]
    (census,) = take_census(scenario, 1, depths_usd(scenario)[:1] / lot_usd)
    return {"new_per_minute": census.new_per_minute, "gone_per_minute": census.gone_per_minute, "measured": 0.21}


def show(figures: dict) -> None:
    """Print the tables."""
    for name in ("put in straight", "fitted", "fitted with spread"):
        print(f"\nWithdrawal {name}: thinning of depth within 1%")
        print(
            f"{'sigmas':<10} {'bars':>5} {'median':>14} {'measured':>9} {'90 %':>14} {'measured':>9} {'at trigger':>11}"
        )
        for row in figures[name]:
            median, p90 = (f"{row[key]:.2f} ± {row[f'{key}_error']:.2f}" for key in ("median", "p90"))
            verdict = "within" if row["within"] else "MISSED"
            print(
                f"{row['band']:<10} {row['bars']:>5} {median:>14} {row['median_measured']:>9} {p90:>14} "
                f"{row['p90_measured']:>9} {row['at_trigger']:>11.3f}  {verdict}"
            )
    print(f"measured at the trigger: {AT_TRIGGER}")
    new, gone = (figures["refill"][f"{name}_per_minute"] for name in ("new", "gone"))
    print(
        f"\nA book after a minute of calm: {new:.1%} of its value is new, {gone:.1%} is gone; measured: about 21% each"
    )


def as_toml(priors: Priors) -> str:
    """Return the fitted withdrawal as a file."""
    table = priors.withdrawal
    return f"""# Withdrawal of depth, such that books thin after large five-minute bars as measured ones do.
# `thinning` is what depth is heading for: it comes less far, as it takes minutes and comes back. Medians are fitted;
# The spread makes bars of one size differ as the measured 90% quantiles say [computed from the evidence's table].

[made]
command = "python experiments/thinning/run.py --fit"
seeds = [{FIT_SEEDS.start}, {FIT_SEEDS.stop - 1}]

[withdrawal]
sigmas = {list(table.sigmas)}
thinning = {list(table.thinning)}
refill_per_minute = {table.refill_per_minute}
retreat_per_minute = {table.retreat_per_minute}

[spread]
severity_sigma = {SEVERITY}
"""


if __name__ == "__main__":
    sys.exit(main())
