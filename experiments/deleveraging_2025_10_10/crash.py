"""The world of 2025-10-10, 20:45 to 21:30 UTC, at Hyperliquid: prices, accounts, depth, and where they are from."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from cascade.assumptions import LeverageAssumptions, default_assumptions
from cascade.config import Priors, load_priors
from cascade.scenario import Scenario
from cascade.venues import Venue, load_venue

VENUE = "hyperliquid"
START = datetime(2025, 10, 10, 20, 45, tzinfo=UTC)
MINUTES = 45
SLIDE, CRASH, END = 5, 30, 45  # minutes from the start: 20:50, 21:15, 21:30
RECORD = (30 * 60, 42 * 60)  # seconds from the start: 21:15 to 21:27, as the public record
BLOCK_S = 15
# USD at 20:50 and at the low. BTC 117,000 to 101,500, ETH to 3,500, XRP 2.82 to 1.64 (42 %), SOL to 137 (26 % below
# 185 at 21:15), DOGE by half: press of the day, and a public analysis of the venue's chain [public]; ETH, SOL and DOGE
# at 20:50 [assumed]
PRICES_USD = {
    "BTC": (117_000.0, 101_500.0),
    "ETH": (4_100.0, 3_500.0),
    "SOL": (208.0, 137.0),
    "XRP": (2.82, 1.64),
    "DOGE": (0.245, 0.1225),
}
BY_CRASH = 0.3  # of the log fall by 21:15: BTC 112,000, SOL 185 [public]; of the others [assumed]
BACK = 0.5  # of the log fall at 21:30 [assumed]
VOLATILITY = {"BTC": 0.45, "ETH": 0.6, "SOL": 0.7, "XRP": 0.75, "DOGE": 0.75}  # a year, before: as in the priors
BEFORE_DAYS, BEFORE_SEED = 14, 20251010
# Open interest of all coins before the crash 13.8 bn USD [public]; by coin as what was liquidated there:
# 1,789.6, 1,058.2, 618.1, 83.1 and 52.8 of 5,511 M USD [public]; that the two go together [assumed]
ALL_OPEN_USD = 13.8e9
LIQUIDATED_USD = {"BTC": 1789.6e6, "ETH": 1058.2e6, "SOL": 618.1e6, "XRP": 83.1e6, "DOGE": 52.8e6}
ALL_LIQUIDATED_USD = 5511.0e6
ISOLATED = 0.05  # of open interest: isolated margin is 4.9 % of positions [public]
ISOLATED_BY_BUCKET = (0.5, 0.25, 0.25, 0.0)  # from published distances to liquidation [computed]; 40x is the most
CROSS = 0.7  # of open interest [assumed]; the rest has a leverage of 3 to 5 [assumed]
# All accounts were worth 5.1 bn USD at 20:04 [public], 0.185 of 2 * 13.8 bn. With this median distance those drawn are
# too (five seeds: 0.181 to 0.186) [computed]. By count, not by value, it is 0.38 [public]: that is a case of its own
DISTANCE, DISTANCE_BY_COUNT = 0.07, 0.38
# Sizes of positions that were closed against bankrupt ones: median 481 USD, 90 % below 27,000, 99 % below 1.04 M
# [public]: sigma 3.2; the cap [assumed]
SIZE_USD, SIZE_SIGMA, SIZE_CAP_USD = 481.0, 3.2, 10e6
# The venue's ticks at these prices: five significant figures, as its documentation says
TICKS_USD = {"BTC": 1.0, "ETH": 0.1, "SOL": 0.01, "XRP": 0.0001, "DOGE": 0.00001}
WEEK_OVER_PRIORS = 1 / 0.7  # the priors' depth is 0.7 of a normal week of October 2025
DEPTH = 0.15  # of the venue's books, over Binance's [assumed]: it trades about a tenth of Binance's volume [public]
REST = 2.25  # of the spot book, which stands for all others: 1 + 0.4 + 0.5 + 0.35 of the priors' venues


@dataclass(frozen=True)
class Case:
    """What is varied: minutes from 21:15 to the low; factors on the fall, on depth, pool and engine of the venue."""

    name: str
    minutes: int = 5
    fall: float = 1.0  # on the log fall
    depth: float = 1.0
    pool: float = 1.0
    engine: float = 1.0  # on the orders that its liquidation engine sends in a second
    rest: float = 1.0  # on the depth of all other books
    distance: float = DISTANCE  # median of cross accounts


def scenario(case: Case) -> Scenario:
    """Return the world of a case: the index follows the stated path, and what news adds to that is solved for."""
    coins = tuple(PRICES_USD)
    built = Scenario(
        name="2025-10-10",
        coins=coins,
        venues=(venue(case), on_ticks(load_venue("spot"))),
        open_usd=tuple(PRICES_USD[coin][0] for coin in coins),
        seconds=60 * MINUTES,
        priors=priors(case),
        assumptions=accounts(case),
        pre_day_usd=np.array([before_usd(coin) for coin in coins]),
        target_usd=np.array([path_usd(coin, case) for coin in coins]),
        start_ns=int(START.timestamp()) * 10**9,
    )
    return built.without("openings").with_pools(case.pool)


def path_usd(coin: str, case: Case) -> np.ndarray:
    """Return the index at the end of every block: down from 20:50, faster from 21:15, and half way back by 21:30."""
    first_usd, low_usd = PRICES_USD[coin]
    minute = np.arange(1, 60 * MINUTES // BLOCK_S + 1) * BLOCK_S / 60
    done = np.interp(minute, [SLIDE, CRASH, CRASH + case.minutes, END], [0.0, BY_CRASH, 1.0, 1.0 - BACK])
    return first_usd * np.exp(case.fall * done * np.log(low_usd / first_usd))


def before_usd(coin: str) -> np.ndarray:
    """Return a random walk that ends at the opening price, minute by minute: on it positions were opened."""
    draws = np.random.default_rng([BEFORE_SEED, list(PRICES_USD).index(coin)])
    walk = np.cumsum(draws.standard_normal(BEFORE_DAYS * 1440) * VOLATILITY[coin] / np.sqrt(365 * 1440))
    return PRICES_USD[coin][0] * np.exp(walk - walk[-1])


def venue(case: Case) -> Venue:
    """Return the venue with its ticks at these prices, and an engine as fast as told."""
    rules = on_ticks(load_venue(VENUE))
    engine = rules.liquidation.model_copy(update={"orders_per_s": round(case.engine * rules.liquidation.orders_per_s)})
    return rules.model_copy(update={"liquidation": engine})


def on_ticks(place: Venue) -> Venue:
    """Return a venue with the ticks of these prices: the markets of a coin share them."""
    terms = {coin: place.coin(coin).model_copy(update={"tick_usd": tick}) for coin, tick in TICKS_USD.items()}
    return place.model_copy(update={"coins": terms})


def priors(case: Case) -> Priors:
    """Return the shipped priors, with the depth of that week, and the venue's."""
    shipped = load_priors()
    return shipped.varied("depth", WEEK_OVER_PRIORS).changed(
        venues={VENUE: DEPTH * case.depth, "spot": REST * case.rest},
        run={"news_block_s": BLOCK_S, "map_interval_s": 60 * MINUTES, "order_slots": 400_000},
    )


def accounts(case: Case) -> LeverageAssumptions:
    """Return isolated positions, cross accounts and a rest that has little leverage, up to open interest."""
    default = default_assumptions()
    open_usd = {coin: ALL_OPEN_USD * usd / ALL_LIQUIDATED_USD for coin, usd in LIQUIDATED_USD.items()}
    gross_usd = 2 * sum(open_usd.values())
    buckets = [
        bucket.model_copy(update={"mass_usd": ISOLATED * gross_usd * share})
        for bucket, share in zip(default.buckets, ISOLATED_BY_BUCKET, strict=True)
    ]
    if default.cross is None:
        raise ValueError("the default assumptions have cross accounts")
    cross = default.cross.model_copy(
        update={
            "accounts": CROSS * gross_usd / mean_size_usd(),
            "median_usd": SIZE_USD,
            "sigma": SIZE_SIGMA,
            "cap_usd": SIZE_CAP_USD,
            "distance_median": case.distance,
            "coin_share": 0.0,  # the venue takes none
        }
    )
    rest = default.remainder.model_copy(
        update={"accounts": 50_000.0, "cap_usd": SIZE_CAP_USD, "leverages": (3.0, 5.0), "weights": (1.0, 1.0)}
    )
    return default.model_copy(
        update={
            "buckets": tuple(buckets),
            "coin_shares": {coin: usd / sum(open_usd.values()) for coin, usd in open_usd.items()},
            "venue_shares": {VENUE: 1.0},
            "open_interest_usd": open_usd,
            "remainder": rest,
            "cross": cross,
        }
    )


def mean_size_usd() -> float:
    """Return the mean of the law of cross accounts' sizes, cut at the cap."""
    from scipy.special import ndtr

    z = np.log(SIZE_CAP_USD / SIZE_USD) / SIZE_SIGMA
    return float(SIZE_USD * np.exp(0.5 * SIZE_SIGMA**2) * ndtr(z - SIZE_SIGMA) / ndtr(z))
