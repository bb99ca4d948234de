"""Price paths from anchors: what was reported of a day, and Brownian bridges between.

The construction is the same for every run: its only chance is `event.path.seed`. A bridge is tied to its anchors
exactly; where the path must not go (below the day's low, far above its open) it is folded back like light in a mirror,
which keeps its volatility. The other coins follow Bitcoin by a stated relation, with a bridge of their own.
"""

from dataclasses import dataclass

import numpy as np

from cascade.errors import UnknownCoinError, did_you_mean
from cascade.facts import MINUTES_PER_DAY, CoinPath, Event
from cascade.tape import Candles
from cascade.units import NS_PER_S

NS_PER_MINUTE = 60 * NS_PER_S
MINUTES_PER_YEAR = 365 * MINUTES_PER_DAY
BEFORE, WITHIN = 0, 1  # stretches of time, each with draws of its own


@dataclass(frozen=True)
class PricePath:
    """A price, minute by minute."""

    time_ns: np.ndarray  # int64, (minutes,), UTC
    usd: np.ndarray  # float64, (minutes,)
    provenance: dict


def pre_day_path(event: Event, coin: str, open_usd: float | None = None, seed: int | None = None) -> PricePath:
    """Return the price before the day, from the first anchor to the opening price, both included.

    Bitcoin: log-linear between the anchors, with bridges at the stated volatility. Another coin: Bitcoin's log path
    times the coin's beta, with a bridge of its own, so that it ends at the coin's opening price.

    Parameters
    ----------
    event : Event
        Holds anchors, volatilities and betas.
    coin : str
        "BTC", or a coin of `event.path.coins`.
    open_usd : float, optional
        Where the path ends; moves the whole path by a factor. By default the event's opening price.
    seed : int, optional
        Of the bridges; by default the event's.
    """
    facts, seed = event.path, event.path.seed if seed is None else seed
    anchor_ns = np.array([*(anchor.time_ns for anchor in facts.before), event.start_ns])
    knots = (anchor_ns - anchor_ns[0]) // NS_PER_MINUTE
    log_anchors = np.log([*(anchor.usd for anchor in facts.before), facts.open_usd])
    log_btc = np.interp(np.arange(knots[-1] + 1), knots, log_anchors)
    log_btc += _bridges(knots, facts.volatility_before, _generator(seed, BEFORE, "BTC"))
    log_path = log_btc - log_btc[-1]
    provenance = {"built": "anchors and Brownian bridges", "seed": seed, "volatility": facts.volatility_before}
    if coin != "BTC":
        stated = _stated(event, coin)
        bridge = _bridges(knots[[0, -1]], stated.volatility_before, _generator(seed, BEFORE, coin))
        log_path = stated.beta * log_path + bridge
        provenance |= {"follows": "BTC", "beta": stated.beta, "own_volatility": stated.volatility_before}
    usd = (event.open_usd(coin) if open_usd is None else open_usd) * np.exp(log_path)
    sources = [anchor.source for anchor in facts.before]
    return PricePath(anchor_ns[0] + np.arange(len(usd)) * NS_PER_MINUTE, usd, provenance | {"sources": sources})


def day_path(event: Event, coin: str, seed: int | None = None) -> PricePath:
    """Return the price at each of the day's 1440 minute closes, from the event's anchors.

    Bitcoin: log-linear between the anchors, with bridges at the stated volatility, folded so that the anchor that is
    lowest is the day's low, and that no price lies above the open by more than `highest_rise`. Another coin: see
    `day_path_from_candles`.
    """
    facts, seed = event.path, event.path.seed if seed is None else seed
    log_btc = _log_day(event, seed)
    provenance = {"built": "anchors and Brownian bridges", "seed": seed, "volatility": facts.volatility_within}
    provenance["sources"] = [f"{anchor.time}: {anchor.source}" for anchor in facts.within]
    if coin == "BTC":
        return _closes(event.start_ns, facts.open_usd * np.exp(log_btc), provenance)
    return _following(event, coin, log_btc, seed, event.start_ns, provenance)


def day_path_from_candles(event: Event, coin: str, candles: Candles, seed: int | None = None) -> PricePath:
    """Return the price at each of the day's 1440 minute closes, from a day of Bitcoin's candles.

    Bitcoin: the closes, at the candles' own prices; its open is `candles.open_usd[0]`. Another coin: Bitcoin's log path
    since its open times ln(1 - the coin's stated fall) / ln(1 - Bitcoin's), with a bridge of its own that is tied to
    the open, Bitcoin's low and the close, and folded so that the coin's low stands there too.
    """
    seed = event.path.seed if seed is None else seed
    closes_usd = candles.minute_closes()
    provenance = {"built": f"candles ({candles.source_format})", "file": candles.path, "day": candles.day}
    provenance |= {"interval_s": candles.interval_ns // NS_PER_S, "interpolated": candles.interval_ns > NS_PER_MINUTE}
    start_ns, open_usd = int(candles.time_ns[0]), candles.open_usd[0]
    if coin == "BTC":
        return _closes(start_ns, np.array([open_usd, *closes_usd]), provenance)
    log_btc = np.log([1.0, *(closes_usd / open_usd)])
    return _following(event, coin, log_btc, seed, start_ns, provenance)


def _log_day(event: Event, seed: int) -> np.ndarray:
    """Return the log of Bitcoin's price over its open, at minutes 0 to 1440."""
    facts = event.path
    knots = np.array([0, *(anchor.minute for anchor in facts.within)])
    log_anchors = np.log1p([0.0, *(-fall for fall in facts.falls)])
    log_path = np.interp(np.arange(MINUTES_PER_DAY + 1), knots, log_anchors)
    log_path += _bridges(knots, facts.volatility_within, _generator(seed, WITHIN, "BTC"))
    highest = max(np.log1p(facts.highest_rise), log_anchors.max())
    lowest = _clear_of_low(event, log_anchors.min(), knots[np.argmin(log_anchors)])
    folded = _folded(log_path, lowest, highest)
    folded[knots] = log_anchors
    return folded


def _clear_of_low(event: Event, low: float, minute: int) -> np.ndarray:
    """Return the least log price at minutes 0 to 1440: the low at its minute, above it by a margin elsewhere.

    Without the margin the folded path touches its low again and again, and the low's time would be drawn by a seed's
    noise. The margin opens over some minutes, so that the low is no spike.
    """
    away = np.abs(np.arange(MINUTES_PER_DAY + 1) - minute) / event.path.low_width_min
    return low + event.path.clear_of_low * np.minimum(1.0, away)


def _following(event: Event, coin: str, log_btc: np.ndarray, seed: int, start_ns: int, provenance: dict) -> PricePath:
    """Return the path of a coin that follows Bitcoin's log path (minutes 0 to 1440, from 0)."""
    stated = _stated(event, coin)
    ratio = np.log1p(-stated.fall) / np.log1p(-max(event.path.falls))
    low = int(np.argmin(log_btc))
    knots = np.unique([0, low, MINUTES_PER_DAY])
    log_path = ratio * log_btc + _bridges(knots, stated.volatility_within, _generator(seed, WITHIN, coin))
    log_path = _folded(log_path, _clear_of_low(event, ratio * log_btc[low], low), np.inf)
    log_path[knots] = ratio * log_btc[knots]
    provenance = provenance | {"follows": "BTC", "log_ratio": ratio, "own_volatility": stated.volatility_within}
    return _closes(start_ns, stated.open_usd * np.exp(log_path), provenance | {"source": stated.source})


def _closes(start_ns: int, usd: np.ndarray, provenance: dict) -> PricePath:
    """Return minutes 1 to 1440 of prices at minutes 0 to 1440."""
    return PricePath(start_ns + np.arange(1, len(usd)) * NS_PER_MINUTE, usd[1:].copy(), provenance)


def _stated(event: Event, coin: str) -> CoinPath:
    if coin not in event.path.coins:
        raise UnknownCoinError(f"{event.name}: no path is stated for coin {coin!r}{did_you_mean(coin, event.coins)}")
    return event.path.coins[coin]


def _generator(seed: int, stretch: int, coin: str) -> np.random.Generator:
    """Return draws for one coin and stretch of time, the same whatever other coins there are."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stretch, *coin.encode()])))


def _bridges(knots: np.ndarray, volatility: float, draws: np.random.Generator) -> np.ndarray:
    """Return Brownian bridges of a yearly volatility between minutes `knots`, exactly 0 at each."""
    steps = draws.standard_normal(knots[-1] - knots[0]) * volatility / np.sqrt(MINUTES_PER_YEAR)
    walk = np.concatenate([[0.0], np.cumsum(steps)])
    bridge = walk - np.interp(np.arange(len(walk)), knots - knots[0], walk[knots - knots[0]])
    bridge[knots - knots[0]] = 0.0
    return bridge


def _folded(path: np.ndarray, low: np.ndarray, high: float) -> np.ndarray:
    """Return the path with what lies beyond `low` (minute by minute) or `high` reflected, as often as it takes."""
    if np.isinf(high):
        return low + np.abs(path - low)
    width = high - low
    return np.clip(high - np.abs((path - low) % (2 * width) - width), low, high)
