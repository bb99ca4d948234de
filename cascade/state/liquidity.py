"""The tables from which providers post, and what they remember."""

from typing import NamedTuple

import numpy as np

QUANTILES = 1024  # entries of the tables that a draw picks from
WHEEL = 4096  # buckets of the expiry wheel, one second of calm each
HISTORY = 300  # seconds over which withdrawal looks back (the bars of its evidence are five minutes)

POST = np.dtype(
    [
        ("distance", np.float64),  # fraction from R, quantiles
        ("life", np.float64),  # mean lifetime at this distance, seconds of calm
        ("exponential", np.float64),  # quantiles of the unit exponential
    ]
)
THINNING = np.dtype([("sigmas", np.float64), ("factor", np.float64)])


class Liquidity(NamedTuple):
    """Tables from which providers post, and what they remember."""

    posts: np.ndarray  # POST, shape (QUANTILES + 1,)
    lots: np.ndarray  # float64, shape (markets * QUANTILES,): mean size of a post by distance
    wheel: np.ndarray  # int32, shape (markets * WHEEL,): first order that expires in a bucket
    history: np.ndarray  # float64, shape (coins * HISTORY,): log R, a ring
    thinning: np.ndarray  # THINNING, ascending from 0 sigmas: by how much depth thins after such a bar
