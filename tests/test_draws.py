"""Draws: known answers, and statistics with fixed seeds, a p-value bound of 1e-3 and controls that must fail."""

import numpy as np
import pytest
from scipy import stats

from cascade.kernels import draws
from cascade.kernels.jit import JITTED, kernel

pytestmark = [
    pytest.mark.small,
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),  # uint64 wraps without the JIT
]
P_BOUND = 1e-3
N = 1_000_000 if JITTED else 4_000
MEANS = (0.003, 0.7, 12.0, 31.9)
GOLDEN = ["0x9ce35946671807e1", "0x15edfceb8cddb1fd"]
EXTREME_WORDS = np.array([0, 1, (1 << 64) - 1, (1 << 63), (1 << 12) - 1], np.uint64)


@kernel
def fill_words(words, seed, stream, a, first_step, steps, ks):
    """Write `steps * ks` draws of a stream."""
    key = draws.stream_key(seed, stream, a)
    for step in range(steps):
        for k in range(ks):
            words[step * ks + k] = draws.bits(key, first_step + step, k)


@kernel
def fill_raw(words, key):
    """Write draws 1, 2, ... of step 0 under a given key."""
    for k in range(words.size):
        words[k] = draws.bits(key[0], 0, k + 1)


@kernel
def fill_uniforms(words, out):
    for i in range(words.size):
        out[i] = draws.uniform(words[i])


@kernel
def fill_variates(us, mean, counts, exponentials, normals):
    for i in range(us.size):
        counts[i] = draws.poisson(mean, us[i])
        exponentials[i] = draws.exponential(us[i])
        normals[i] = draws.normal(us[i])


@kernel
def fill_fields(words, shift, n_bits, out):
    for i in range(words.size):
        out[i] = draws.field(words[i], shift, n_bits)


def words_of(seed=7, stream=1, a=2, first_step=0, steps=1, ks=N):
    words = np.empty(steps * ks, np.uint64)
    fill_words(words, seed, stream, a, first_step, steps, ks)
    return words


def uniforms_of(words):
    out = np.empty(words.size)
    fill_uniforms(words, out)
    return out


def variates_of(us, mean=1.0):
    counts, exponentials, normals = np.empty(us.size, np.int64), np.empty(us.size), np.empty(us.size)
    fill_variates(us, mean, counts, exponentials, normals)
    return counts, exponentials, normals


def grid(n):
    """Midpoints of n equal parts of (0, 1)."""
    return (np.arange(n) + 0.5) / n


def test_bits__are_splitmix64s_published_sequence():
    words = np.empty(3, np.uint64)
    fill_raw(words, np.zeros(1, np.uint64))
    assert [hex(word) for word in words] == ["0xe220a8397b1dcdaf", "0x6e789e6aa1b965f4", "0x6c45d188009454f"]


def test_bits__are_the_same_with_and_without_the_jit():
    words = words_of(seed=123, stream=4, a=5, first_step=86_399, steps=1, ks=2)
    assert [hex(word) for word in words] == GOLDEN


def test_uniform__excludes_both_ends():
    us = uniforms_of(EXTREME_WORDS)
    assert us.min() == 2.0**-53
    assert us.max() == 1.0 - 2.0**-53


def test_field__cuts_the_bits_out_of_a_word():
    words, out = np.array([0xABCD_0000_0000_1234], np.uint64), np.empty(1, np.int64)
    for shift, n_bits, expected in ((0, 12, 0x234), (48, 16, 0xABCD), (52, 12, 0xABC), (60, 4, 0xA)):
        fill_fields(words, shift, n_bits, out)
        assert out[0] == expected


def chi_square(us, bins=64):
    return stats.chisquare(np.histogram(us, bins, (0.0, 1.0))[0]).pvalue


def test_uniform__is_uniform_over_k_over_steps_and_over_places():
    over_k = uniforms_of(words_of())
    over_steps = uniforms_of(words_of(steps=N, ks=1))
    over_places = uniforms_of(np.concatenate([words_of(a=a, ks=1) for a in range(500)]))
    over_seeds = uniforms_of(np.concatenate([words_of(seed=seed, ks=1) for seed in range(500)]))
    for us in (over_k, over_steps, over_places, over_seeds):
        assert chi_square(us, 16) > P_BOUND
        assert stats.kstest(us, "uniform").pvalue > P_BOUND


def test_uniform__a_slightly_bent_law_is_found():
    us = uniforms_of(words_of())
    assert chi_square(us ** (1.01 if JITTED else 1.2)) < P_BOUND


def dependence(us, others):
    """Return the p-value of independence of two samples on a grid of 8 by 8."""
    table = np.histogram2d(us, others, 8, ((0, 1), (0, 1)))[0]
    return stats.chi2_contingency(table).pvalue


def test_streams__seeds_places_steps_and_ks_are_independent():
    us = uniforms_of(words_of())
    assert dependence(us[:-1], us[1:]) > P_BOUND  # k and k + 1
    neighbours = ({"seed": 8}, {"stream": 2}, {"a": 3}, {"first_step": 1})
    for other in neighbours:
        assert dependence(us, uniforms_of(words_of(**other))) > P_BOUND, other


def test_streams__a_shared_word_in_fifty_is_found():
    us, others = uniforms_of(words_of()), uniforms_of(words_of(seed=8))
    every = 50 if JITTED else 5
    others[::every] = us[::every]
    assert dependence(us, others) < P_BOUND


def test_bits__each_bit_is_fair_and_free_of_the_counter():
    words = words_of()
    ones = np.array([((words >> np.uint64(b)) & np.uint64(1)).sum() for b in range(64)], np.float64)
    z = (ones - 0.5 * words.size) / np.sqrt(0.25 * words.size)
    assert stats.chi2.sf((z**2).sum(), 64) > P_BOUND
    odd = (np.arange(words.size) & 1).astype(bool)
    for b in (0, 11, 12, 31, 63):
        bit = (words >> np.uint64(b)) & np.uint64(1)
        assert stats.chi2_contingency(np.histogram2d(bit, odd, 2)[0]).pvalue > P_BOUND


@pytest.mark.parametrize("mean", MEANS)
def test_poisson__is_the_inverse_of_the_distribution_function(mean):
    us = grid(2_000)
    assert (variates_of(us, mean)[0] == stats.poisson.ppf(us, mean)).all()


@pytest.mark.parametrize("mean", (33.0, 60.0, 400.0, 1e6))
def test_poisson__is_within_one_of_the_inverse_at_large_means(mean):
    us = grid(2_000)
    off = variates_of(us, mean)[0] - stats.poisson.ppf(us, mean)
    assert np.abs(off).max() <= 1
    assert np.mean(off != 0) < 0.02


@pytest.mark.parametrize("mean", (*MEANS, 33.0, 400.0))
def test_poisson__never_falls_as_u_grows_and_ends(mean):
    us = np.array([2.0**-53, 1e-12, *grid(1_000), 1 - 1e-12, 1 - 2.0**-53])
    assert (np.diff(variates_of(us, mean)[0]) >= 0).all()


@pytest.mark.parametrize("mean", (0.7, 12.0, 60.0))
def test_poisson__has_its_mean_and_variance(mean):
    counts = variates_of(uniforms_of(words_of()), mean)[0]
    n = counts.size
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / n)
    assert abs(counts.var() - mean) < 4 * np.sqrt((mean + 2 * mean**2) / n)
    assert abs(counts.mean() - 1.1 * mean) > 4 * np.sqrt(mean / n)  # a mean 10% off is found


def test_normal__agrees_with_scipy_into_the_tails():
    us = np.array([2.0**-53, 1e-12, 1e-6, *grid(1_000), 1 - 1e-6, 1 - 2.0**-53])
    np.testing.assert_allclose(variates_of(us)[2], stats.norm.ppf(us), rtol=1e-13, atol=1e-15)
    assert (np.diff(variates_of(us)[2]) > 0).all()


def test_exponential__agrees_with_the_closed_form():
    """On the grid of `uniform`: multiples of 2**-53."""
    us = np.array([2.0**-53, *np.rint(grid(1_000) * 2.0**53) * 2.0**-53, 1 - 2.0**-53])
    np.testing.assert_allclose(variates_of(us)[1], stats.expon.ppf(us), rtol=1e-13)
