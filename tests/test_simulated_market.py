import numpy as np
import pytest

from cascade.config import load_priors
from cascade.liquidity import microstructure as measure
from cascade.liquidity.file import fitted_priors
from cascade.liquidity.simulated import market_alone, simulated
from cascade.liquidity.thinning import BANDS, fitted_withdrawal, shocked_bars


@pytest.fixture(scope="module")
def bitcoin():
    return simulated(market_alone(fitted_priors("BTC"), "BTC", 61_800.0, 600), 1)


def test_simulated__market_of_the_shipped_file_is_like_the_recorded_one(bitcoin):
    assert np.median(bitcoin.spread_ticks) == 1  # 0.99 of seconds recorded
    assert measure.depth(bitcoin).value[3] == pytest.approx(13.4e6, rel=0.25)  # within 0.1%; one seed of ten minutes
    assert measure.orders_per_s(bitcoin).value == pytest.approx(15.8, rel=0.2)
    assert measure.size_quantiles(bitcoin, [0.5]).value == pytest.approx(1852, rel=0.1)
    assert measure.dispersion(bitcoin).value == pytest.approx(1.4, rel=0.3)
    assert (bitcoin.order_second < 600).all()


def test_simulated__market_whose_providers_do_not_follow_within_the_second_has_wide_spreads():
    priors = fitted_priors("BTC").changed(run={"rounds": 1})
    slow = simulated(market_alone(priors, "BTC", 61_800.0, 200), 1)
    assert np.median(slow.spread_ticks) > 1


def test_fitted_withdrawal__thins_books_as_measured_and_none_does_not():
    seeds = range(1, 41)
    fitted, none = (
        shocked_bars(priors, seeds)
        for priors in (
            fitted_withdrawal(),
            load_priors().changed(withdrawal={"thinning": (1.0,) * 5}),
        )
    )
    for band in BANDS:
        median, error = fitted.within(band).quantile(0.5)
        assert abs(median / band.median - 1.0) < 0.2 + 2 * error / band.median
        assert np.median(fitted.within(band).at_trigger) == pytest.approx(1.0, abs=0.03)
    assert none.within(BANDS[-1]).quantile(0.5)[0] < 0.6 * BANDS[-1].median


def test_severity__spreads_bars_of_one_size_and_keeps_their_median():
    seeds = range(1, 41)
    plain, spread = (
        shocked_bars(fitted_withdrawal(with_spread=with_spread), seeds).within(BANDS[1])
        for with_spread in (False, True)
    )
    assert spread.quantile(0.5)[0] == pytest.approx(plain.quantile(0.5)[0], rel=0.2)
    assert spread.quantile(0.9)[0] > 1.5 * plain.quantile(0.9)[0]
