"""A sale in calm and its twin without the sale: how far the price falls, and how much of the fall is left later.

Both runs share the seed, so that everything else that moves the price cancels in the difference. A sale ends with a
minute, because books are recorded at the end of minutes: the immediate fall is read off the book, and not off what
providers learn from it.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from cascade.config import Priors, load_priors
from cascade.engine import simulate
from cascade.errors import InvalidConfigError
from cascade.facts import load_event
from cascade.result import Result
from cascade.scenario import Programme, Scenario, load_venues

MINUTE_S = 60


@dataclass(frozen=True)
class Sale:
    """A sale split over a coin's venues by depth, in equal slices over `seconds` that end at `stop_s`."""

    over_depth: float  # value over the depth within 1%, of the same venues
    seconds: int = 1
    stop_s: int = 600


@dataclass(frozen=True)
class Response:
    """What a sale did to the price, by seed; falls are logarithms, positive."""

    sale: Sale
    implied_fall: float  # by the profile that providers aim at
    bid_fall: np.ndarray  # float64, (seeds,): of the best bid at the end of the last second of selling
    reference_fall: np.ndarray  # float64, (seeds, steps): of R, against the twin's
    index_fall: np.ndarray  # float64, (seeds, steps)

    @property
    def immediate(self) -> tuple[float, float]:
        """Mean fall of the best bid, weighted by depth over the venues, and its standard error."""
        return float(self.bid_fall.mean()), float(self.bid_fall.std(ddof=1) / math.sqrt(len(self.bid_fall)))

    def left(self, after_s: int, price: str = "reference") -> tuple[float, float]:
        """Return the share of the immediate fall that is left this long after the sale, and its standard error.

        Of the "reference" that providers quote around, or of the "index"; a ratio of means over the seeds.
        """
        later = (self.reference_fall if price == "reference" else self.index_fall)[:, self.sale.stop_s - 1 + after_s]
        share = later.mean() / self.bid_fall.mean()
        scatter = (later - share * self.bid_fall).std(ddof=1) / self.bid_fall.mean()
        return float(share), float(scatter / math.sqrt(len(later)))


def calm(coin: str = "BTC", seconds: int = 3600, priors: Priors | None = None, event: str = "2026-02-06") -> Scenario:
    """Return a world of one coin at all venues, without news and without leverage, at the event's opening price."""
    priors = priors or load_priors()
    open_usd = load_event(event).open_usd(coin)
    return Scenario(
        name=f"{coin} in calm",
        coins=(coin,),
        venues=load_venues(priors.venues),
        open_usd=(open_usd,),
        seconds=seconds,
        priors=priors,
    )


def implied_fall(priors: Priors, over_depth: float) -> float:
    """Return the log fall `-log(1 - u)` at which the book's profile and its touch hold `over_depth` of the 1% depth."""
    beyond_touch = max(0.0, over_depth - priors.liquidity.touch_over_depth)
    return -math.log1p(-0.01 * beyond_touch ** (1.0 / priors.liquidity.kappa))


def slices(scenario: Scenario, sale: Sale) -> tuple[Programme, ...]:
    """Return the sale as programmes of the scenario's first coin, one at each venue.

    Raises
    ------
    InvalidConfigError
        If the sale does not end with a minute of the scenario, or sells less than a lot a second.
    """
    if sale.stop_s % MINUTE_S or not sale.seconds <= sale.stop_s < scenario.seconds:
        raise InvalidConfigError(
            f"a sale must end with a minute before the scenario's end at {scenario.seconds} s and last at most until "
            f"then, got {sale}; books are recorded at the end of minutes"
        )
    coin, (_, lot_base, _) = scenario.coins[0], scenario.grid[0]
    lots = [
        round(sale.over_depth * depth_usd / sale.seconds / (lot_base * scenario.open_usd[0]))
        for depth_usd in depths_usd(scenario)
    ]
    if min(lots) < 1:
        raise InvalidConfigError(f"{sale} is less than one lot a second at some venue; sell more, or faster")
    first = sale.stop_s - sale.seconds
    return tuple(
        Programme(coin, venue.name, "sell", first, sale.stop_s, n)
        for venue, n in zip(scenario.venues, lots, strict=True)
    )


def impulse_responses(
    scenario: Scenario, sales: Sequence[Sale], seeds: Sequence[int], threads: int = 1
) -> list[Response]:
    """Run every sale and its twin without, for every seed.

    Parameters
    ----------
    scenario : Scenario
        Where to sell; `calm` makes one.
    sales : sequence of Sale
        Each is made in runs of its own.
    seeds : sequence of int
        At least two: standard errors are over seeds.
    threads : int
        Seeds side by side.
    """
    if len(seeds) < 2:
        raise InvalidConfigError(f"standard errors need at least two seeds, got {len(seeds)}")
    worlds = [scenario.changed(programmes=slices(scenario, sale)) for sale in sales]
    weights = depths_usd(scenario) / depths_usd(scenario).sum()

    def falls(seed: int) -> list[tuple[float, np.ndarray, np.ndarray]]:
        twin = simulate(scenario, seed)
        return [_falls(simulate(world, seed), twin, sale, weights) for world, sale in zip(worlds, sales, strict=True)]

    with ThreadPoolExecutor(threads) as pool:
        by_seed = list(pool.map(falls, seeds))
    return [
        Response(sale, implied_fall(scenario.priors, sale.over_depth), *map(np.array, zip(*rows, strict=True)))
        for sale, rows in zip(sales, zip(*by_seed, strict=True), strict=True)
    ]


def depths_usd(scenario: Scenario) -> np.ndarray:
    """Return the stated depth of the first coin within 1%, on one side, at every venue of the scenario."""
    priors = scenario.priors
    return priors.coins[scenario.coins[0]].depth_1pct_usd * np.array([priors.venues[v.name] for v in scenario.venues])


def _falls(sold: Result, twin: Result, sale: Sale, weights: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the falls of the best bid at the sale's end, of the reference and of the index at every step."""
    minute = sale.stop_s // MINUTE_S - 1
    bids = [run.minutes[minute]["bid_tick"] + run.floor_tick for run in (twin, sold)]
    return (
        float(weights @ np.log(bids[0] / bids[1])),
        np.log(twin.reference_usd[0] / sold.reference_usd[0]),
        np.log(twin.index_usd[0] / sold.index_usd[0]),
    )
