"""Laws of a linear book and thresholds at random: T2, T3, T4, and liquidations as a Hawkes process."""

from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, zeta

from cascade.scenario import Scenario
from cascade.state import N_TAPE, World
from cascade.validation.law import Check, Control, Curve, Law, mean_check, standard_error, variance_check
from cascade.validation.worlds import (
    bids,
    falls,
    longs,
    poisson_falls,
    run,
    theory_world,
    without_cascade,
)

PER_TICK = 10  # lots in a tick of the linear book: `lam` is 1 / PER_TICK


def linear_book(ticks: int) -> np.ndarray:
    """Return a book with as many lots in every tick."""
    return bids(lambda lots: PER_TICK * lots, ticks)


# ── T2 ───────────────────────────────────────────────────────────────────────────────────────────────────────
def linear_impact(quick: bool) -> Law:
    """Return T2: linear impact and a uniform density are a geometric series, round by round, and run away at g = 1."""
    rng, n, first, size = np.random.default_rng(102), 40 if quick else 160, 1000, 4
    longest = 12_000
    book, rounds, without = linear_book(longest + 1000), {}, {}
    for g in (0.5, 0.8, 1.1):
        accounts = [longs(poisson_falls(rng, g * PER_TICK / size, longest), size) for _ in range(n)]
        world = theory_world([book], accounts, [(0, 1, first * PER_TICK)], 120)
        rounds[g] = falls(run(world))
        if g < 1.0:
            without[g] = falls(run(without_cascade(world)))
    ran_away = (rounds[1.1][-1] >= longest).astype(np.float64)
    steps = np.arange(0, 16)
    shown = rounds[0.8][steps]
    return Law(
        title="Linear impact, uniform density",
        set_up=f"{PER_TICK} lots in every tick, longs of {size} lots at Poisson thresholds; {n} runs for each g",
        theory="x0 (1 - g^(n+1)) / (1 - g) after n rounds; runs away at g >= 1",
        formula=r"$x_0\,(1 - g^{n+1}) / (1 - g)$",
        checks=(
            *(mean_check(f"g = 0.5, {k} rounds", float(series(first, 0.5, k)), rounds[0.5][k]) for k in (0, 1, 2, 4)),
            mean_check("g = 0.5, the end", first / 0.5, rounds[0.5][-1]),
            mean_check("g = 0.8, 5 rounds", float(series(first, 0.8, 5)), rounds[0.8][5]),
            mean_check("g = 0.8, the end", first / 0.2, rounds[0.8][-1]),
            Check("g = 1.1, share of runs past all longs", 1.0, float(ran_away.mean()), float(1 - ran_away.min()), 0.0),
        ),
        control=Control(
            "liquidations kept out of the book", mean_check("g = 0.5, the end", first / 0.5, without[0.5][-1])
        ),
        curve=Curve(
            "round",
            "fall at g = 0.8, ticks",
            steps.astype(np.float64),
            shown.mean(axis=1),
            np.array([standard_error(row) for row in shown]),
            steps.astype(np.float64),
            series(first, 0.8, steps),
            *(steps.astype(np.float64), without[0.8][steps].mean(axis=1)),
        ),
    )


def series(first: float, g: float, rounds):
    """Return the sum of a geometric series after so many rounds."""
    return first * (1.0 - g ** (np.asarray(rounds) + 1)) / (1.0 - g)


# ── episodes: independent cascades one after the other, each in prices that were not visited yet ──────────────
def episodes(
    rng: np.random.Generator,
    per_tick: float,
    sizes: Callable[[int], np.ndarray],
    sold: int,
    layout: tuple[int, int, int, int],
) -> Scenario:
    """Return equal sales: `layout` is markets, sales in each, steps from one to the next, ticks that they may fall."""
    markets, count, gap, longest = layout
    thresholds = [poisson_falls(rng, per_tick, longest) for _ in range(markets)]
    accounts = [longs(at, sizes(len(at))) for at in thresholds]
    return theory_world([linear_book(longest + 2000)], accounts, [(0, gap * count, sold, gap)], gap * count)


def moves(world: World, gap: int) -> np.ndarray:
    """Return the fall of every episode, ticks, (episodes, markets)."""
    return np.diff(falls(world)[gap - 1 :: gap], axis=0, prepend=0.0)


def counts(world: World, gap: int) -> np.ndarray:
    """Return the liquidations of every `gap` steps, (spans, markets)."""
    tape = world.records.tape[: int(world.counters.n[N_TAPE])]
    steps, markets = world.records.mark.shape
    cell = (tape["step"] // gap) * markets + tape["market"]
    return np.bincount(cell, minlength=-(-steps // gap) * markets).reshape(-1, markets)


# ── T3 ───────────────────────────────────────────────────────────────────────────────────────────────────────
def random_sizes(quick: bool) -> Law:
    """Return T3: mean and variance of the fall, and the number liquidated, with thresholds and sizes at random."""
    rng, first, gap = np.random.default_rng(103), 100, 50
    layout = (48, 150, gap, 45_000)
    moments: dict[float, tuple[list, list]] = {}
    ticks = np.arange(1, 8)  # what a position moves the price by: its size over the lots in a tick
    for g in (0.3, 0.5):
        per_tick = g / ticks.mean()
        moments[g] = [], []
        for _ in range(2 if quick else 6):
            scenario = episodes(rng, per_tick, lambda n: PER_TICK * rng.choice(ticks, n), first * PER_TICK, layout)
            world = run(scenario)
            moments[g][0].append(moves(world, gap).ravel())
            moments[g][1].append(counts(world, gap).ravel())
    without = moves(run(without_cascade(scenario)), gap).ravel()
    fall, count = {g: np.concatenate(x) for g, (x, _) in moments.items()}, np.concatenate(moments[0.5][1])
    spread = {g: first * (g / ticks.mean()) * np.mean(ticks**2) / (1 - g) ** 3 for g in fall}
    bins = np.arange(100, 420, 10)
    shares = np.histogram(fall[0.5], bins)[0] / len(fall[0.5]) / 10
    law = fall_law(first, 0.5 / ticks.mean(), ticks, bins[-1])
    line = np.add.reduceat(law[:-1], bins[:-1]) / 10
    middle = bins[:-1] + 4.5
    return Law(
        title="Poisson thresholds, sizes at random",
        set_up=f"{PER_TICK} lots a tick, longs of 10 to 70 lots at Poisson thresholds; {len(count):,} cascades each g",
        theory="E X = x0/(1-g), Var X = x0 nu lam^2 E s^2/(1-g)^3, E N = nu x0/(1-g)",
        formula=r"$P(x) = \frac{x_0}{x}\,P(S_x = x - x_0)$",
        checks=(
            mean_check("mean fall, g = 0.3, ticks", first / 0.7, fall[0.3]),
            variance_check("variance of the fall, g = 0.3", spread[0.3], fall[0.3]),
            mean_check("mean fall, g = 0.5, ticks", first / 0.5, fall[0.5]),
            variance_check("variance of the fall, g = 0.5", spread[0.5], fall[0.5]),
            mean_check("number liquidated, g = 0.5", 0.5 / ticks.mean() * first / 0.5, count),
        ),
        control=Control("liquidations kept out of the book", mean_check("mean fall, g = 0.5", first / 0.5, without)),
        curve=Curve(
            "fall, ticks",
            "share of cascades in a tick, g = 0.5",
            *(middle, shares, np.sqrt(shares / len(fall[0.5]) / 10), middle, line),
        ),
    )


def fall_law(first: int, per_tick: float, ticks: np.ndarray, longest: int) -> np.ndarray:
    """Return P(fall = x) for x up to `longest`: first / x times P(x ticks make x - first ticks more), Otter and Dwass.

    A tick of fall makes a compound Poisson number of ticks more; its law is Panjer's recursion.
    """
    x = np.arange(longest + 1)
    made = np.zeros((longest + 1, longest + 1))  # made[s, x]: probability that x ticks make s
    made[0] = np.exp(-per_tick * x)
    for more in range(1, longest + 1):
        jumps = ticks[ticks <= more]
        made[more] = per_tick * x / more / len(ticks) * (jumps[:, None] * made[more - jumps]).sum(axis=0)
    reached = np.arange(first, longest + 1)
    return np.concatenate([np.zeros(first), first / reached * made[reached - first, reached]])


# ── T4 ───────────────────────────────────────────────────────────────────────────────────────────────────────
LARGEST, TAIL_FROM = 1000, 10  # cluster sizes: counted up to, and from where the tail's exponent is fitted


def cluster_sizes(quick: bool) -> Law:
    """Return T4: the size of the cluster of one seed, whose liquidations have Poisson offspring, is Borel's law."""
    rng = np.random.default_rng(104)
    layout = (24, 560, 40, 4000)
    parts = [counts(run(clusters(rng, 0.5, layout)), 40) + 1 for _ in range(1 if quick else 4)]
    half = np.concatenate(parts).ravel()
    long = (64, 60, 400, 20_000)
    critical = np.concatenate([finished(run(clusters(rng, 1.0, long)), long) for _ in range(3 if quick else 9)])
    exponent, error = tail_exponent(critical)
    half_exponent, half_error = tail_exponent(half)
    n = len(half)
    sizes = np.unique(np.geomspace(1, LARGEST, 25).astype(np.int64))
    reached = np.array([(critical >= k).mean() for k in sizes])
    k = np.arange(1, LARGEST + 1)
    beyond = 1.0 - np.concatenate([[0.0], np.cumsum(borel(k, 1.0))[:-1]])
    asked = (1, 2) if quick else (1, 2, 3)
    return Law(
        title="Cluster sizes",
        set_up=f"each liquidation moves one tick, Poisson({{g}}) thresholds in a tick; {n:,} seeds at g = 0.5, "
        f"{len(critical):,} at g = 1".replace("{g}", "g"),
        theory="Borel: P(k) = exp(-gk) (gk)^(k-1) / k!; tail k^-1.5 at g = 1",
        formula=r"$P(k) = e^{-gk} (gk)^{k-1} / k!$",
        checks=(
            *(mean_check(f"P({k}) at g = 0.5", borel(k, 0.5), half == k) for k in asked),
            mean_check("mean size at g = 0.5", 2.0, half),
            mean_check("P(1) at g = 1", borel(1, 1.0), critical == 1),
            Check("exponent of the tail at g = 1", 1.5, exponent, error),
        ),
        control=Control("the tail at g = 0.5", Check("exponent of the tail", 1.5, half_exponent, half_error)),
        curve=Curve(
            "size k",
            "share of clusters of size k or more",
            *(sizes.astype(np.float64), reached, np.sqrt(reached * (1 - reached) / len(critical))),
            *(
                k.astype(np.float64),
                beyond,
                sizes[:12].astype(np.float64),
                np.array([(half >= k).mean() for k in sizes[:12]]),
            ),
            log_x=True,
            log_y=True,
        ),
    )


def clusters(rng: np.random.Generator, g: float, layout: tuple[int, int, int, int]) -> Scenario:
    """Return the scenario of seeds that move the price by one tick, as every liquidation does."""
    return episodes(rng, g, lambda n: np.full(n, PER_TICK), PER_TICK, layout)


def borel(k, g: float):
    """Return the probability that a cluster has `k` members, the seed included."""
    return np.exp(-g * k + (k - 1) * np.log(g * k) - gammaln(np.asarray(k) + 1.0))


def finished(world: World, layout: tuple[int, int, int, int]) -> np.ndarray:
    """Return cluster sizes, cut at LARGEST: of each market, those that began with room to grow and after none alive."""
    gap, longest = layout[2:]
    sizes = counts(world, gap) + 1
    begun_at = np.concatenate([np.zeros((1, sizes.shape[1])), falls(world)[gap - 1 :: gap][:-1]])
    outlived = counts(world, 1)[gap - 1 :: gap] > 0
    before = np.concatenate([np.zeros((1, sizes.shape[1])), np.cumsum(outlived, axis=0)[:-1]])
    return np.minimum(sizes, LARGEST)[(before == 0) & (begun_at < longest - 10 * LARGEST)]


def tail_exponent(sizes: np.ndarray) -> tuple[float, float]:
    """Return the exponent of a discrete power law from TAIL_FROM on, cut at LARGEST, by maximum likelihood."""
    tail = sizes[sizes >= TAIL_FROM]
    seen = tail[tail < LARGEST]
    h, cut, log_sum = 1e-3, len(tail) - len(seen), np.log(seen).sum()

    def misfit(exponent: float) -> float:
        rest = np.log(zeta(exponent, LARGEST)) if cut else 0.0
        return exponent * log_sum - cut * rest + len(tail) * np.log(zeta(exponent, TAIL_FROM))

    best = brentq(lambda exponent: misfit(exponent + h) - misfit(exponent - h), 1.01, 12.0)
    curvature = (misfit(best + h) - 2 * misfit(best) + misfit(best - h)) / h**2  # pyright: ignore
    return float(best), float(curvature**-0.5)  # pyright: ignore[reportArgumentType]
