"""Empty counters and records, with room for all that a run can write."""

import math

import numpy as np

from cascade.memory import zeros
from cascade.scenario import Scenario
from cascade.state import (
    DELEVERAGING,
    LEDGER_COLUMNS,
    LIQUIDATION,
    MINUTE,
    NEVER,
    POOL,
    PRICE,
    STAKE_BINS,
    TAKEN,
    TO_COMPLIANCE,
    WHOLE,
    Counters,
    Ledger,
    Records,
)

PARTS = 10_000  # liquidation orders beyond so many a position that a day has room for


def make_counters() -> Counters:
    """Return counters at zero."""
    return Counters(n=np.zeros(24, np.int64), fills=np.zeros(4, np.int64), inverse=np.zeros(2))


def make_records(scenario: Scenario, rules: np.ndarray, ledger: Ledger, positions: int) -> Records:
    """Return empty records, with room for all that can be written.

    A position is liquidated once, or in parts: then there is room for so many parts a position, and a few thousand.
    """
    n_coins, steps, markets = len(scenario.coins), scenario.seconds, len(rules)
    minutes, snapshots = -(-steps // 60), -(-steps // scenario.priors.run.map_interval_s)
    parts = 8 if (rules["part"] == TO_COMPLIANCE).any() else 2
    events = positions + 2 if (rules["part"] == WHOLE).all() else parts * positions + PARTS
    closings = 1 if (rules["trigger"] == NEVER).all() else positions + events + 1

    def in_place(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
        return zeros(math.prod(shape), dtype).reshape(shape)

    pools = np.zeros((minutes + 1, len(ledger.start)), np.int64)
    pools[0] = ledger.cash.reshape(-1, LEDGER_COLUMNS)[:, POOL]
    return Records(
        tape=np.zeros(events, LIQUIDATION),  # nearly all of it is never touched
        deleveraged=np.zeros(closings, DELEVERAGING),  # likewise
        pools=pools,
        minutes=in_place((minutes, markets), MINUTE),
        prices=in_place((n_coins, steps), PRICE),
        mark=in_place((steps, markets), np.float64),
        funding=np.zeros((-(-steps // 3600), markets), np.int64),
        stake=in_place((snapshots, n_coins, 2, STAKE_BINS), np.float32),
        taken=np.zeros(scenario.priors.run.taken_slots, TAKEN),
        n_taken=np.zeros(1, np.int64),
    )
