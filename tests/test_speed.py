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
WARM_WORDS = 100_000_000  # of memory that is touched first: a virtual machine takes seconds to fetch what it gave back


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


def times_of(scenario: Scenario, steps: int) -> list[float]:
    """Return how long it takes to draw a day's accounts, then every hour of its loop; memory is touched before both."""
    np.ones(WARM_WORDS)
    started = time.perf_counter()
    world, _ = build_world(scenario, 1)
    times = [time.perf_counter() - started]
    np.ones(WARM_WORDS)
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    for first in range(0, steps, HOUR):
        started = time.perf_counter()
        run_steps(world, first, first + HOUR, warmup)
        times.append(time.perf_counter() - started)
    return times


def ratio_of_days(one: Scenario, other: Scenario, parts: slice, steps: int, limit: float) -> float:
    """Return how many times as long `other` takes as `one`: each part by its fastest round, of more if over `limit`."""
    fastest, ratio, rounds = np.full((2, 1 + steps // HOUR), np.inf), np.inf, 0
    while rounds < ROUNDS or (ratio > limit and rounds < 4 * ROUNDS):
        fastest = np.minimum(fastest, [times_of(one, steps), times_of(other, steps)])
        times = fastest[:, parts].sum(axis=1)
        ratio, rounds = times[1] / times[0], rounds + 1
    return float(ratio)


def test_loop__costs_no_more_with_twice_the_positions_that_are_never_touched():
    days = [scenario_with(2.2), scenario_with(5.4)]
    positions = [build_world(day, 1)[1]["positions"] for day in days]  # four and nearly ten million
    assert positions[1] > 2.0 * positions[0]
    ratio = ratio_of_days(*days, slice(1, None), STEPS, 1.05)
    assert ratio <= 1.05, f"the loop takes {ratio:.3f} times as long"


def test_day__with_a_million_cross_accounts_costs_at_most_three_tenths_more():
    """Population and loop."""
    event = load_event("2026-02-06")
    assumptions = fitted_assumptions(event.name)
    laws = None, default_cross().model_copy(update={"accounts": 1e6})
    days = [reconstruct(event, assumptions=assumptions.model_copy(update={"cross": law})) for law in laws]
    ratio = ratio_of_days(*days, slice(0, None), 24 * HOUR, 1.3)
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
