"""Blind order flow in continuous time and continuous prices, event by event: the plain model of theory.

Units: one market order a unit of time (of both sides), mu / (2 alpha) of price, one order of size. Orders fall
uniformly into a band below the best ask or above the best bid; a side is never left empty.
"""

import numpy as np
from numba import njit


@njit
def mean_spread(eps, band, duration, rng):
    """Return the mean spread over `duration`, after ten lifetimes."""
    delta, room = 0.5 * eps, 10_000
    bids, asks = np.empty(room), np.empty(room)
    bids[0], asks[0] = -0.5, 0.5
    n_bids, n_asks, bid, ask = 1, 1, -0.5, 0.5
    time, area, warm = 0.0, 0.0, 10.0 / delta
    while time < warm + duration:
        total = band + 1.0 + delta * (n_bids + n_asks)
        wait = -np.log(1.0 - rng.random()) / total
        if time > warm:
            area += wait * (ask - bid)
        time += wait
        which, on_bids = rng.random() * total, rng.random() < 0.5
        if which < band and on_bids:
            bids[n_bids] = ask - rng.random() * band
            n_bids += 1
        elif which < band:
            asks[n_asks] = bid + rng.random() * band
            n_asks += 1
        elif which < band + 1.0:  # a market order takes the best
            k = np.argmax(bids[:n_bids]) if on_bids else n_bids + np.argmin(asks[:n_asks])
            n_bids, n_asks = remove(bids, n_bids, asks, n_asks, k)
        else:
            n_bids, n_asks = remove(bids, n_bids, asks, n_asks, rng.integers(0, n_bids + n_asks))
        bid, ask = bids[:n_bids].max(), asks[:n_asks].min()
    return area / (time - warm)


@njit
def remove(bids, n_bids, asks, n_asks, k):
    """Remove order `k`, bids first, unless it is the last of its side; return how many are left."""
    if k < n_bids:
        if n_bids > 1:
            bids[k] = bids[n_bids - 1]
            n_bids -= 1
    elif n_asks > 1:
        asks[k - n_bids] = asks[n_asks - 1]
        n_asks -= 1
    return n_bids, n_asks
