import numpy as np
import pytest

from cascade.liquidity import microstructure as measure
from cascade.liquidity.microstructure import BANDS_BP, DISTANCES, SURVIVAL_S, Seconds

pytestmark = pytest.mark.small
TICK = 0.1


def market(seconds=2000, step_bp=1.0, seed=0, **fields):
    """Return a market whose mid is a random walk, with a book of 1e6 USD u**1.2 and orders of known sizes."""
    draws = np.random.default_rng(seed)
    mid = 60_000.0 * np.exp(np.cumsum(step_bp * 1e-4 * draws.standard_normal(seconds)))
    depth = 1e6 * (np.array(DISTANCES) / 1e-3) ** 1.2
    second = np.repeat(np.arange(seconds), 3)
    given = {
        "tick_usd": TICK,
        "bid_usd": mid - TICK / 2,
        "ask_usd": mid + TICK / 2,
        "touch_usd": np.full((seconds, 2), 5e4),
        "depth_usd": np.broadcast_to(depth, (seconds, 2, len(DISTANCES))),
        "order_second": second,
        "order_usd": draws.lognormal(8.0, 1.0, len(second)),
        "order_sign": draws.choice(np.array([-1, 1], np.int8), len(second)),
        "books_usd": np.zeros((0, 2, 0), np.float32),
        "first_price_usd": 0.0,
    }
    return Seconds(**given | fields)


def test_signature__is_the_variance_of_a_random_walk_at_every_lag():
    found = measure.signature(market(seconds=20_000))
    short = np.array(measure.LAGS_S) <= 30
    np.testing.assert_allclose(found.value[short], 1.0, atol=0.1)
    assert (np.abs(found.value - 1.0) < 4 * found.error).all()


def test_signature__falls_where_moves_are_taken_back():
    still = market(step_bp=0.0)
    bounce = np.random.default_rng(1).choice((-1.0, 1.0), len(still))
    found = measure.signature(market(bid_usd=still.bid_usd + bounce, ask_usd=still.ask_usd + bounce)).value
    assert found[4] < 0.3 * found[0]


def test_kappa__is_the_exponent_of_the_book():
    assert measure.kappa(market()).value == pytest.approx(1.2)


def test_size_quantiles__have_the_error_of_their_scatter():
    values = [measure.size_quantiles(market(seed=seed)).value[3] for seed in range(6)]
    error = measure.size_quantiles(market()).error[3]
    assert np.std(values) == pytest.approx(error, rel=0.9)
    assert np.mean(values) == pytest.approx(np.exp(8.0), rel=0.02)


def test_dispersion__is_nought_for_as_many_as_poisson_and_one_for_a_geometric_law():
    draws = np.random.default_rng(2)
    for counts, wanted in ((draws.poisson(5.0, 20_000), 0.0), (draws.geometric(1 / 6, 20_000) - 1, 1.0)):
        second = np.repeat(np.arange(20_000), counts)
        ones = np.ones(len(second))
        steady = market(20_000, order_second=second, order_usd=ones, order_sign=ones.astype(np.int8))
        assert measure.dispersion(steady).value == pytest.approx(wanted, abs=0.06)


def test_impact__gives_back_the_move_that_flow_makes():
    plain = market(step_bp=0.0, seconds=5000)
    moved = plain.bid_usd[0] * np.exp(np.cumsum(1e-4 * np.sign(plain.flow_usd)))
    pushed = market(5000, bid_usd=moved - 0.05, ask_usd=moved + 0.05, order_usd=plain.order_usd)
    pushed = Seconds(**vars(pushed) | {"order_sign": plain.order_sign})
    sizes, found = measure.impact(pushed, measure.flow_edges(pushed))
    np.testing.assert_allclose(found.value, 1.0, atol=1e-6)
    assert (np.diff(sizes) > 0).all()
    assert measure.unexplained(pushed).value < 0.6


def test_survival__follows_what_rests_and_not_what_comes_back():
    seconds, prices = 200, 400
    mid = 60_000.0
    first = mid - TICK * prices / 2 + TICK / 2
    books = np.zeros((seconds, 2, prices), np.float32)
    books[:, 0, : prices // 2] = 100.0  # stays for ever
    books[:, 1, prices // 2 :] = np.where(np.arange(seconds)[:, None] % 2 == 0, 100.0, 50.0)  # half comes and goes
    flat = np.full(seconds, mid)
    still = market(seconds, bid_usd=flat - 0.05, ask_usd=flat + 0.05, books_usd=books, first_price_usd=first)
    found = measure.survival(still).value
    assert found.shape == (len(BANDS_BP), len(SURVIVAL_S))
    np.testing.assert_allclose(found[1], (150 + 150) / (200 + 150), atol=0.01)
    assert np.isnan(found[3]).all()  # no book there


def test_bootstrapped__gives_the_error_of_a_mean():
    values = np.random.default_rng(3).standard_normal(10_000)
    found = measure.bootstrapped(lambda i: values[i].mean(), len(values), 1)
    assert found.error == pytest.approx(0.01, rel=0.25)
