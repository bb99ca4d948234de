"""Breach, queue, liquidation, stops: the compiled rules against a full scan in plain Python, to the integer."""

import numpy as np
import pytest
from duel import Duel, resting_in
from own_venues import funded, inverse_venue
from worlds import (
    liquidate,
    rest_order,
    slow_venue,
    small_world,
    still_world,
    take_lots,
    take_marks,
    thin_priors,
    tick_of,
)

from cascade.state import (
    BUY,
    CLEARANCE,
    FREE,
    LIQUIDATED,
    N_TAPE,
    OPEN,
    POOL,
    POOL_LOTS,
    SELL,
    World,
)

small = pytest.mark.small
STEPS = 60


LONGS_PAY, SHORTS_PAY = (thin_priors(funding={"rate_8h": rate}) for rate in (0.9, -0.9))  # 0.03% in 10 s
WORLDS = {
    "one market": {},
    "no liquidation orders": {"off": ("liquidations",)},
    "no stops": {"off": ("stops",)},
    "no openings": {"off": ("openings",)},
    "a slow engine": {"venues": (slow_venue("binance", 2),)},
    "three rules of margin": {"venues": ("binance", "okx", "bybit"), "n": 600},
    "two coins": {"coins": ("BTC", "ETH"), "venues": ("okx",)},
    "settled in coin": {"venues": (inverse_venue(),)},
    "settled in coin, other margin rules": {"venues": (inverse_venue("bybit"), "binance", inverse_venue("okx"))},
    "funding from wallets": {
        "venues": (funded("binance", 10), funded(inverse_venue("bybit"), 15)),
        "priors": LONGS_PAY,
    },
    "funding from margins": {"venues": (funded("okx", 10, "margin"), funded(inverse_venue("bybit"), 15, "margin"))}
    | {"priors": SHORTS_PAY},
}


def play(seed: int, jump: float = -0.06, off=(), steps: int = STEPS, **fields) -> Duel:
    duel = Duel(small_world(**({"n": 300, "seconds": steps} | fields)).without(*off), seed)
    for step in range(steps):
        duel.step(step, jump if step == steps // 2 else 0.0)
    return duel


@small
@pytest.mark.parametrize("world", WORLDS)
def test_liquidation__equals_the_reference_to_the_integer(world):
    duel = play(seed=1, **WORLDS[world])
    assert duel.breached > 20
    assert duel.stopped > 5 or world == "no stops"
    assert duel.world.records.funding.any() == world.startswith("funding")


@pytest.mark.parametrize("jump", (-0.15, 0.03))
@pytest.mark.parametrize("seed", range(2, 6))
def test_liquidation__equals_the_reference_on_other_seeds_and_jumps(seed, jump):
    assert play(seed, jump, venues=("binance", "okx", "bybit")).breached > 10


def test_duel__notices_one_lot_of_difference():
    duel = Duel(small_world(100, seconds=20), seed=1)
    duel.step(0)
    duel.world.accounts.rows["cost"][3] += 1
    with pytest.raises(AssertionError):
        duel.step(1)


# ── known answers, solved by hand ────────────────────────────────────────────────────────────────────────────
LONGS = [
    {"side": 1, "lots": 1000, "entry_usd": 72_000.0, "leverage": 100},  # A
    {"side": 1, "lots": 1000, "entry_usd": 71_700.0, "leverage": 125},  # B
    {"side": 1, "lots": 1000, "entry_usd": 71_900.0, "leverage": 50},  # C
]
BIDS = {71_560.0: 10, 71_500.0: 400, 71_400.0: 600, 71_300.0: 500, 71_000.0: 9_000}


def run_still(world: World, steps: int) -> World:
    for step in range(steps):
        take_marks(world, step)
        liquidate(world, step)
    return world


@small
def test_cascade__of_two_positions_solved_by_hand():
    """One coin is 1000 lots; maintenance 0.4% of the mark's notional; clearance fee 1.25% of what is sold.

    A long 1 at 72,000 with 100x: margin 720, breached where 720 + (m - 72,000) < 0.004 m, below 71,566.3.
    B long 1 at 71,700 with 125x: margin 573.6, breached below 71,412.0. C long 1 at 71,900 with 50x: below 70,745.

    A sale of 10 lots prints 71,560: A is breached in step 0 and sells at 71,280 or better: 0.4 at 71,500, 0.6 at
    71,400, 71,440 in all. Left: 720 - 560 = 160, below the fee of 893, so all of it is fee.
    The last price, 71,400, breaches B in step 1. B sells at 71,126.4 or better: 0.5 at 71,300. Left of the half's
    margin: 286.8 - 200 = 86.8, again all fee. The other half goes to the pool at 71,126.4: 35,563.2, worth 35,700 at
    the mark, 136.8 more. Both fees are the pool's, too. The last price, 71,300, leaves C alone, and the cascade
    is over.
    """
    world = still_world(LONGS, BIDS)
    take_lots(world, 0, SELL, 10)
    run_still(world, 4)
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    assert tape["account"].tolist() == [0, 1]
    assert tape["step"].tolist() == tape["trigger_step"].tolist() == [0, 1]
    assert tape["filled_lots"].tolist() == [1000, 500]
    assert tape["fee"].tolist() == [160_000_000, 86_800_000]
    assert tape["pool"].tolist() == [160_000_000, 223_600_000]
    np.testing.assert_allclose(tape["mark_usd"], [71_560.0, 71_400.0], rtol=1e-12)
    np.testing.assert_allclose(tape["bankruptcy_usd"], [71_280.0, 71_126.4], rtol=1e-12)
    np.testing.assert_allclose(tape["fill_usd"], [71_440.0, 71_300.0], rtol=1e-12)
    np.testing.assert_allclose(tape["last_fill_usd"], [71_400.0, 71_300.0], rtol=1e-12)
    assert world.accounts.rows["status"][:3].tolist() == [LIQUIDATED, LIQUIDATED, OPEN]
    assert resting_in(world, 0) == [(BUY, tick_of(world, 71_000.0), 9_000)]
    cash, pool_usd = world.ledger.cash, 1.2e9
    assert cash[CLEARANCE] == 0
    assert cash[FREE] == 0
    assert cash[POOL] == round(pool_usd * 1e6) - 35_563_200_000 + 246_800_000
    assert world.ledger.lots[POOL_LOTS] == 500
    assert world.ledger.broken.tolist() == [0, 0]


@small
def test_cascade__ends_with_the_first_where_liquidations_stay_out_of_the_book():
    """As above with feedback off: A is closed at its mark of 71,560, nothing else trades, B never hears of it.

    Left of A's margin: 720 - 440 = 280, below the fee of 894.5: all fee.
    """
    world = still_world(LONGS, BIDS, off=("liquidations",))
    take_lots(world, 0, SELL, 10)
    run_still(world, 4)
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    assert tape["account"].tolist() == [0]
    assert tape["fill_usd"].tolist() == [71_560.0]
    assert tape["fee"].tolist() == [280_000_000]
    assert world.accounts.rows["status"][:3].tolist() == [LIQUIDATED, OPEN, OPEN]
    assert len(resting_in(world, 0)) == 4


@small
def test_cascade__of_three_shorts_meets_a_gap():
    """Three shorts, upwards: the pool pays where the mark has jumped past the bankruptcy price.

    Each short 1 at 72,000 with 100x: breached above (72,000 + 720) / 1.004 = 72,430.3, bankrupt at 72,720. A buyer
    prints 73,000; asks wait at 72,900 and above, beyond all three limits: the pool takes all three over at 72,720,
    which costs 280 each at the mark.
    """
    shorts = [{"side": -1, "lots": 1000, "entry_usd": 72_000.0, "leverage": 100} for _ in range(3)]
    world = still_world(shorts, asks={73_000.0: 10})
    take_lots(world, 0, BUY, 10)
    rest_order(world, 0, SELL, tick_of(world, 72_900.0), 5_000)
    run_still(world, 2)
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    assert sorted(tape["account"].tolist()) == [0, 1, 2]
    assert tape["filled_lots"].tolist() == [0, 0, 0]
    assert np.isnan(tape["fill_usd"]).all() and np.isnan(tape["last_fill_usd"]).all()
    assert tape["pool"].tolist() == [-280_000_000] * 3
    assert world.ledger.lots[POOL_LOTS] == -3000


@small
def test_queue__is_served_in_the_order_of_the_steps_and_at_the_stale_price():
    """An engine of one order a second: A, B and C are breached at once; they go one a step, each at its own price."""
    world = still_world(LONGS, {70_000.0: 10, 69_000.0: 9_000})
    world.markets["engine_rate"] = 1
    take_lots(world, 0, SELL, 10)
    run_still(world, 4)
    tape = world.records.tape[: world.counters.n[N_TAPE]]
    assert tape["account"].tolist() == [0, 1, 2]  # a fall meets the highest trigger first
    assert tape["trigger_step"].tolist() == [0, 0, 0]
    assert tape["step"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(tape["bankruptcy_usd"], [71_280.0, 71_126.4, 70_462.0], rtol=1e-12)
