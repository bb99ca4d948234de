"""Parts, backstop, pools, deleveraging, socialised losses: the compiled rules against plain ones, to the integer."""

import pytest
from duel import Duel
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from own_rules import venues
from worlds import small_world

from cascade.scenario import Scenario

small = pytest.mark.small


def play(scenario: Scenario, seed: int, steps: int, jumps: dict[int, float]) -> Duel:
    duel = Duel(scenario, seed)
    for step in range(steps):
        duel.step(step, jumps.get(step, 0.0))
    return duel


@given(
    venue=venues(),
    seed=st.integers(0, 2**16),
    jumps=st.dictionaries(st.integers(2, 35), st.sampled_from((-0.06, -0.03, -0.01, 0.01, 0.02)), max_size=3),
)
@settings(
    max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
def test_rules__equal_the_reference_to_the_integer(venue, seed, jumps):
    scenario = small_world(80, seconds=40)
    play(scenario.changed(venues=(venue, scenario.venues[1])), seed, 40, jumps)
