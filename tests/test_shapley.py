"""Shapley values against games whose values are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cascade.attribution.shapley import shapley_values

pytestmark = pytest.mark.small


def test_shares__of_two_by_hand():
    """v(none) 1, v(a) 3, v(b) 2, v(ab) 10: a = ((3 - 1) + (10 - 2)) / 2 = 5, b = ((2 - 1) + (10 - 3)) / 2 = 4."""
    assert shapley_values(np.array([1.0, 3.0, 2.0, 10.0])).tolist() == [5.0, 4.0]


def test_shares__of_the_glove_game():
    """One has a left glove, two have a right one; a pair is worth 1: 2/3, 1/6, 1/6 (Shapley and Shubik)."""
    pair = [float(c & 1 and c & 6 > 0) for c in range(8)]
    assert shapley_values(np.array(pair)) == pytest.approx([2 / 3, 1 / 6, 1 / 6])


def test_shares__of_independent_effects_are_the_effects():
    effects = np.array([0.3, -0.1, 0.0, 2.0, 0.7, 1e-3])
    values = np.array([5.0 + sum(e for k, e in enumerate(effects) if c >> k & 1) for c in range(64)])
    assert shapley_values(values) == pytest.approx(effects, abs=1e-12)


@given(arrays(np.float64, (3, 64), elements=st.floats(-1e3, 1e3)))
def test_shares__add_up_and_are_none_where_nothing_changes(values):
    shares = shapley_values(values)
    assert np.abs(shares.sum(axis=1) - (values[:, -1] - values[:, 0])).max() <= 1e-9
    idle = values[:, np.arange(64) & ~(1 << 3)]  # switching the fourth on changes nothing, whatever else is on
    assert (shapley_values(idle)[:, 3] == 0.0).all()


@given(arrays(np.float64, 16, elements=st.floats(-1e3, 1e3)))
def test_shares__do_not_hang_on_the_order_of_the_names(values):
    swapped = values.reshape(2, 2, 2, 2).transpose(3, 1, 2, 0).ravel()  # first and last change places
    assert shapley_values(swapped) == pytest.approx(shapley_values(values)[[3, 1, 2, 0]], abs=1e-9)


def test_shares__refuse_what_is_no_power_of_two():
    with pytest.raises(ValueError, match=r"2\*\*n combinations, got 63"):
        shapley_values(np.zeros(63))
