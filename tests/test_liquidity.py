"""Liquidity: mean depth follows its law, the touch is tight, books thin after moves and refill."""

import numpy as np
import pytest
from worlds import small_world, thin_priors, warm_world

from cascade.assembly import build_world
from cascade.config import load_priors
from cascade.engine import simulate
from cascade.kernels.liquidity import thinning
from cascade.kernels.loop import run_steps
from cascade.scenario import one_market
from cascade.state import N_EXPIRED, N_INFORMED, N_NOISE, N_POSTS, N_PULLED, N_TAPE, Liquidity

small = pytest.mark.small


@pytest.fixture(scope="module")
def calm():
    """An hour of one market and its spot book under the shipped priors, nobody levered, no news."""
    return simulate(one_market(hours=1.0, priors=load_priors()), seed=4)


# ── calm ─────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("fraction", "label"), ((0.001, "01"), (0.01, "1")))
@pytest.mark.parametrize(("market", "share"), ((0, 1.0), (1, 0.35)))
def test_depth__within_u_is_b_times_u_to_the_kappa(calm, fraction, label, market, share):
    """Mean over the hour and both sides, within 15%; the quotes at the touch come on top."""
    priors = load_priors()
    depth_usd = share * priors.coins["BTC"].depth_1pct_usd
    law = depth_usd * ((fraction / 0.01) ** priors.liquidity.kappa + priors.liquidity.touch_over_depth)
    lots = np.mean([calm.minutes[f"{side}_lots_{label}"][:, market] for side in ("bid", "ask")])
    assert lots * calm.lot_base[market] * 72_000.0 == pytest.approx(law, rel=0.15)


def test_spread__is_about_a_tick_in_calm(calm):
    assert 1.0 <= np.median(calm.minutes["spread_ticks"][:, 0]) <= 3.0


def test_book__is_never_crossed(calm):
    assert (calm.minutes["ask_tick"] > calm.minutes["bid_tick"]).all()


def test_price__in_calm_is_as_restless_as_the_value_and_no_trend(calm):
    """Five minutes: 0.4 bp a root second is 7 bp; flow that is learned adds to it."""
    log_index = np.log(calm.index_usd[0])
    five_minutes = (log_index[300:] - log_index[:-300]).std() * 1e4
    assert 4.0 < five_minutes < 25.0
    assert abs(log_index[-1]) - np.log(72_000.0) < 0.01


@small
def test_orders__that_come_also_go():
    """Posts, less what is left resting, have expired, been pulled or been taken; none is lost."""
    world = warm_world(small_world(0, seconds=30))
    run_steps(world, 0, 30, 60)
    n = world.counters.n
    assert n[N_EXPIRED] > 0 and n[N_PULLED] > 0 and n[N_INFORMED] > 0 and n[N_NOISE] > 0
    resting = sum(1 for _ in resting_slots(world))
    wheel = sum(1 for _ in wheel_slots(world))
    assert resting <= wheel  # filled orders leave the wheel only when they would have expired
    assert n[N_POSTS] >= resting + n[N_EXPIRED] + n[N_PULLED] + n[N_INFORMED]
    assert (world.book.orders["lots"] >= 0).all()


def resting_slots(world):
    """Yield the slots in all queues."""
    for head in world.book.levels["head"][world.book.levels["head"] != 0]:
        slot = int(head)
        while slot:
            assert world.book.orders[slot]["lots"] > 0
            yield slot
            slot = int(world.book.orders[slot]["next"])


def wheel_slots(world):
    """Yield the slots in the expiry wheel."""
    for head in world.liquidity.wheel[world.liquidity.wheel != 0]:
        slot = int(head)
        while slot:
            yield slot
            slot = int(world.book.orders[slot]["chain"])


@small
def test_stale_quotes__are_taken_as_often_as_stated():
    """After a jump of the value: a share of the quotes behind it is taken by the informed, the rest is pulled."""
    priors = thin_priors(liquidity={"taken_share": 0.5}, flow={"noise_per_s": 0.0, "value_bp_per_sqrt_s": 0.0})
    world = warm_world(small_world(0, seconds=20, shock=-0.05, priors=priors))
    run_steps(world, 0, 20, 60)
    taken, pulled = world.counters.n[N_INFORMED], world.counters.n[N_PULLED]
    n = taken + pulled
    assert n > 100
    assert abs(taken - 0.5 * n) < 3.3 * np.sqrt(0.25 * n)  # p < 1e-3
    assert not abs(taken - 0.7 * n) < 3.3 * np.sqrt(0.25 * n)  # negative control


# ── withdrawal ───────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_thinning__is_linear_between_what_is_stated():
    world, _ = build_world(small_world(0, seconds=5), seed=1)
    table: Liquidity = world.liquidity
    stated = load_priors().withdrawal
    for sigmas, factor in zip(stated.sigmas, stated.thinning, strict=True):
        assert thinning(table, sigmas) == pytest.approx(factor)
    assert thinning(table, 5.5) == pytest.approx(0.5 * (1.08 + 2.12))
    assert thinning(table, 1000.0) == stated.thinning[-1]


@small
def test_withdrawal__falls_after_a_large_move_and_recovers():
    """A jump of 4% in 20 s, 20 sigmas of a five-minute bar: books are at a third, ten minutes later nearly full."""
    minutes = simulate(small_world(0, seconds=1020, shock=-0.04)).minutes
    w = minutes["withdrawal"][:, 0]
    assert w.min() < 0.4
    assert w.argmin() <= 8
    assert w[-1] > 0.8
    thin, full = minutes["bid_lots_1"][w.argmin(), 0], minutes["bid_lots_1"][-1, 0]
    assert thin < 0.75 * full


def test_withdrawal__is_slower_where_refill_is():
    def last_w(refill: float) -> float:
        priors = thin_priors(withdrawal={"refill_per_minute": refill})
        return float(simulate(small_world(0, seconds=900, shock=-0.04, priors=priors)).minutes["withdrawal"][-1, 0])

    assert last_w(0.05) < last_w(0.21) < last_w(0.8)


@small
def test_withdrawal__off_keeps_the_book_full():
    minutes = simulate(small_world(0, seconds=120, shock=-0.04).without("withdrawal")).minutes
    assert (minutes["withdrawal"] == 1.0).all()


@small
def test_withdrawal__reacts_to_liquidations():
    """The same news: a crowd that is liquidated thins the book beyond what the move does."""
    w = [simulate(small_world(n, seconds=120, shock=-0.03)).minutes["withdrawal"].min() for n in (0, 1500)]
    assert w[1] < w[0] - 0.01


@small
def test_tape__is_empty_without_accounts():
    world = warm_world(small_world(0, seconds=5))
    run_steps(world, 0, 5, 60)
    assert world.counters.n[N_TAPE] == 0
