"""Laws of a book that nobody refills: T1, T5, T6. Each round of liquidations takes a step; the last one is the fall."""

import math

import numpy as np

from cascade.validation.law import Control, Curve, Law, exact_check, mean_check
from cascade.validation.worlds import (
    bids,
    falls,
    longs,
    orders_at,
    poisson_falls,
    run,
    theory_world,
    without_cascade,
)

STEPS = 150  # rounds; the last ones bring nothing new


# ── T1 ───────────────────────────────────────────────────────────────────────────────────────────────────────
def static_fall(quick: bool) -> Law:
    """Return T1: a sale into any static book ends where the book holds the sale and what it liquidates on the way."""
    rng, n, sold = np.random.default_rng(101), 32 if quick else 128, 9000
    drawn = [random_case(rng) for _ in range(n)]
    books, accounts = zip(*((book, longs(at, lots)) for book, at, lots in drawn), strict=True)
    world = theory_world(books, accounts, [(0, 1, sold)], STEPS)
    end, without = falls(run(world))[-1], falls(run(without_cascade(world)))[-1]
    predicted = np.array([first_fall(*case, sold) for case in drawn])
    shown = np.array([predicted.min() * 0.9, predicted.max() * 1.1])
    return Law(
        title="Fall into a static book",
        set_up=f"{n} random books of 12,000 ticks, 600 random longs each; a sale of {sold:,} lots",
        theory="inf{u: D(u) >= Q + L(u)}, to a tick",
        formula=r"$\inf\{u: D(u) \geq Q + L(u)\}$",
        checks=(exact_check("fall, ticks (± largest difference)", predicted, end, 1.0),),
        control=Control("liquidations kept out of the book", mean_check("fall over theory", 1.0, without / predicted)),
        curve=Curve(
            "fall by theory, ticks",
            "fall of the engine, ticks",
            *(predicted, end, np.zeros(n), shown, shown, predicted, without),
            log_x=True,
            log_y=True,
        ),
    )


def random_case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a random book with gaps, and the thresholds and sizes of random longs; the book holds them all."""
    deepest = 12_000
    shape = (np.arange(1, deepest + 1) / deepest) ** rng.uniform(0.0, 1.0)
    lots = rng.integers(1, 60, deepest) * (rng.random(deepest) < 0.7) * shape
    book = orders_at(-np.arange(1, deepest + 1), np.rint(lots))
    sizes = 1 + np.minimum(rng.lognormal(4.5, 1.2, 600), 4000).astype(np.int64)
    scale = min(1.0, 0.8 * book["lots"].sum() / sizes.sum())
    return book, rng.integers(1, deepest, 600), 1 + np.floor(scale * sizes).astype(np.int64)


def first_fall(book: np.ndarray, at: np.ndarray, lots: np.ndarray, sold: int) -> float:
    """Return the least fall, in ticks, down to which the book holds the sale and what is liquidated on the way."""
    ticks = 1 + max(-book["offset"].min(), at.max())
    depth = np.cumsum(np.bincount(-book["offset"], book["lots"], ticks))
    liquidated = np.cumsum(np.bincount(at, lots, ticks))
    holds = depth >= sold + liquidated
    return float(np.argmax(holds)) if holds.any() else math.inf


# ── T5 ───────────────────────────────────────────────────────────────────────────────────────────────────────
def square_root(quick: bool) -> Law:
    """Return T5: square-root impact amplifies, and is never critical."""
    rng, n = np.random.default_rng(105), 24 if quick else 96
    alone, c = 2000, 400.0  # X0 and c: D(u) = u**2 / c lots
    sold = round(alone**2 / c)
    strengths = (0.25, 1.0, 3.0)
    ratios = {}
    for k in strengths:
        size = round(10 * max(1.0, k))
        accounts = [longs(poisson_falls(rng, 2 * alone * k / c / size, 20_000), size) for _ in range(n)]
        ratios[k] = falls(run(theory_world([bids(lambda u: u**2 / c, 25_000)], accounts, [(0, 1, sold)], STEPS)))[-1]
    linear = bids(lambda u: sold * u / alone, 25_000)
    critical = [longs(poisson_falls(rng, 2 * alone / c / 10, 20_000), 10) for _ in range(n)]
    runaway = falls(run(theory_world([linear], critical, [(0, 1, sold)], STEPS)))[-1] / alone
    checks = [mean_check(f"X / X0 at k = {k:g}", amplified(k), ratios[k] / alone) for k in strengths]
    line = np.linspace(0.0, 3.3, 100)
    return Law(
        title="Square-root impact",
        set_up=f"book D(u) = u^2/c, longs at Poisson thresholds; {n} runs for each k = c dens / (2 X0)",
        theory="X / X0 = k + sqrt(1 + k^2): never critical",
        formula=r"$X / X_0 = k + \sqrt{1 + k^2}$",
        checks=tuple(checks),
        control=Control(
            "a linear book that holds Q at X0, at k = 1", mean_check("X / X0 at k = 1", amplified(1.0), runaway)
        ),
        curve=Curve(
            r"$k = c\,\rho / (2 X_0)$",
            r"$X / X_0$",
            np.array(strengths),
            np.array([check.simulated for check in checks]),
            np.array([check.error for check in checks]),
            line,
            amplified(line),
            *(np.array([1.0]), np.array([runaway.mean()])),
        ),
    )


def amplified(k):
    """Return the fall over the sale's own, under square-root impact."""
    return k + np.sqrt(1.0 + np.square(k))


# ── T6 ───────────────────────────────────────────────────────────────────────────────────────────────────────
def metastable(quick: bool) -> Law:
    """Return T6: where the book is thin near the touch, the smallest sale ends at a fall that does not hang on it."""
    rng, n = np.random.default_rng(106), 32 if quick else 128
    density, root, size = 10.0, 6000, 10  # lots at stake in a tick; (dens / B)**(1 / (kappa - 1)); lots
    small = 6  # lots sold
    ends = {}
    for kappa in (1.5, 2.0, 1.0):
        # at kappa = 1 twice as much depth as is at stake: the control
        depth = density * root ** (1.0 - kappa) * (2.0 if kappa == 1.0 else 1.0)
        book = bids(lambda u, depth=depth, kappa=kappa: depth * u**kappa, 12_000)
        accounts = [longs(poisson_falls(rng, density / size, 10_000), size) for _ in range(n)]
        for sold in (small, 60, 600):
            world = theory_world([book], accounts, [(0, 1, sold)], STEPS)
            ends[kappa, sold] = falls(run(world))[-1]
    sales = np.array([small, 60, 600])
    line = np.geomspace(3, 1000, 60)
    shown = [ends[1.5, sold] for sold in sales]
    return Law(
        title="Metastable book",
        set_up=f"book D(u) = B u^kappa, longs at Poisson thresholds, a sale of {small} lots; {n} runs",
        theory="as Q -> 0 the fall stays at (dens/B)^(1/(kappa-1))",
        formula=r"$X \to (\rho/B)^{1/(\kappa-1)}$ as $Q \to 0$",
        checks=tuple(mean_check(f"fall at kappa = {kappa}, ticks", root, ends[kappa, small]) for kappa in (1.5, 2.0)),
        control=Control("a book with kappa = 1", mean_check("fall at kappa = 1, ticks", root, ends[1.0, small])),
        curve=Curve(
            "sale, lots",
            "fall, ticks",
            sales.astype(np.float64),
            np.array([fall.mean() for fall in shown]),
            np.array([fall.std(ddof=1) / math.sqrt(n) for fall in shown]),
            line,
            np.array([upper_root(density * root**-0.5, 1.5, density, sold) for sold in line]),
            *(sales.astype(np.float64), np.array([ends[1.0, sold].mean() for sold in sales])),
            log_x=True,
            log_y=True,
        ),
    )


def upper_root(depth: float, kappa: float, density: float, sold: float) -> float:
    """Return the largest fall at which the book holds the sale and what it liquidates, by Newton's method."""
    fall = (density / depth) ** (1.0 / (kappa - 1.0)) + 2.0 * sold / density + 1.0
    for _ in range(50):
        fall -= (depth * fall**kappa - sold - density * fall) / (kappa * depth * fall ** (kappa - 1.0) - density)
    return fall
