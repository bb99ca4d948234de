"""Cross accounts that sleep: no bed lies beyond what the marks allow, and none is looked at long before its time."""

import numpy as np
import pytest
from cross_worlds import Pair
from test_portfolios import with_cross
from worlds import as_offered

from cascade.assembly import build_world
from cascade.kernels.jit import kernel
from cascade.kernels.slack import outlook_of
from cascade.scenario import Scenario
from cascade.state import BEDS, N_CROSS_CHECKS, SLEEPING, World
from cascade.venues import list_venues


@kernel
def measure_reach(world, reach):
    """Write how far marks can move before each account can be breached, in moves of the first coin."""
    for p in range(len(world.cross.portfolios)):
        reach[p] = outlook_of(world, p, 0)[1]


def bed_and_reach(scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """Return the bed of every account, and its reach at the prices from which beds count."""
    world, _ = build_world(scenario, 1)
    cross, reach = world.cross, np.empty(len(world.cross.portfolios))
    world.markets["mark_usd"] = cross.opening_usd
    measure_reach(world, reach)
    bed = np.empty(len(reach), np.int64)
    bed[cross.sleepers] = np.repeat(np.arange(BEDS), np.diff(cross.beds))
    assert (cross.portfolios["status"] == SLEEPING).all()
    return bed, reach


@pytest.mark.parametrize("rules", sorted(set(list_venues()) - {"spot"}))
@pytest.mark.parametrize("times", (1, 100))
def test_bed__is_never_beyond_the_reach(rules, times):
    """Under every venue's rules, funding of a whole day ahead, in many brackets; and most sleep nearly so long."""
    scenario = as_offered(with_cross(2_000, seconds=86_400, median_usd=2e3 * times, cap_usd=5e4 * times).under(rules))
    assumptions = scenario.assumptions
    interest = {coin: times * usd for coin, usd in assumptions.open_interest_usd.items()}
    rest = assumptions.remainder.model_copy(update={"cap_usd": times * assumptions.remainder.cap_usd})
    update = {"open_interest_usd": interest, "remainder": rest}
    bed, reach = bed_and_reach(scenario.changed(assumptions=assumptions.model_copy(update=update)))
    sleeps = bed > 0
    assert (bed[sleeps] / BEDS <= reach[sleeps]).all()
    middling = (reach > 0.1) & (reach < 0.5)
    assert middling.sum() > 200
    assert np.median((bed[middling] + 1) / BEDS / reach[middling]) > 0.6


def pair_of(later: int = 0) -> Pair:
    """Return two worlds of drawn accounts, which go to bed so many beds later than their bounds have it."""

    def make_world() -> World:
        world, _ = build_world(with_cross(4_000, seconds=300, coin_share=0.3), 3)
        moved = np.concatenate([np.zeros(later, np.int64), world.cross.beds])[: BEDS + 1]
        moved[-1] = len(world.cross.sleepers)
        return world._replace(cross=world.cross._replace(beds=moved))

    return Pair(make_world)


@pytest.mark.parametrize("move", (-0.1, 0.06))
def test_sleepers__are_breached_at_the_same_steps_as_in_a_scan(move):
    """Marks drift by the move, and jump by three steps of it at once in the middle."""
    pair = pair_of()
    for step in range(100):
        pair.step(step, (3 if step == 50 else 1) * move / 100)
    pair.compare()
    n = len(pair.ladder.cross.portfolios)
    assert 0.02 * n < pair.ladder.cross.portfolios["is_taken"].sum() < 0.5 * n
    assert pair.ladder.counters.n[N_CROSS_CHECKS] < n
    assert (pair.ladder.cross.portfolios["status"] == SLEEPING).sum() > 0.2 * n


def test_sleepers__in_beds_too_far_are_missed():
    """Negative control."""
    pair = pair_of(later=12)
    with pytest.raises(AssertionError):
        for step in range(100):
            pair.step(step, -0.1 / 100)
