"""How soon and how much a crash like that of 2025-10-10 deleverages under Hyperliquid's rules, and the public record.

    python experiments/deleveraging_2025_10_10/run.py [--seeds N] [--quick] [--out DIR]

Prints tables, writes `deleveraging.json` and `deleveraging.png`.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from adl_picture import draw
from crash import DISTANCE_BY_COUNT, PRICES_USD, RECORD, Case, scenario

from cascade.costs import came_from_another_coin
from cascade.engine import simulate
from cascade.plots.style import DASH, style
from cascade.result import Result
from cascade.state import BACKSTOP, CROSS_GROUP

BASE = Case("as stated")
CASES = (
    BASE,
    Case("low after 2 minutes", minutes=2),
    Case("low after 15 minutes", minutes=15),
    Case("half the fall", fall=0.5),
    Case("half the depth", depth=0.5),
    Case("twice the depth", depth=2.0),
    Case("pool a hundredth", pool=0.01),
    Case("engine 10 times as slow", engine=0.1),
    Case("engine 10 times as fast", engine=10.0),
    Case("cross accounts 38 % from ruin", distance=DISTANCE_BY_COUNT),
)
BASE_SEEDS, CASE_SEEDS, QUICK_SEEDS = 20, 5, 3
# 21:15:03 to 21:16:04 and 21:26:57: all events read from the venue's chain by the public analysis named in the README
PUBLIC = {
    "delay_s": 61.7,
    "orders_before": 710,  # fills, not orders
    "liquidated_usd": 3.602e9,  # these five coins; 5.511 of all
    "deleveraged_usd": 1.403e9,  # 2.103 of all
    "deleveraged_share": 0.390,  # 0.382 of all; and BTC 0.347, ETH 0.433, SOL 0.447, XRP 0.378, DOGE 0.312
}
PUBLIC_SHARE = {"BTC": 0.347, "ETH": 0.433, "SOL": 0.447, "XRP": 0.378, "DOGE": 0.312}


@dataclass(frozen=True)
class Outcome:
    """What a seed did from 21:15 to 21:27, as the public record; figures `in_all` and the last two are of all."""

    case: str
    seed: int
    delay_s: float  # from the first liquidation to the first deleveraging; nan if there was none
    orders_before: float  # liquidation orders before it
    first_ever_s: float  # the same delay, from the first liquidation in the world
    liquidated_usd: float
    deleveraged_usd: float
    deleveraged_share: float
    liquidated_in_all_usd: float
    deleveraged_in_all_usd: float
    deleveraged_in_all_share: float
    deleveraged_by_coin: dict[str, float]  # over liquidated
    backstop_share: float  # of liquidated value that no order was sent for
    cross_share: float
    contagion_share: float  # of liquidated value: cross accounts breached by another coin
    longest_wait_s: float  # from breach to order
    forgone_share: float  # of what winners realised: how much more it had been at the mark
    deficit_usd: float  # what bankrupt accounts owed beyond their margin: paid by pools, and socialised
    pool_change_usd: float
    fall: float  # of Bitcoin's index


def outcome(case: Case, seed: int, result: Result) -> Outcome:
    """Measure a run."""
    tape, usd, in_record = result.tape, result.tape_notional_usd, _is_in_record(result.tape)
    closed, closed_in_record = result.deleveragings, _is_in_record(result.deleveraged)
    closed_usd, pool = closed["notional_usd"].to_numpy(), result.pools["pool_usd"]
    delay_s, before = _delay(result, RECORD[0])
    liquidated_usd, deleveraged_usd = usd @ in_record, closed_usd @ closed_in_record
    by_coin = _by_coin(result, closed_usd * closed_in_record, result.deleveraged["market"])

    def share(which: np.ndarray) -> float:
        return float(usd @ (which & in_record) / liquidated_usd)

    orders, winners = result.liquidations.filter(in_record), closed.filter(closed_in_record)
    return Outcome(
        case=case.name,
        seed=seed,
        delay_s=delay_s,
        orders_before=before,
        first_ever_s=_delay(result, 0)[0],
        liquidated_usd=float(liquidated_usd),
        deleveraged_usd=float(deleveraged_usd),
        deleveraged_share=float(deleveraged_usd / liquidated_usd),
        liquidated_in_all_usd=float(usd.sum()),
        deleveraged_in_all_usd=float(closed_usd.sum()),
        deleveraged_in_all_share=float(closed_usd.sum() / usd.sum()),
        deleveraged_by_coin=dict(
            zip(result.coins, by_coin / _by_coin(result, usd * in_record, tape["market"]), strict=True)
        ),
        backstop_share=share(tape["kind"] == BACKSTOP),
        cross_share=share(tape["group"] == CROSS_GROUP),
        contagion_share=share(came_from_another_coin(result)),
        longest_wait_s=float((tape["step"] - tape["trigger_step"])[in_record].max() * result.step_s),
        forgone_share=float(winners["forgone_usd"].sum()) / max(float(winners["profit_usd"].sum()), 1.0),
        deficit_usd=float(orders["socialised_usd"].sum() - orders["pool_usd"].clip(None, 0.0).sum()),
        pool_change_usd=float(pool[-1] - pool[0]),
        fall=float(1 - result.index_usd[0].min() / result.open_usd[0]),
    )


def _is_in_record(rows: np.ndarray) -> np.ndarray:
    """Return which events are of the time of the public record."""
    return (rows["step"] >= RECORD[0]) & (rows["step"] < RECORD[1])


def _delay(result: Result, since: int) -> tuple[float, float]:
    """Return seconds and liquidation orders from the first liquidation since a step to the first deleveraging."""
    orders, closed = (rows["step"][rows["step"] >= since] for rows in (result.tape, result.deleveraged))
    if not len(closed):
        return np.nan, np.nan
    return float((closed[0] - orders[0]) * result.step_s), float((orders < closed[0]).sum())


def _by_coin(result: Result, usd: np.ndarray, market: np.ndarray) -> np.ndarray:
    return np.bincount(market.astype(np.int64) // len(result.venues), usd, minlength=len(result.coins))


def table(outcomes: list[Outcome]) -> list[dict]:
    """Return for each case the mean of every figure over the seeds that have it, standard error, and their number."""
    rows = []
    for case in dict.fromkeys(one.case for one in outcomes):
        mine = [asdict(one) for one in outcomes if one.case == case]
        row: dict = {"case": case, "seeds": len(mine)}
        for key in mine[0]:
            if key not in ("case", "seed", "deleveraged_by_coin"):
                values = np.array([one[key] for one in mine])
                values = values[~np.isnan(values)]
                row[key] = {"mean": _or_none(values.mean() if len(values) else np.nan), "n": len(values)}
                row[key]["error"] = _or_none(values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan)
        by_coin = [one["deleveraged_by_coin"] for one in mine]
        row["by_coin"] = {coin: float(np.mean([shares[coin] for shares in by_coin])) for coin in PRICES_USD}
        rows.append(row)
    return rows


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


COLUMNS = (  # title, figure, factor, digits
    ("delay, s", "delay_s", 1.0, 0),
    ("orders before", "orders_before", 1.0, 0),
    ("liquidated, $bn", "liquidated_usd", 1e-9, 2),
    ("deleveraged, $bn", "deleveraged_usd", 1e-9, 2),
    ("deleveraged, %", "deleveraged_share", 100.0, 1),
    ("liquidated in all, $bn", "liquidated_in_all_usd", 1e-9, 2),
    ("deleveraged in all, %", "deleveraged_in_all_share", 100.0, 1),
    ("longest wait, s", "longest_wait_s", 1.0, 0),
    ("deficit, $M", "deficit_usd", 1e-6, 1),
    ("BTC fall, %", "fall", 100.0, 1),
)


def text(rows: list[dict]) -> str:
    """Return the table as Markdown: mean and standard error over seeds, and the public record."""
    lines = [["", *(title for title, *_ in COLUMNS)], [":--", *("--:" for _ in COLUMNS)]]
    for row in rows:
        lines.append([row["case"], *(_cell(row[key], factor, digits) for _, key, factor, digits in COLUMNS)])
    known = {key: {"mean": PUBLIC.get(key), "error": None} for _, key, _, _ in COLUMNS}
    lines.append(["public record", *(_cell(known[key], factor, digits) for _, key, factor, digits in COLUMNS)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(figure: dict, factor: float, digits: int) -> str:
    if figure["mean"] is None:
        return DASH
    error = "" if figure["error"] is None else f" ± {figure['error'] * factor:.{digits}f}"
    return f"{figure['mean'] * factor:,.{digits}f}{error}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=BASE_SEEDS, help="of the world as stated; 5 at most of the others")
    parser.add_argument("--quick", action="store_true", help="three seeds, three cases")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    cases = CASES[:3] if options.quick else CASES
    n_seeds = QUICK_SEEDS if options.quick else options.seeds
    outcomes, shown = [], None
    for case in cases:
        for seed in range(1, 1 + (n_seeds if case is BASE else min(n_seeds, CASE_SEEDS))):
            result = simulate(scenario(case), seed)
            shown = shown or result
            outcomes.append(outcome(case, seed, result))
    rows = table(outcomes)
    print(text(rows))
    options.out.mkdir(parents=True, exist_ok=True)
    runs = [{key: _plain(value) for key, value in asdict(one).items()} for one in outcomes]
    told = {"public": PUBLIC | {"by_coin": PUBLIC_SHARE}, "cases": rows, "runs": runs}
    (options.out / "deleveraging.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
    with style():
        picture = draw(shown, rows, PUBLIC, PUBLIC_SHARE, RECORD[0])
        picture.savefig(options.out / "deleveraging.png", metadata={"Software": None})


def _plain(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value


if __name__ == "__main__":
    main()
