"""The same day under each venue's rules for all: what is liquidated, who pays, and how much of the fall is the cascade.

    python experiments/venue_rules/run.py [--seeds N] [--first-seed K] [--threads N] [--rest] [--quick] [--out DIR]

News is solved for once per seed, under the rules that the venues have. With that news and seed, all venues then take
one venue's rules, with and without liquidation orders in the book. The rest of open interest, about whose leverage
nothing is known, has none here; with `--rest` it has what the replay assumes. Prints a table, writes
`venue_rules.json` and `venue_rules.png`, and fills the table of the README beside them, if there is one.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rules_picture import draw

from cascade.costs import describe
from cascade.engine import simulate
from cascade.facts import load_event
from cascade.plots.style import style
from cascade.reconstruction import fitted_assumptions, reconstruct
from cascade.result import Result
from cascade.scenario import Scenario
from cascade.venues import load_venue

EVENT = "2026-02-06"
OWN = "their own"
RULES = (
    *("binance", "binance_coinm", "okx", "bybit", "bybit_inverse"),
    *("bitmex", "deribit", "hyperliquid", "dydx", "drift"),
)


@dataclass(frozen=True)
class Outcome:
    """One seed's day under one set of rules; USD, accounts, shares of one."""

    rules: str
    seed: int
    liquidated_usd: float
    accounts: int
    liquidated_share: float  # of the isolated notional that is there under the venues' own rules
    orders_per_account: float
    lost_by_accounts_usd: float
    paid_by_pools_usd: float
    forgone_by_winners_usd: float
    socialised_usd: float
    deleveraged_share: float  # of liquidated value
    cross_share: float  # of liquidated value
    contagion_share: float  # of liquidated value: cross accounts breached by another coin
    amplification: float
    btc_drop: float


class Reference(NamedTuple):
    """What every set of rules is held against: the day under the venues' own."""

    low: int  # second of Bitcoin's low
    isolated_usd: float


def outcome(rules: str, seed: int, result: Result, calm: Result, at: "Reference") -> Outcome:
    """Measure a day against its twin whose liquidations stay out of the book, at the second of the tracked low."""
    usd, tape = result.tape_notional_usd, result.tape
    accounts = len(np.unique(tape["account"]))
    costs = describe(result)
    fall, fall_calm = (float(np.log(one.open_usd[0] / one.index_usd[0, at.low])) for one in (result, calm))
    return Outcome(
        rules=rules,
        seed=seed,
        liquidated_usd=float(usd.sum()),
        accounts=accounts,
        liquidated_share=float(usd[tape["group"] == 0].sum() / at.isolated_usd),
        orders_per_account=len(tape) / max(accounts, 1),
        lost_by_accounts_usd=costs["paid_by_accounts_usd"],
        paid_by_pools_usd=costs["paid_by_pools_usd"],
        forgone_by_winners_usd=costs["paid_by_winners_usd"],
        socialised_usd=costs["paid_by_socialised_usd"],
        deleveraged_share=costs["deleveraged_share"],
        cross_share=costs["cross_share"],
        contagion_share=costs["contagion_share"],
        amplification=fall / fall_calm,
        btc_drop=float(1.0 - result.index_usd[0].min() / result.open_usd[0]),
    )


def isolated_usd(result: Result) -> float:
    """Return the notional of isolated positions that were open or opened in the day."""
    drawn = result.provenance["drawn"]
    buckets = [drawn[when][name] for when in ("open", "opened_today") for name in drawn["open"] if name != "remainder"]
    return sum(bucket["long_usd"] + bucket["short_usd"] for bucket in buckets)


def the_day(rest: bool) -> Scenario:
    """Return the day; without `rest`, what is held beside the report's accounts and cross accounts is unlevered."""
    assumptions = fitted_assumptions(EVENT)
    unlevered = assumptions.remainder.model_copy(update={"leverages": (1.0,), "weights": (1.0,)})
    if not rest:
        assumptions = assumptions.model_copy(update={"remainder": unlevered})
    return reconstruct(load_event(EVENT), assumptions=assumptions)


def days(base: Scenario, rules: tuple[str, ...], seed: int) -> Iterator[Outcome]:
    """Yield the day of one seed under every set of rules."""
    base = base.changed(priors=base.priors.changed(run={"map_interval_s": base.seconds}))
    tracked = simulate(base, seed)
    at = Reference(int(np.argmin(tracked.index_usd[0])), isolated_usd(tracked))
    told = base.with_news(tracked.news)
    yield outcome(OWN, seed, tracked, simulate(told.without("liquidations"), seed), at)
    del tracked
    for name in rules:
        under = told.under(name)
        yield outcome(name, seed, *_twins(under, seed), at)


def _twins(scenario: Scenario, seed: int) -> tuple[Result, Result]:
    return simulate(scenario, seed), simulate(scenario.without("liquidations"), seed)


def table(outcomes: list[Outcome]) -> list[dict]:
    """Return for each set of rules the mean of every figure over seeds, with its standard error.

    And that of its difference, seed by seed, to the day under every venue's own rules (`..._more`).
    """
    rows, own = [], {one.seed: asdict(one) for one in outcomes if one.rules == OWN}
    for name in dict.fromkeys(one.rules for one in outcomes):
        mine = [asdict(one) for one in outcomes if one.rules == name]
        row: dict = {"rules": name, "title": "each venue's own" if name == OWN else load_venue(name).title}
        for key in mine[0]:
            if key not in ("rules", "seed"):
                row[key] = spread([one[key] for one in mine])
                row[f"{key}_more"] = spread([one[key] - own[one["seed"]][key] for one in mine])
        rows.append(row)
    return rows


def spread(values: list[float]) -> dict[str, float | None]:
    """Return the mean of values over seeds, and its standard error; none of one seed."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else None
    return {"mean": float(np.mean(values)), "error": None if error is None else float(error)}


BEGIN, END = "<!-- table: run.py -->", "<!-- end of table -->"
COLUMNS = (  # title, figure, factor, digits
    ("liquidated, $bn", "liquidated_usd", 1e-9, 3),
    ("accounts, 1000s", "accounts", 1e-3, 1),
    ("orders each", "orders_per_account", 1.0, 2),
    ("pools pay, $M", "paid_by_pools_usd", 1e-6, 2),
    ("winners forgo, $M", "forgone_by_winners_usd", 1e-6, 2),
    ("shared, $M", "socialised_usd", 1e-6, 2),
    ("deleveraged, %", "deleveraged_share", 100.0, 3),
    ("cross, %", "cross_share", 100.0, 1),
    ("amplification", "amplification", 1.0, 4),
    ("more than own", "amplification_more", 1.0, 4),
    ("BTC falls more, points", "btc_drop_more", 100.0, 2),
)


def text(rows: list[dict]) -> str:
    """Return the table as Markdown: mean and standard error over seeds."""
    lines = [["rules", *(title for title, *_ in COLUMNS)], [":--", *("--:" for _ in COLUMNS)]]
    for row in rows:
        cells = [row["rules"]]
        for _, key, factor, digits in COLUMNS:
            mean, error = row[key]["mean"] * factor, row[key]["error"]
            cells.append(f"{mean:.{digits}f}" + ("" if error is None else f" ± {error * factor:.{digits}f}"))
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def fill(readme: Path, rows: list[dict]) -> None:
    """Put the table between its two markers, if the file is there."""
    if readme.exists():
        before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        readme.write_text(f"{before}{BEGIN}\n{text(rows)}\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rest", action="store_true", help="the rest of open interest levered 1 to 3, as assumed")
    parser.add_argument("--quick", action="store_true", help="one seed, four sets of rules")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    rules = ("binance", "bybit", "bitmex", "hyperliquid") if options.quick else RULES
    seeds = range(options.first_seed, options.first_seed + (1 if options.quick else options.seeds))
    base = the_day(options.rest)
    with ThreadPoolExecutor(min(options.threads, len(seeds))) as pool:
        outcomes = [one for found in pool.map(lambda seed: list(days(base, rules, seed)), seeds) for one in found]
    rows = table(outcomes)
    print(text(rows))
    options.out.mkdir(parents=True, exist_ok=True)
    told = {
        "event": EVENT,
        "rest": options.rest,
        "seeds": list(seeds),
        "rules": rows,
        "runs": [asdict(one) for one in outcomes],
    }
    fill(options.out / "README.md", rows)
    (options.out / "venue_rules.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
    with style():
        draw(rows).savefig(options.out / "venue_rules.png", metadata={"Software": None})


if __name__ == "__main__":
    main()
