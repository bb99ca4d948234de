"""Speed, as ratios within one process: absolute times belong to `cascade bench`."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cascade.assembly import build_world
from cascade.assumptions import default_cross
from cascade.facts import load_event
from cascade.kernels.loop import run_steps
from cascade.reconstruction import fitted_assumptions, reconstruct
from cascade.scenario import Scenario

pytestmark = pytest.mark.slow

STEPS = 21_600  # a quarter of the day: enough to time
ROUNDS, HOUR = 4, 3600  # a machine is slow for seconds at a time
WARM_WORDS = 100_000_000  # of memory that is touched before a day: what a virtual machine has to fetch costs more


def scenario_with(accounts_factor: float) -> Scenario:
    """The day without cross accounts, its remainder unlevered and so never touched, this many times as many of them."""
    event = load_event("2026-02-06")
    assumptions = fitted_assumptions(event.name)
    remainder = assumptions.remainder.model_copy(
        update={
            "leverages": (1.0,),
            "weights": (1.0,),
            "accounts": assumptions.remainder.accounts * accounts_factor,
            "cap_usd": assumptions.remainder.cap_usd / accounts_factor,
        }
    )
    return reconstruct(event, assumptions=assumptions.model_copy(update={"remainder": remainder, "cross": None}))


def times_of(scenario: Scenario, steps: int) -> tuple[list[float], int]:
    """Return how long it takes to draw a day's accounts, then every hour of its loop; and how many positions it has."""
    np.ones(WARM_WORDS)
    started = time.perf_counter()
    world, _ = build_world(scenario, 1)
    times = [time.perf_counter() - started]
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    for first in range(0, steps, HOUR):
        started = time.perf_counter()
        run_steps(world, first, first + HOUR, warmup)
        times.append(time.perf_counter() - started)
    return times, int(world.accounts.opening[0])


def timed(scenarios: list[Scenario], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the times by scenario and part of its day; and the positions of each scenario."""
    found = [times_of(scenario, steps) for scenario in scenarios]
    return np.array([times for times, _ in found]), np.array([positions for _, positions in found])


def test_loop__costs_no_more_with_twice_the_positions_that_are_never_touched():
    """By the best pair of rounds: where accounts come to lie in memory costs up to an eighth, of one or the other."""
    scenarios = [scenario_with(2.2), scenario_with(5.4)]  # four and nearly nine million
    rounds = [timed(scenarios, STEPS) for _ in range(ROUNDS)]
    positions = rounds[0][1]
    assert positions[1] > 2.0 * positions[0]
    one, two = np.array([times[:, 1:].sum(axis=1) for times, _ in rounds]).T
    ratio = (two / one).min()
    assert ratio <= 1.05, f"the loop takes {ratio:.3f} times as long"


def test_day__with_a_million_cross_accounts_costs_at_most_three_tenths_more():
    """Population and loop; each part of the day by its fastest round, of more rounds where the machine is noisy."""
    event = load_event("2026-02-06")
    assumptions = fitted_assumptions(event.name)
    laws = None, default_cross().model_copy(update={"accounts": 1e6})
    days = [reconstruct(event, assumptions=assumptions.model_copy(update={"cross": law})) for law in laws]
    fastest, rounds, ratio = np.full((2, 25), np.inf), 0, np.inf
    while rounds < ROUNDS or (ratio > 1.3 and rounds < 3 * ROUNDS):
        fastest, rounds = np.minimum(fastest, timed(days, 24 * HOUR)[0]), rounds + 1
        without, ours = fastest.sum(axis=1)
        ratio = ours / without
    assert ratio <= 1.3, f"the day takes {ratio:.2f} times as long"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core: nothing to gain from two threads")
def test_seeds__run_side_by_side_on_two_cores_with_the_same_bits():
    from cascade.engine import simulate

    scenario = reconstruct(load_event("2026-02-06"))
    simulate(scenario, 0)
    best = 0.0
    for _ in range(3):
        started = time.perf_counter()
        alone = [simulate(scenario, seed) for seed in (1, 2)]
        middle = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            together = list(pool.map(lambda seed: simulate(scenario, seed), (1, 2)))
        best = max(best, (middle - started) / (time.perf_counter() - middle))
        for one, other in zip(alone, together, strict=True):
            assert one.tape.tobytes() == other.tape.tobytes()
            assert one.index_usd.tobytes() == other.index_usd.tobytes()
    assert best >= 1.5, f"two threads are {best:.2f} times as fast; 1.7 and more where nothing else runs"
