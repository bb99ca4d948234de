"""Shapley values: how much each of several mechanisms contributes to what all of them do together.

A value is known for every combination of mechanisms on and off. Combination `c` has mechanism `k` on where bit `k` of
`c` is 1: 0 is none, the last is all. A mechanism's share is what switching it on adds, averaged over all orders in
which the mechanisms can be switched on (Shapley, "A value for n-person games", 1953): shares add up to what all do
beyond none, a mechanism that never changes anything has none, and two that do the same have the same.
"""

from math import factorial

import numpy as np


def shapley_values(values: np.ndarray) -> np.ndarray:
    """Return the shares of the mechanisms.

    Parameters
    ----------
    values : ndarray of float64, shape (..., 2**n)
        By combination, as above.

    Returns
    -------
    ndarray of float64, shape (..., n)

    Raises
    ------
    ValueError
        If the number of combinations is no power of two.
    """
    values = np.asarray(values, np.float64)
    n = values.shape[-1].bit_length() - 1
    if values.shape[-1] != 1 << n:
        raise ValueError(f"values must have 2**n combinations, got {values.shape[-1]}")
    combinations = np.arange(1 << n)
    on = np.bitwise_count(combinations)
    weight = np.array([factorial(size) * factorial(n - size - 1) for size in range(n)]) / factorial(n)
    shares = np.empty((*values.shape[:-1], n))
    for k in range(n):
        without = combinations[combinations >> k & 1 == 0]
        added = values[..., without | 1 << k] - values[..., without]
        shares[..., k] = (weight[on[without]] * added).sum(axis=-1)
    return shares
