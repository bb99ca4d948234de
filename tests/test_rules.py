"""Parts, backstop, pools, deleveraging, socialised losses: the compiled rules against plain ones, to the integer."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own_rules import narrow_venue, venues
from reference_rules import ReferenceRules
from test_liquidation import Duel
from worlds import end_minute, small_world

from cascade.kernels.recount import recount
from cascade.scenario import Scenario
from cascade.state import HOLDERS, LEDGER_COLUMNS, N_DELEVERAGED, N_TAPE, POOL, POOL_LOTS, SOCIALISED

small = pytest.mark.small


class RulesDuel(Duel):
    """Both engines in the same world; after every step also the pools and who was deleveraged."""

    def __init__(self, scenario: Scenario, seed: int):
        super().__init__(scenario, seed, ReferenceRules)

    def step(self, step: int, jump: float = 0.0) -> None:
        """Play one step and compare everything."""
        super().step(step, jump)
        if (step + 1) % 60 == 0:
            end_minute(self.world, (step + 1) // 60)
        world, reference = self.world, self.reference
        assert world.ledger.broken.tolist() == [0, 0]
        assert recount(world) == 0
        assert (world.accounts.rows["margin"] >= 0).all()
        notes = world.records.deleveraged[: world.counters.n[N_DELEVERAGED]]
        assert len(notes) == len(reference.deleveraged)
        for row, expected in zip(notes, reference.deleveraged, strict=True):
            assert {name: int(row[name]) for name in expected} == expected
        assert len(reference.pools) == (step + 1) // 60 + 1
        for purse, pool in enumerate(world.pools):
            assert pool["peak"] == reference.peak[purse]
            assert pool["alarm"] == (purse in reference.alarmed)


def play(scenario: Scenario, seed: int, steps: int, jumps: dict[int, float]) -> RulesDuel:
    duel = RulesDuel(scenario, seed)
    for step in range(steps):
        duel.step(step, jumps.get(step, 0.0))
    return duel


@given(
    venue=venues(),
    seed=st.integers(0, 2**16),
    jumps=st.dictionaries(st.integers(2, 35), st.sampled_from((-0.06, -0.03, -0.01, 0.01, 0.03, 0.06)), max_size=3),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_rules__equal_the_reference_to_the_integer(venue, seed, jumps):
    scenario = small_world(80, seconds=40)
    play(scenario.changed(venues=(venue, scenario.venues[1])), seed, 40, jumps)
