"""T7: impact that decays between the rounds of a cascade."""

import math

import numpy as np

from cascade.config import Mechanisms
from cascade.scenario import Scenario
from cascade.state import N_TAPE
from cascade.validation.law import Check, Control, Curve, Law, mean_check, standard_error
from cascade.validation.worlds import bids, falls, half_life_h, longs, poisson_falls, run, theory_world

PER_TICK = 10
KEPT = 0.5  # a: what a round leaves of the deviation
LEARNING = Mechanisms(stops=False, withdrawal=False, arbitrage=False, openings=False, learning=True)
FORGETFUL = Mechanisms(stops=False, withdrawal=False, arbitrage=False, openings=False, learning=False)


def decaying_impact(quick: bool) -> Law:
    """Return T7: a second round needs g > 1 - a, a runaway g >= (1 + sqrt(1 - a))**2."""
    rng, n = np.random.default_rng(110), 24 if quick else 48
    edge = (1.0 + math.sqrt(1.0 - KEPT)) ** 2
    strengths = (0.4, 0.7, 1.0, 1.4, 1.8)
    measured = {g: measure(shocked(rng, n, g, 1000, 1, 6000, LEARNING)) for g in strengths}
    highest = {g: lowest / 1000 for g, (lowest, _) in measured.items()}
    forgot = measure(shocked(rng, n, 1.8, 1000, 1, 6000, FORGETFUL))[0] / 1000
    below, above = (
        (measure(shocked(rng, n, g, 150, 5, 12_000, LEARNING))[0] > 11_400).astype(np.float64)
        for g in (edge - 0.5, edge + 0.2)
    )
    line = np.linspace(0.0, 2.0, 201)
    return Law(
        title="Decaying impact",
        set_up="a whale is liquidated, others at Poisson thresholds; the ladder is laid anew in each round around a "
        f"mid that keeps a = {KEPT} of its fall; {n} runs for each g",
        theory=f"second round only if g > 1-a = {1 - KEPT}; runaway only if g >= (1+sqrt(1-a))^2 = {edge:.3f}",
        formula=r"$x_{n+1} = a x_n + g\,(x_n - x_{n-1})$",
        checks=(
            Check("second-round liquidations at g = 0.4", 0.0, *worst(measured[0.4][1]), 0.0),
            mean_check("second-round liquidations at g = 0.7", 0.7 * 10 * 200, measured[0.7][1]),
            mean_check("largest fall over the shock at g = 1", largest_fall(1.0), highest[1.0]),
            mean_check("largest fall over the shock at g = 1.8", largest_fall(1.8), highest[1.8]),
            Check(f"runaways at g = {edge - 0.5:.2f}, share", 0.0, *worst(below), 0.0),
            Check(f"runaways at g = {edge + 0.2:.2f}, share", 1.0, float(above.mean()), 1.0 - float(above.min()), 0.0),
        ),
        control=Control(
            "providers who do not follow the fall (a = 0)",
            mean_check("largest fall over the shock at g = 1.8", largest_fall(1.8), forgot),
        ),
        curve=Curve(
            r"$g = \lambda \rho$",
            "largest fall over the shock",
            np.array(strengths),
            np.array([highest[g].mean() for g in strengths]),
            np.array([standard_error(highest[g]) for g in strengths]),
            line,
            np.array([largest_fall(g) for g in line]),
            *(np.array([1.8]), np.array([forgot.mean()])),
        ),
    )


def shocked(
    rng: np.random.Generator, n: int, g: float, shock: int, size: int, longest: int, mechanisms: Mechanisms
) -> Scenario:
    """Return a scenario in which a whale, breached at the open, moves the price by `shock` ticks."""
    whale = longs(np.zeros(1, np.int64), shock * PER_TICK)
    accounts = [
        np.concatenate([whale, longs(poisson_falls(rng, g * PER_TICK / size, longest), size)]) for _ in range(n)
    ]
    ladder = bids(lambda ticks: PER_TICK * ticks, round(1.5 * longest))
    return theory_world(
        [ladder],
        accounts,
        seconds=60,
        laid="every step",
        mechanisms=mechanisms,
        priors={"learning": (KEPT, half_life_h(KEPT))},
    )


def measure(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Return each market's largest fall, ticks, and how many positions it liquidated in the round after the first."""
    world = run(scenario)
    tape = world.records.tape[: int(world.counters.n[N_TAPE])]
    second = np.bincount(tape["market"][tape["step"] == 2], minlength=len(world.markets))
    return falls(world).max(axis=0), second.astype(np.float64)


def largest_fall(g: float, kept: float = KEPT) -> float:
    """Return the largest fall over the shock: `x <- a x + g (new liquidations)`, until a round brings no new low."""
    before, now = 0.0, 1.0
    while now > before:
        before, now = now, kept * now + g * (now - before)
    return before


def worst(values: np.ndarray) -> tuple[float, float]:
    """Return the mean, and the largest value: the error of what must be nothing in every run."""
    return float(values.mean()), float(values.max())
