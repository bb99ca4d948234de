"""The numbers of a run that do not change while it runs."""

from typing import NamedTuple

import numpy as np

STREAMS = 4  # draw keys of a market
PROGRAMME = np.dtype(
    [
        ("start", np.int64),
        ("stop", np.int64),
        ("market", np.int64),
        ("side", np.int64),
        ("lots", np.int64),
        ("every", np.int64),
    ]
)  # takes `lots` in every so many steps from start to before stop; side of the book
PROVIDERS = np.dtype(
    [
        ("mode", np.int64),  # who provides, by the names below
        ("band_ticks", np.int64),  # ZERO_INTELLIGENCE: orders lie within this many ticks of the opposite best
        ("lots", np.int64),  # ... and have this size
        ("posts", np.float64),  # ... so many come in a step, of both sides
        ("life_s", np.float64),  # ... and live so long on average
    ]
)
GIVEN_ORDER = np.dtype(
    [("market", np.int64), ("side", np.int64), ("offset", np.int64), ("lots", np.int64)]
)  # side of the book; offset in ticks from the reference
# who provides: quotes around the reference (the default); a given book, laid once; one laid anew around the reference
# in every step; orders at random distances from the opposite best (Smith and Farmer)
AROUND_REFERENCE, STANDING, RENEWED, ZERO_INTELLIGENCE = range(4)


class Settings(NamedTuple):
    """Numbers of a run that do not change while it runs."""

    layout: np.ndarray  # int64, (5,): coins, venues, steps in a block of news, steps between map snapshots, rounds
    switches: np.ndarray  # int64, shape (8,): mechanisms on (1) or off (0), by the names below
    rates: np.ndarray  # float64, shape (13,): by the names below
    keys: np.ndarray  # uint64, shape (markets * STREAMS,): draw keys by market and stream
    noise_lots: np.ndarray  # float64, shape (markets * QUANTILES,): quantiles of a noise trade's size
    noise_pace: np.ndarray  # float64, shape (QUANTILES,): quantiles of how busy a second is, over the mean
    programmes: np.ndarray  # PROGRAMME
    news: np.ndarray  # float64, shape (coins, blocks): log change of V in a block; written where it is solved for
    target: np.ndarray  # float64, shape (coins, blocks): index at each block's end that news is solved for; 0 for none
    providers: np.ndarray  # PROVIDERS, shape (1,)
    given: np.ndarray  # GIVEN_ORDER, by market: the orders of a STANDING or RENEWED book
    given_first: np.ndarray  # int64, shape (markets + 1,): where each market's orders begin in `given`


# switches
LIQUIDATIONS, STOPS, WITHDRAWAL, ARBITRAGE, OPENINGS, LEARNING, TRACKING = range(7)
# rates
(
    SHARE,  # of uninformed flow's impact that providers learn
    FORGETTING,  # theta, per step
    LOCAL_FORGETTING,  # of a market's deviation, per step
    POSTS,  # depth orders per step and market, in calm
    REFILL,  # of w, per step
    RETREAT,  # of w towards its floor when stressed, per step
    ARBITRAGE_COST,  # round trip, fraction
    TAKEN_SHARE,  # of stale quotes that are taken rather than pulled
    STEP_S,
    LIQUIDATION_STRESS,  # sigmas of stress per unit of liquidated over depth
    STRESS_FADE,  # per step
    WARMUP_PULL,  # of R to the opening price during the warm-up, per step
    SEVERITY,  # of withdrawal: sd of its logarithm from one half hour to the next
) = range(13)
# draw streams
POST_STREAM, NOISE_STREAM, VALUE_STREAM = range(3)
