"""Liquidations under a steady sale: a Hawkes process whose parents trigger children."""

import math

import numpy as np

from cascade.validation.branching import PER_TICK, counts, linear_book
from cascade.validation.law import Check, Control, Curve, Law, mean_check
from cascade.validation.worlds import longs, poisson_falls, run, theory_world, without_cascade

LAGS = 3  # seconds over which the fit looks for children; they come after one
MOVED = 5  # ticks by which a liquidation moves the price
WINDOW = 20  # seconds in which liquidations are counted


def hawkes(quick: bool) -> Law:
    """Return that liquidations under a steady sale are a Hawkes process, with branching ratio g."""
    rng, markets, seconds = np.random.default_rng(107), 16 if quick else 48, 20_000
    fitted, spread = {}, {}
    for g in (0.3, 0.5, 0.7):
        longest = round(seconds / (1 - g) * 1.15)
        accounts = [longs(poisson_falls(rng, g / MOVED, longest), MOVED * PER_TICK) for _ in range(markets)]
        world = theory_world([linear_book(longest)], accounts, [(0, seconds, PER_TICK)], seconds)
        by_second = counts(run(world), 1)
        fitted[g], spread[g] = branching_ratio(by_second), window_ratios(by_second)
    off = branching_ratio(counts(run(without_cascade(world)), 1))
    ratios = np.array(sorted(fitted))
    return Law(
        title="Clusters of liquidations in time",
        set_up=f"a seller moves the price a tick each second, every liquidation {MOVED} ticks; {markets} runs of "
        f"{seconds:,} s",
        theory="a Hawkes process: the fit's branching ratio is g, counts scatter as its children make them",
        formula=r"branching ratio $= g$",
        checks=(
            *(Check(f"branching ratio fitted, g = {g}", g, *fitted[g]) for g in ratios),
            *(
                mean_check(f"variance over mean in {WINDOW} s, g = {g}", expected_spread(g), spread[g])
                for g in (0.3, 0.5)
            ),
        ),
        control=Control("liquidations kept out of the book", Check("branching ratio, g = 0.7", 0.7, *off)),
        curve=Curve(
            r"$g = \lambda \rho$",
            "branching ratio of a Hawkes fit",
            ratios,
            np.array([fitted[g][0] for g in ratios]),
            np.array([fitted[g][1] for g in ratios]),
            *(np.array([0.0, 0.8]), np.array([0.0, 0.8]), np.array([0.7]), np.array([off[0]])),
        ),
    )


def branching_ratio(by_second: np.ndarray) -> tuple[float, float]:
    """Return the sum of the coefficients of an autoregression of all markets' counts, and its error over markets.

    This is the discrete form of a Hawkes fit that assumes no shape (M. Kirchner, Quantitative Finance 17, 2017). The
    error is the jackknife's, a market left out at a time.
    """
    squares, products = [], []
    for column in by_second.T.astype(np.float64):
        past = [column[LAGS - lag : len(column) - lag] for lag in range(1, LAGS + 1)]
        design = np.stack([*past, np.ones(len(column) - LAGS)], axis=1)
        squares.append(design.T @ design)
        products.append(design.T @ column[LAGS:])
    square, product, n = sum(squares), sum(products), len(squares)
    without = [np.linalg.solve(square - x, product - y)[:LAGS].sum() for x, y in zip(squares, products, strict=True)]
    error = np.std(without) * math.sqrt(n - 1)
    return float(np.linalg.solve(square, product)[:LAGS].sum()), float(error)


def window_ratios(by_second: np.ndarray) -> np.ndarray:
    """Return each market's variance over mean of counts in windows."""
    whole = by_second[: len(by_second) // WINDOW * WINDOW].reshape(-1, WINDOW, by_second.shape[1]).sum(axis=1)
    return whole.var(axis=0, ddof=1) / whole.mean(axis=0)


def expected_spread(g: float) -> float:
    """Return variance over mean of counts in windows, children coming after a second; in long ones 1 / (1 - g)**2."""
    lag = np.arange(1, WINDOW)
    return float((1.0 + 2.0 * ((1.0 - lag / WINDOW) * g**lag).sum()) / (1.0 - g**2))
