"""What a sale does to the price, what stays of it, and that prices diffuse where there is no shock."""

import math

import numpy as np

from cascade.config import Mechanisms, load_priors
from cascade.engine import simulate
from cascade.response import Response, Sale, calm, impulse_responses
from cascade.scenario import Scenario, load_venues
from cascade.validation.law import Check, Control, Curve, Law, exact_check, mean_check, standard_error
from cascade.validation.worlds import bids, falls, run, theory_world

LEARNING = Mechanisms(stops=False, withdrawal=False, arbitrage=False, openings=False, learning=True)
SALES = [Sale(over_depth, stop_s=600) for over_depth in (0.1, 0.5, 2.0)]  # of the depth within 1%
KAPPA, LOTS = load_priors().liquidity.kappa, 50.0  # D(u) = LOTS u**KAPPA, u in ticks


def lone_book(seconds: int, learning: dict | None = None, flow: dict | None = None) -> Scenario:
    """Return the shipped world in calm, of one Bitcoin book."""
    priors = load_priors().changed(learning=learning or {}, flow=flow or {})
    return calm(seconds=seconds, priors=priors).changed(venues=load_venues(["binance"]))


# ── how far ──────────────────────────────────────────────────────────────────────────────────────────────────
def metaorder(quick: bool) -> Law:
    """Return the fall under a sale as a function of its size, in one order and in slices."""
    share, half_life, slice_fall = 0.95, 1.5, 200
    single = np.array([25, 50, 100, 200, 400, 800])
    lots = np.rint(LOTS * single**KAPPA).astype(int)
    one = np.array([sold(int(q), 1, share, half_life)[0] for q in lots])
    linear = np.array([sold(int(q), 1, share, half_life, 1.0)[0] for q in lots])
    slices = np.array([3, 10, 30, 100, 300, 1000] if not quick else [3, 10, 30, 100, 300])
    q = round(LOTS * slice_fall**KAPPA)
    ends = np.array([sold(q, int(n), share, half_life)[-1] for n in slices])
    predicted = np.array([peak(slice_fall, int(n), share, half_life) for n in slices])
    shipped = impulse_responses(lone_book(660), SALES, range(1, 81 if quick else 321))
    return Law(
        title="Impact of a sale by its size",
        set_up=f"book D(u) = B u^{KAPPA} laid anew in each second; slices of D({slice_fall}) lots; and the shipped "
        f"book, {len(shipped[0].bid_fall)} seeds",
        theory="i(q) = (q/B)^(1/kappa); n slices: i + share i sum_k (1-theta)^k",
        formula=r"$(q / B)^{1/\kappa}$",
        checks=(
            exact_check("fall under one order, ticks (± largest difference)", single, one, 1.0),
            exact_check("fall under n slices over theory (± largest difference)", ends / ends, ends / predicted, 1e-3),
            slope_check(shipped[1], shipped[2]),
        ),
        beside=(
            *(profile_check(response) for response in shipped),
            Check(
                "exponent of the fall in the number of slices, 10 to 100 (markets: 0.5)",
                0.5,
                math.log(ends[3] / ends[1]) / math.log(slices[3] / slices[1]),
                0.0,
            ),
        ),
        control=Control(
            "a book with kappa = 1 of the same depth at 200 ticks (± largest difference)",
            exact_check("fall under one order, ticks", single, linear, 1.0),
        ),
        curve=Curve(
            r"lots sold $/\ B$",
            "fall, ticks",
            lots / LOTS,
            one,
            np.zeros(len(one)),
            *(np.geomspace(20, 4000, 50), np.geomspace(20, 4000, 50) ** (1 / KAPPA), lots / LOTS, linear),
            log_x=True,
            log_y=True,
        ),
    )


def sold(lots: int, slices: int, share: float, half_life: float, kappa: float = KAPPA) -> np.ndarray:
    """Return the falls, ticks, at the end of each second in which a slice is sold."""
    depth = LOTS * 200.0 ** (KAPPA - kappa)
    ladder = bids(lambda u: depth * u**kappa, 2500 if slices == 1 else 260)
    world = theory_world(
        [ladder],
        sales=[(0, slices, lots)],
        seconds=slices,
        laid="every step",
        mechanisms=LEARNING,
        priors={"learning": (share, half_life)},
    )
    return falls(run(world))[:, 0]


def peak(slice_fall: float, slices: int, share: float, half_life: float) -> float:
    """Return the fall at the last slice: its own, and what providers have learned from those before."""
    kept = 0.5 ** (1.0 / (3600.0 * half_life))
    return slice_fall * (1.0 + share * (1.0 - kept ** (slices - 1)) / (1.0 - kept))


def profile_check(response: Response) -> Check:
    """Return the fall of the shipped book over that of its mean profile."""
    what = f"fall of the shipped book over its mean profile's, sale of {response.sale.over_depth:g}"
    return mean_check(what, 1.0, response.bid_fall / response.implied_fall)


def slope_check(small: Response, large: Response) -> Check:
    """Return the check of d ln(fall) / d ln(size) between two sales, which meet the same books."""
    factor = math.log(large.sale.over_depth / small.sale.over_depth)
    slope = math.log(large.bid_fall.mean() / small.bid_fall.mean()) / factor
    scatter = large.bid_fall / large.bid_fall.mean() - small.bid_fall / small.bid_fall.mean()
    theory = math.log(large.implied_fall / small.implied_fall) / factor
    return Check("slope of log fall in log size, shipped book", theory, slope, standard_error(scatter) / factor)


# ── how long ─────────────────────────────────────────────────────────────────────────────────────────────────
def decay(quick: bool) -> Law:
    """Return what stays of a sale's fall after minutes and hours, against `share` and `theta`."""
    seeds, steps = range(1, 41 if quick else 121), 11_500
    asked = {"a minute": 60, "10 minutes": 600, "an hour": 3600, "3 hours": 10_800}
    checks, measured = [], {}
    for share, half_life in ((0.95, 1.5), (0.7, 6.0)):
        world = lone_book(steps, {"share": share, "half_life_h": half_life})
        (response,) = impulse_responses(world, [Sale(0.5)], seeds)
        measured[share] = response
        for name, after in asked.items():
            what = f"share left after {name}, share {share}, half-life {half_life:g} h"
            checks.append(Check(what, float(stays(share, half_life, after)), *response.left(after, "index")))
    (forgotten,) = impulse_responses(lone_book(1300).without("learning"), [Sale(0.5)], seeds)
    at = np.unique(np.geomspace(1, 10_800, 40).astype(int))
    left = np.array([measured[0.95].left(int(after), "index") for after in at])
    return Law(
        title="What stays of a sale",
        set_up=f"the shipped book and flow; a sale of half the 1% depth against a twin without; {len(seeds)} seeds",
        theory="share (1 - theta)^t",
        formula=r"share $(1 - \theta)^t$",
        checks=tuple(checks),
        control=Control(
            "providers who do not learn",
            Check("share left after 10 minutes", float(stays(0.95, 1.5, 600)), *forgotten.left(600, "index")),
        ),
        curve=Curve(
            "seconds after the sale",
            "share of the fall that is left",
            *(at.astype(np.float64), left[:, 0], left[:, 1], at.astype(np.float64), stays(0.95, 1.5, at)),
            *(at[at <= 600].astype(np.float64), np.array([forgotten.left(int(k), "index")[0] for k in at[at <= 600]])),
            log_x=True,
        ),
    )


def stays(share: float, half_life: float, after_s):
    """Return the share of a fall that is left some seconds after the second of the sale."""
    return share * 0.5 ** ((np.asarray(after_s) - 1) / (3600.0 * half_life))


# ── no shock ─────────────────────────────────────────────────────────────────────────────────────────────────
BASE_S, LONG = 60, 10  # variances over ten minutes against one


def diffusion(quick: bool) -> Law:
    """Return that prices moved by flow alone diffuse where nothing is forgotten, and revert as `theta` says."""
    seeds, never = range(1, 49 if quick else 129), 1e6
    still = {"value_bp_per_sqrt_s": 0.0}  # the value rests: all moves are those of flow
    ratios, longer = {}, (2, 5, 10, 20, 30)
    for half_life in (never, 1.5, 0.1):
        world = lone_book(86_400, {"half_life_h": half_life}, still)
        ratios[half_life] = np.array([variance_ratios(world, seed, longer) for seed in seeds])
    at = longer.index(LONG)
    line = np.arange(1, 31)
    return Law(
        title="Variance ratio without shocks",
        set_up=f"the shipped book and flow, the value at rest; {len(seeds)} days of one-minute moves",
        theory="variance ratio 1 where nothing is forgotten; (1-e^-x)/x, x = theta t, where it is",
        formula="1 for a random walk",
        checks=tuple(
            mean_check(f"ten minutes over one, half-life {name}", ratio_of(half_life, LONG), ratios[half_life][:, at])
            for half_life, name in ((never, "infinite"), (1.5, "1.5 h"))
        ),
        beside=(mean_check("ten minutes over one, half-life 6 minutes", ratio_of(0.1, LONG), ratios[0.1][:, at]),),
        control=Control(
            "a half-life of 6 minutes held against 1", mean_check("ten minutes over one", 1.0, ratios[0.1][:, at])
        ),
        curve=Curve(
            "lag, minutes",
            "variance ratio",
            np.array(longer, np.float64),
            ratios[never].mean(axis=0),
            np.array([standard_error(column) for column in ratios[never].T]),
            line.astype(np.float64),
            np.array([ratio_of(never, float(q)) for q in line]),
            *(np.array(longer, np.float64), ratios[0.1].mean(axis=0)),
        ),
    )


def ratio_of(half_life_h: float, q: float) -> float:
    """Return the variance of an Ornstein-Uhlenbeck move over `q` lags over `q` times that over one."""
    theta = math.log(2.0) / (3600.0 * half_life_h) * BASE_S
    return math.expm1(-theta * q) / (q * math.expm1(-theta))


def variance_ratios(world: Scenario, seed: int, longer: tuple[int, ...]) -> list[float]:
    """Return the variance ratios of a day, unbiased for a random walk (Lo and MacKinlay, 1988)."""
    path = np.log(simulate(world, seed).index_usd[0][BASE_S - 1 :: BASE_S])
    n, drift = len(path) - 1, (path[-1] - path[0]) / (len(path) - 1)
    short = ((np.diff(path) - drift) ** 2).sum() / (n - 1)
    ratios = []
    for q in longer:
        moved = path[q:] - path[:-q] - q * drift
        ratios.append((moved**2).sum() / (q * (n - q + 1) * (1 - q / n)) / short)
    return ratios
