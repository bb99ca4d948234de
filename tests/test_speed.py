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
ROUNDS = 8  # the machine is half as fast at times: the least of some runs is the loop's own


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


def loop_s(scenario: Scenario) -> tuple[float, int]:
    world, _ = build_world(scenario, 1)
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    started = time.perf_counter()
    run_steps(world, 0, STEPS, warmup)
    return time.perf_counter() - started, int(world.accounts.opening[0])


def test_loop__costs_no_more_with_twice_the_positions_that_are_never_touched():
    one, two = scenario_with(2.2), scenario_with(5.4)  # four and nearly nine million
    times = np.array([[loop_s(one), loop_s(two)] for _ in range(ROUNDS)])
    positions = times[0, :, 1]
    assert positions[1] > 2.0 * positions[0]
    ratio = times[:, 1, 0].min() / times[:, 0, 0].min()
    assert ratio <= 1.05, f"the loop takes {ratio:.3f} times as long"


def day_s(scenario: Scenario) -> float:
    """Return how long it takes to draw a day's accounts and to run it, its warm-up left out."""
    started = time.perf_counter()
    world, _ = build_world(scenario, 1)
    drawn = time.perf_counter()
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    warm = time.perf_counter()
    run_steps(world, 0, scenario.seconds, warmup)
    return time.perf_counter() - warm + drawn - started


def test_day__with_a_million_cross_accounts_takes_at_most_1_3_times_as_long():
    event = load_event("2026-02-06")
    assumptions = fitted_assumptions(event.name)
    laws = None, default_cross().model_copy(update={"accounts": 1e6})
    days = [reconstruct(event, assumptions=assumptions.model_copy(update={"cross": law})) for law in laws]
    times = np.array([[day_s(day) for day in days] for _ in range(ROUNDS)])
    ratio = times[:, 1].min() / times[:, 0].min()
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
