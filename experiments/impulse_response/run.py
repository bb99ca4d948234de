"""How far the price falls when somebody sells in calm, how much of it is left later, and the books it falls through.

    python experiments/impulse_response/run.py [--seeds N] [--threads N] [--quick] [--out DIR]

Prints a table beside the evidence, writes `impulse_response.json` and `.png`; exit status 1 if a figure is missed.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from census import Census, stated_lifetimes_s, take_census, walked_fall
from impulse_picture import draw

from cascade.config import Priors, load_priors
from cascade.plots.style import style
from cascade.response import Response, Sale, calm, depths_usd, impulse_responses, slices

SIZES = (0.1, 0.5, 1.0)  # of the depth within 1%
SLOW_S = (20, 120)
DAY_S = 86_400  # a scenario's longest: the last second is 23 h 50 min after a sale at 10 min
AFTER_S = {"1 s": 1, "60 s": 60, "5 min": 300, "10 min": 600, "6 h": 21_600, "24 h": DAY_S - 601}
SHARES, HALF_LIVES_H = (0.7, 0.85, 0.95, 1.0), (1.0, 1.5, 3.0, 6.0)  # the stated priors and the default
SPREADS_BP = {"BTC binance": 0.016, "ETH binance": 0.037}  # in a recording of August 2024
COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "BNB")
REFILL, LIFETIME_S = (0.18, 0.24), (60 / 0.24, 60 / 0.18)  # EVIDENCE: about 21% of the book a minute
LEFT = {  # what EVIDENCE says is left, and what must be
    "1 s": ("", (0.8, 1.1)),
    "60 s": ("", (0.8, 1.1)),
    "5 min": ("0.96: 1.7 of some 40 bp came back", (0.8, 1.1)),
    "10 min": ("0.93: 2.7 of some 40 bp came back", (0.8, 1.1)),
    "6 h": ("", None),
    "24 h": ("almost nothing", (-0.2, 0.2)),
}


@dataclass(frozen=True)
class Row:
    """One figure beside the evidence."""

    what: str
    value: float
    error: float  # standard error over seeds; nan where there is none
    evidence: str
    bounds: tuple[float, float] | None  # None: shown, not judged
    digits: int = 2

    @property
    def within(self) -> bool:
        return self.bounds is None or bool(self.bounds[0] <= self.value <= self.bounds[1])

    def plain(self) -> dict:
        error = None if math.isnan(self.error) else self.error
        return {**asdict(self), "error": error, "within": self.within}

    def line(self) -> str:
        error = "" if math.isnan(self.error) else f" ± {self.error:.{self.digits}f}"
        wanted = "" if self.bounds is None else "{:g} to {:g}".format(*(round(b, 3) for b in self.bounds))
        verdict = "" if self.bounds is None else ("within" if self.within else "MISSED")
        measured = f"{self.value:.{self.digits}f}{error}"
        return f"{self.what:<46} {measured:>15}  {self.evidence:<40} {wanted:>13}  {verdict}"


# ── the sale ─────────────────────────────────────────────────────────────────────────────────────────────────
def walked(priors: Priors, sale: Sale, seeds: Sequence[int], threads: int) -> float:
    """Return the mean fall that the orders in the book imply when the sale comes, weighted by depth."""
    scenario = calm(priors=priors)
    weights = depths_usd(scenario) / depths_usd(scenario).sum()
    lots = np.array([programme.lots for programme in slices(scenario, sale)])
    with ThreadPoolExecutor(threads) as pool:
        falls = pool.map(lambda seed: weights @ walked_fall(scenario, seed, sale.stop_s - 1, lots), seeds)
    return float(np.mean(list(falls)))


def fall_rows(response: Response, by_walk: float) -> Iterator[Row]:
    """Yield the immediate fall over what the profile implies, and over what the orders in the book do."""
    fall, error = response.immediate
    name = size_name(response.sale.over_depth)
    yield Row(f"{name}: fall, bp", fall * 1e4, error * 1e4, f"profile {response.implied_fall * 1e4:.1f}", None, 1)
    over = response.implied_fall
    yield Row(f"{name}: fall over the profile's", fall / over, error / over, "D(u) = B u^1.16 and touch", (0.8, 1.2))
    yield Row(f"{name}: fall over that of the orders there", fall / by_walk, math.nan, "", (0.9, 1.1))


def left_rows(response: Response) -> Iterator[Row]:
    """Yield what is left of the fall of the reference."""
    for name, after_s in AFTER_S.items():
        if response.sale.stop_s + after_s <= response.reference_fall.shape[1]:
            evidence, bounds = LEFT[name]
            what = f"{size_name(response.sale.over_depth)}: left after {'23 h 50 min' if name == '24 h' else name}"
            yield Row(what, *response.left(after_s), evidence, bounds, 3)


def control_row(priors: Priors, seeds: Sequence[int], threads: int) -> Row:
    """Return what is left after a minute where providers learn nothing: the check must be able to fail."""
    world = calm(seconds=700, priors=priors).without("learning")
    (response,) = impulse_responses(world, [Sale(0.5)], seeds, threads)
    return Row("control: no learning, left after 60 s (index)", *response.left(60, "index"), "none", (-0.2, 0.2), 3)


def slow_responses(priors: Priors, seeds: Sequence[int], threads: int) -> list[Response]:
    """Return the responses to the same sales made more slowly."""
    sales = [Sale(size, seconds) for size in SIZES for seconds in SLOW_S]
    return impulse_responses(calm(seconds=1300, priors=priors), sales, seeds, threads)


def sensitivity(seeds: Sequence[int], threads: int, quick: bool) -> list[dict]:
    """Return what is left of the half-depth sale after 10 minutes and 24 h, over the priors of learning."""
    grid = [(s, h) for s in SHARES for h in HALF_LIVES_H if not quick or (s in (0.7, 0.95) and h in (1.5, 6.0))]
    found = []
    for share, half_life_h in grid:
        priors = load_priors().changed(learning={"share": share, "half_life_h": half_life_h})
        (response,) = impulse_responses(calm(seconds=DAY_S, priors=priors), [Sale(0.5)], seeds, threads)
        left = {name: response.left(AFTER_S[name]) for name in ("10 min", "24 h")}
        found.append({"share": share, "half_life_h": half_life_h, "left": left})
        print(
            f"  share {share:<4} half-life {half_life_h:<3} h: "
            + "  ".join(f"{k}: {v[0]:.2f}" for k, v in left.items())
        )
    return found


def size_name(size: float) -> str:
    return {0.1: "1/10", 0.5: "1/2", 1.0: "1"}[size] + " of depth"


# ── the books ────────────────────────────────────────────────────────────────────────────────────────────────
def censuses(priors: Priors, coins: Sequence[str], seconds: int) -> dict[str, list[Census]]:
    """Return the books of the first coin at every venue, and of the others at the first venue."""
    found = {}
    for coin in coins:
        scenario = calm(coin, seconds=seconds, priors=priors)
        lot_usd = scenario.grid[0][1] * scenario.open_usd[0]
        markets = len(scenario.venues) if coin == coins[0] else 1
        found[coin] = take_census(scenario, 1, depths_usd(scenario)[:markets] / lot_usd)
    return found


def book_rows(coin: str, census: Census, priors: Priors) -> Iterator[Row]:
    """Yield the figures of one market."""
    where = f"{coin} {census.venue}"
    stated = priors.coins[coin].depth_1pct_usd * priors.venues[census.venue] / 1e6
    near = 0.1**priors.liquidity.kappa * stated
    yield Row(f"{where}: spread, ticks", census.spread_ticks, math.nan, "one tick", (1, 1), 0)
    if where in SPREADS_BP:
        yield Row(f"{where}: spread, bp", census.spread_bp, math.nan, f"{SPREADS_BP[where]} at another price", None, 3)
    for name, share, wanted in zip(("0.1%", "1%"), census.depth, (near, stated), strict=True):
        bounds = (0.8 * wanted, 1.2 * wanted)
        yield Row(f"{where}: depth {name}, $M", share * stated, math.nan, f"{wanted:.3g}, as stated", bounds, 2)
    yield Row(f"{where}: gone after a minute, of value", census.gone_per_minute, math.nan, "0.21 cancelled", REFILL, 3)
    yield Row(f"{where}: new after a minute, of value", census.new_per_minute, math.nan, "0.21 inserted", REFILL, 3)


def lifetime_rows(census: Census, priors: Priors) -> Iterator[Row]:
    """Yield how long orders live, of one market."""
    median, p90 = np.quantile(census.lifetimes_s, [0.5, 0.9])
    stated = stated_lifetimes_s(priors, [0.5, 0.9])
    value_s = 60.0 / census.gone_per_minute
    yield Row("lifetime of resting value, s", value_s, math.nan, "286: a minute over 0.21", LIFETIME_S, 0)
    yield Row("lifetime of an order, median, s", median, math.nan, f"drawn: {stated[0]:.0f} (assumed)", None, 0)
    yield Row("lifetime of an order, p90, s", p90, math.nan, f"drawn: {stated[1]:.0f} (assumed)", None, 0)
    posted = census.inserted_per_minute
    yield Row("posted in a minute, lived on or not, of value", posted, math.nan, "", None, 3)


# ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; return the exit status."""
    options = parse(arguments)
    priors, seeds = load_priors(), range(1, options.seeds + 1)
    fast = impulse_responses(calm(seconds=DAY_S, priors=priors), [Sale(size) for size in SIZES], seeds, options.threads)
    books = censuses(priors, COINS[:1] if options.quick else COINS, 600 if options.quick else 3600)
    rows = [row for r in fast for row in fall_rows(r, walked(priors, r.sale, seeds, options.threads))]
    rows += [row for response in fast for row in left_rows(response)]
    rows += [control_row(priors, seeds, options.threads)]
    for coin, found in books.items():
        rows += [row for census in found for row in book_rows(coin, census, priors)]
    rows += lifetime_rows(books["BTC"][0], priors)
    slow = slow_responses(priors, seeds, options.threads)
    report(rows, fast, slow)
    print("\nLeft of the 1/2 sale, over the priors of learning:")
    grid = sensitivity(range(1, min(12, options.seeds) + 1), options.threads, options.quick)
    write(options.out, rows, fast, slow, grid)
    return 0 if all(row.within for row in rows) else 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, help="runs of each sale (40; 4 with --quick)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few seeds, one coin, four corners of the priors")
    parser.add_argument("--out", type=Path, default=Path("cascade-out/impulse_response"), help="where to write")
    options = parser.parse_args(arguments)
    options.seeds = options.seeds or (4 if options.quick else 40)
    if options.seeds < 2:
        parser.error(f"--seeds must be at least 2, got {options.seeds}: standard errors are over seeds")
    return options


def report(rows: Sequence[Row], fast: Sequence[Response], slow: Sequence[Response]) -> None:
    """Print the table, and how slow sales compare with fast ones."""
    print(f"{'':<46} {'measured':>15}  {'evidence':<40} {'must lie in':>13}  verdict")
    for row in rows:
        print(row.line())
    print("\nThe same sale made slowly: fall of the best bid at its end, of R one second and ten minutes later, bp")
    for response in sorted([*fast, *slow], key=lambda r: (r.sale.over_depth, r.sale.seconds)):
        fall, error = response.immediate
        soon, later = (response.left(after_s)[0] * fall * 1e4 for after_s in (1, 600))
        name = f"{size_name(response.sale.over_depth)}, over {response.sale.seconds} s"
        print(f"  {name:<24} {fall * 1e4:6.1f} ± {error * 1e4:.1f} {soon:9.1f} {later:9.1f}")


def write(out: Path, rows: list[Row], fast: list[Response], slow: list[Response], grid: list[dict]) -> None:
    """Write the figures as JSON, and the picture."""
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "seeds": len(fast[0].bid_fall),
        "figures": [row.plain() for row in rows],
        "sales": [plain_sale(response) for response in [*fast, *slow]],
        "sensitivity": grid,
    }
    (out / "impulse_response.json").write_text(json.dumps(document, indent=1) + "\n")
    with style():
        draw(fast, slow, load_priors()).savefig(out / "impulse_response.png")
    print(f"\nWritten to {out}")


def plain_sale(response: Response) -> dict:
    """Return a response in plain numbers: falls as logarithms, shares left of R and of the index."""
    known = response.reference_fall.shape[1] - response.sale.stop_s
    left = {
        price: {name: response.left(after_s, price) for name, after_s in AFTER_S.items() if after_s <= known}
        for price in ("reference", "index")
    }
    return {**asdict(response.sale), "implied_fall": response.implied_fall, "fall": response.immediate, "left": left}


if __name__ == "__main__":
    sys.exit(main())
