"""Cross margin: the slack ladder against a full scan in plain Python, to the integer; and what it costs."""

import time

import numpy as np
import pytest
from cross_worlds import (
    SIX_USD,
    Pair,
    cross_scenario,
    liquidate,
    one_rate,
    scan,
    set_marks,
    world_of,
)
from duel import Duel
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import rest_order

from cascade.kernels.recount import recount
from cascade.state import (
    BUY,
    CLEARANCE,
    CROSS_LOTS,
    FREE,
    HOLDERS,
    LIQUIDATED,
    N_CROSS_CHECKS,
    N_LIQUIDATED,
    N_TAPE,
    OPEN,
    POOL_LOTS,
    WATCHED,
    World,
)

small = pytest.mark.small
STEPS, HOUR = 30, 3600


WORLDS = {
    "two venues": {},
    "no liquidation orders": {"off": ("liquidations",)},
    "a slow engine": {"rules": {"orders_per_s": 2}},
    "largest notional first": {"rules": {"cross_order": "largest_notional"}},
    "largest margin first": {"rules": {"cross_order": "largest_margin"}, "venues": ("bybit",)},
    "the pool keeps what is left": {"rules": {"surplus": "pool"}},
    "owners keep what is left": {"rules": {"surplus": "account"}},
    "a rate for the whole position": {"venues": (one_rate("binance"), "okx")},
    "settled in coin": {"venues": ("binance", "binance_coinm")},
    "longs pay": {"rate_8h": 0.01, "first": 8 * HOUR - 8},
    "shorts pay, and every hour": {"rate_8h": -0.02, "first": HOUR - 8, "venues": ("binance", "hyperliquid")},
}


def play(seed: int, jump=-0.06, steps=STEPS, n=40, far=0.1, first=0, rate_8h=0.0, off=(), **fields) -> Duel:
    """Play some steps from `first` on, with a jump of all prices half way, and compare after each."""
    scenario = cross_scenario(seconds=9 * HOUR, rate_8h=rate_8h, **fields).without(*off)
    duel = Duel(scenario, seed, world=world_of(scenario, seed, n=n, far=far))
    for step in range(first, first + steps):
        duel.step(step, jump if step == first + steps // 2 else 0.0)
    return duel


@small
@pytest.mark.parametrize("name", WORLDS)
def test_cross__takes_the_accounts_that_a_full_scan_takes(name):
    duel = play(3, **WORLDS[name])
    assert duel.breached > 5
    assert len(set(duel.world.records.tape["account"])) > 5


@given(
    seed=st.integers(0, 2**20),
    jump=st.floats(-0.15, 0.06),  # beyond that a mark leaves its book, and the run is void
    far=st.floats(0.005, 0.4),
    name=st.sampled_from(list(WORLDS)),
)
@settings(max_examples=25)
def test_cross__agrees_with_the_reference_on_random_small_worlds(seed, jump, far, name):
    duel = play(seed, jump, steps=12, n=15, far=far, **WORLDS[name])
    assert duel.world.ledger.broken.tolist() == [0, 0]


# ── the ladder against a scan, both compiled ─────────────────────────────────────────────────────────────────
def pair_of(n: int, steps: int, far: float = 0.3, **fields) -> Pair:
    """Return two worlds of `n` random cross accounts."""
    scenario = cross_scenario(seconds=steps, **fields)
    return Pair(lambda: world_of(scenario, 1, n=n, far=far))


def test_slack_ladder__takes_exactly_what_a_scan_takes():
    pair = pair_of(5_000, 300, venues=("binance", "okx", "bybit"))
    for step in range(300):
        pair.step(step, -0.15 / 300)
    pair.compare()
    assert 300 < pair.ladder.cross.portfolios["is_taken"].sum() < 4_000
    assert pair.ladder.counters.n[N_CROSS_CHECKS] < 0.1 * 300 * 5_000


def test_slack_ladder__fails_where_wallets_change_behind_its_back():
    """Negative control: accounts lose half of their money without being looked at."""
    pair = pair_of(1_000, 20)
    pair.step(0, 0.0)
    for world in (pair.ladder, pair.scan):
        world.cross.portfolios["wallet"] -= np.abs(world.cross.portfolios["wallet"]) // 2
    with pytest.raises(AssertionError):
        pair.step(1, 0.0)


@pytest.mark.slow
def test_slack_ladder__takes_what_a_scan_takes_of_100_000_accounts_over_six_coins_50_times_as_fast():
    """A day's fall in three quarters of an hour, then half of it back: 15 times as fast as the day's."""
    n, steps = 100_000, 2_700
    venues = ("binance", "okx", "bybit", "other")
    pair = pair_of(n, steps, far=0.38, coins=tuple(SIX_USD), venues=venues)
    for step in range(steps):
        pair.step(step, -0.13 / 1_800 if step < 1_800 else 0.065 / 900)
    pair.compare()
    assert pair.ladder.cross.portfolios["is_taken"].sum() > 0.05 * n
    # the same again, ladder alone, against the least that a scan must do in one step
    again = pair_of(n, steps, far=0.38, coins=tuple(SIX_USD), venues=venues)
    ladder_s, scans_s = 0.0, []
    for step in range(steps):
        set_marks(again.ladder, step, again.walk.step(-0.13 / 1_800 if step < 1_800 else 0.065 / 900))
        started = time.perf_counter()
        liquidate(again.ladder, step, False)
        ladder_s += time.perf_counter() - started if step > 0 else 0.0
        if step % 100 == 50:
            started = time.perf_counter()
            scan(again.ladder)
            scans_s.append(time.perf_counter() - started)
    gain = np.median(scans_s) * (steps - 1) / ladder_s
    assert gain >= 50, f"the ladder is {gain:.0f} times as fast as a scan"


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────────────────
PAIR = {"wallet_usd": 2_000, "contracts": [("BTC", 1, 1.0, 72_000), ("ETH", -1, 10.0, 2_140)]}


def by_hand(account: dict, *marks: dict, **fields) -> World:
    """Return a world of one account at Binance after steps of these marks: USD by coin, spot and perpetual alike."""
    scenario = cross_scenario(venues=fields.pop("venues", ("binance",)), **fields)
    world = world_of(scenario, accounts=[account])
    for step, usd in enumerate(marks):
        set_marks(world, step, np.repeat([usd[coin] for coin in scenario.coins], len(scenario.venues)))
        liquidate(world, step, False)
    return world


@small
def test_account__is_judged_by_all_its_legs_together():
    """Long 1 BTC at 72,000, short 10 ETH at 2,140, 2,000 USD; both at 0.4% of maintenance margin.

    BTC at 70,400: 400 left, 367.20 needed. ETH at 2,146 then: 340 left, 367.44 needed, and so BTC goes, by ETH's move.
    """
    world = by_hand(PAIR, {"BTC": 70_400, "ETH": 2_140})
    assert world.counters.n[N_TAPE] == 0
    world = by_hand(PAIR, {"BTC": 70_400, "ETH": 2_140}, {"BTC": 70_400, "ETH": 2_146})
    assert world.records.tape["market"][0] == 0 and world.records.tape["moved_by"][0] == 2
    assert world.records.tape["trigger_step"][0] == 1


@small
def test_account__loses_the_worst_leg_first_at_its_bankruptcy_price():
    """340 are left when BTC goes: it is bankrupt at 70,060. The book bids 70,200, so 140 are left, all for the
    fee, which the venue's file gives to the pool.

    ETH follows with nothing left, at its mark; nobody asks as little, so the pool has it, at neither gain nor loss.
    """
    scenario = cross_scenario(venues=("binance",))
    world = world_of(scenario, accounts=[PAIR])
    rest_order(world, 0, BUY, round(70_200 / 0.1) - int(world.contracts.floor_tick[0]), 1_000)
    set_marks(world, 0, np.array([70_400.0, 70_400.0, 2_146.0, 2_146.0]))
    liquidate(world, 0, False)
    btc, eth = world.records.tape[: world.counters.n[N_TAPE]]
    assert btc["bankruptcy_usd"] == pytest.approx(70_060) and btc["fill_usd"] == pytest.approx(70_200)
    assert (btc["filled_lots"], btc["fee"], btc["pool"]) == (1_000, 140_000_000, 140_000_000)
    assert world.ledger.cash[CLEARANCE] == 0
    assert (eth["market"], eth["side"], eth["filled_lots"], eth["pool"]) == (2, -1, 0, 0)
    assert eth["bankruptcy_usd"] == pytest.approx(2_146)
    assert world.cross.portfolios["wallet"].tolist() == [0]
    assert world.cross.portfolios["status"].tolist() == [LIQUIDATED]
    assert world.ledger.lots[2 * HOLDERS + POOL_LOTS] == -10_000
    assert world.counters.n[N_LIQUIDATED] == 1
    assert btc["account"] == eth["account"] == len(world.accounts.rows)


@small
def test_account__that_is_healthy_again_keeps_its_other_legs():
    """3,100 USD behind 1 BTC and 1.25 ETH: BTC leaves 900, its fee 27.50, and ETH needs 10.70 of that."""
    account = {"wallet_usd": 3_100, "contracts": [("BTC", 1, 1.0, 72_000), ("ETH", 1, 1.25, 2_140)]}
    scenario = cross_scenario(venues=("binance",))
    world = world_of(scenario, accounts=[account])
    rest_order(world, 0, BUY, round(69_800 / 0.1) - int(world.contracts.floor_tick[0]), 1_000)
    set_marks(world, 0, np.array([69_160.0, 69_160.0, 2_140.0, 2_140.0]))  # 260 left, 287.34 needed
    liquidate(world, 0, False)
    assert world.counters.n[N_TAPE] == 1  # 2,200 lost at 69,800, 872.50 of fee
    assert world.cross.portfolios["wallet"][0] == 27_500_000
    assert world.cross.legs["lots"].tolist() == [0, 1_250]
    assert world.cross.portfolios["status"][0] == WATCHED
    set_marks(world, 1, np.array([69_160.0, 69_160.0, 2_140.0, 2_140.0]))
    liquidate(world, 1, False)
    assert world.cross.portfolios["status"][0] == OPEN
    assert recount(world) == 0


@small
def test_coin__counts_less_its_haircut_and_is_sold_last():
    """0.1 BTC for 6,840 at 5% off against 40 ETH, with nothing else; a fall of ETH to 1,975 takes 6,600, 240 are left.

    316 are needed. ETH is bankrupt at 1,969 and the pool takes it over there, for 6 USD an ETH less than its mark. The
    wallet is at -6,840: the coin is sold at 70,000, and of the 7,000 the 160 beyond are their owner's.
    """
    account = {"wallet_usd": 0, "contracts": [("ETH", 1, 40.0, 2_140)], "coins": [("BTC", 0.1)]}
    scenario = cross_scenario(venues=("binance",))
    world = world_of(scenario, accounts=[account])
    rest_order(world, 1, BUY, round(70_000 / 0.1) - int(world.contracts.floor_tick[1]), 100)
    set_marks(world, 0, np.array([72_000.0, 72_000.0, 1_975.0, 1_975.0]))
    liquidate(world, 0, False)
    (event,) = world.records.tape[: world.counters.n[N_TAPE]]
    assert event["bankruptcy_usd"] == pytest.approx(1_969)
    assert event["pool"] == 240 * 10**6
    assert world.ledger.cash[FREE] == 160 * 10**6
    assert world.ledger.lots[1 * HOLDERS + CROSS_LOTS] == 0
    assert world.cross.legs["lots"].tolist() == [0, 0]
    assert recount(world) == 0


@small
def test_account__without_collateral_left_costs_the_pool():
    """Marks that jump past ruin: 2,000 USD, a loss of 10,000, no bids. The pool takes BTC at 70,000, 8,000 too dear."""
    account = {"wallet_usd": 2_000, "contracts": [("BTC", 1, 1.0, 72_000)]}
    world = by_hand(account, {"BTC": 62_000, "ETH": 2_140})
    (event,) = world.records.tape[: world.counters.n[N_TAPE]]
    assert event["bankruptcy_usd"] == pytest.approx(70_000) and event["pool"] == -8_000 * 10**6
    assert world.cross.portfolios["wallet"].tolist() == [0]


@small
def test_account__can_be_breached_by_a_rise_where_a_bracket_takes_more_of_all_of_it():
    """4.1 BTC: of a notional up to 300,000 the venue takes 0.4%, of one above 0.5%, each of the whole.

    At 73,168 the account has 1,247.80 and needs 1,199.96. A rise to 73,172 gives it 16.40 more, and asks for 1,500.03.
    """
    account = {"wallet_usd": 600.0, "contracts": [("BTC", 1, 4.1, 73_010)]}
    marks = {"BTC": 73_168, "ETH": 2_140}, {"BTC": 73_172, "ETH": 2_140}
    world = by_hand(account, *marks, venues=(one_rate("binance"),))
    assert world.records.tape["trigger_step"][: world.counters.n[N_TAPE]].tolist() == [1]
    assert by_hand(account, *marks).counters.n[N_TAPE] == 0  # brackets that join
