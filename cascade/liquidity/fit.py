"""Recorded markets -> their liquidity: arrival, cancel and trade rates, sizes, depth, lifetimes, moves; with errors."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cascade.config import between_quantiles, load_priors
from cascade.errors import InvalidConfigError, InvalidTapeError
from cascade.liquidity import microstructure as measure
from cascade.liquidity.file import LiquidityFit
from cascade.liquidity.microstructure import (
    BANDS_BP,
    DISTANCES,
    LAGS_S,
    PROBABILITIES,
    SURVIVAL_S,
    Figure,
    Seconds,
    bootstrapped,
)
from cascade.liquidity.observing import FLOW_BP, Flow, observe
from cascade.tape import Tape, read
from cascade.units import S_PER_DAY

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "USD", "PERP")  # what a symbol may end with
NEAR = 1e-3  # distance within which a recording's depth is taken as it is; beyond, the priors' shape carries it on
SIZE_PROBABILITIES = (0.0, *(k / 20 for k in range(1, 20)), 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
MIDDLES = (np.arange(1024) + 0.5) / 1024  # where the mean of sizes is taken
ORDERS_A_ROUND = 2.0  # of takers, on average: books are filled up between rounds
RECOVERY_S = 10  # lag at which the return of depth to its mean is measured


def fit_liquidity(
    paths: Sequence[str | Path], coin: str | None = None, wide_kappa: float | None = None
) -> LiquidityFit:
    """Estimate a market's liquidity from files of its depth and trades.

    Parameters
    ----------
    paths : sequence of str or Path
        One market's files, in the order of time; depth and trades may stand in different files.
    coin : str, optional
        Where the files do not say of which they are; by default the symbol without its quote currency.
    wide_kappa : float, optional
        Exponent of depth beyond 0.1% of the mid, by which the depth within 1% follows from that within 0.1%; by default
        the shipped priors'. Recordings of updates know the book there only as far as it has changed since they began.

    Raises
    ------
    InvalidTapeError
        If a file cannot be read, repeats one before it, is full of flaws, or of another coin; if they hold too little:
        no snapshot, no trades, less than two minutes.
    InvalidConfigError
        If the coin is no name.
    """
    tapes = [read(path) for path in paths]
    symbol = symbol_of(tapes)
    name = named(coin, symbol)
    market, flow = observe(tapes)
    reports = tuple(tape.report for tape in tapes)
    measured = measure_all(market, flow)
    wide = wide_kappa if wide_kappa is not None else load_priors().liquidity.kappa
    return LiquidityFit(name, symbol, reports, market, measured, CLASSES, priors_of(market, measured, wide))


def symbol_of(tapes: Sequence[Tape]) -> str:
    """Return the one symbol that the files' first blocks say, or nothing; refuses files of several."""
    for tape in tapes:
        next(iter(tape), None)
    symbols = {tape.report.symbol for tape in tapes if tape.report.symbol}
    if len(symbols) > 1:
        raise InvalidTapeError(f"the files are of {', '.join(sorted(symbols))}; fit one market at a time")
    return next(iter(symbols), "")


def named(coin: str | None, symbol: str) -> str:
    """Return the coin by its symbol, or the given one where the files have none; the two must not differ."""
    if coin is not None and not (coin.isascii() and coin.isalnum()):
        raise InvalidConfigError(f"the coin must be letters and digits, got {coin!r}; give a name such as BTC")
    said = coin_of(symbol)
    if not (said or coin):
        raise InvalidTapeError("the files do not say which coin they are of; name it with --coin")
    if coin and said and coin.upper() != said:
        raise InvalidTapeError(f"the files are of {symbol}, not of {coin}; leave --coin out, or give other files")
    return said or str(coin)


def coin_of(symbol: str) -> str:
    """Return the coin of a symbol such as BTCUSDT, BTC/USDT:USDT or BTC-PERP."""
    base = symbol.upper().partition("/")[0].partition("-")[0].partition("_")[0]
    for quote in QUOTES:
        if base.endswith(quote) and base != quote:
            return base.removesuffix(quote)
    return base


# ── measured ─────────────────────────────────────────────────────────────────────────────────────────────────
CLASSES: Mapping[str, Sequence[float]] = {
    "depth_usd_within": DISTANCES,
    "order_usd_quantiles": PROBABILITIES,
    "inserted_per_s_from_bp": FLOW_BP,
    "inserted_usd_per_s_from_bp": FLOW_BP,
    "removed_per_s_from_bp": FLOW_BP,
    "removed_usd_per_s_from_bp": FLOW_BP,
    "inserted_usd_quantiles": PROBABILITIES,
    "signature_bp2_per_s_by_lag_s": LAGS_S,
    **{f"value_left_after_s_{near:g}_to_{far:g}_bp": SURVIVAL_S for near, far in BANDS_BP},
}


def measure_all(market: Seconds, flow: Flow) -> dict[str, Figure]:
    """Return everything that is measured."""
    spread, depth = market.spread_ticks, market.mean_depth_usd[:, DISTANCES.index(NEAR)]
    seconds = len(market)
    left = measure.survival(market)
    rate = {}
    for name, came in (("inserted", flow.inserted), ("removed", flow.removed)):
        for k, unit in enumerate(("", "_usd")):
            rate[f"{name}{unit}_per_s_from_bp"] = _rate(came[:, :, k], seconds)
    usd = _usd_per_s(market)
    traded = bootstrapped(lambda i: usd[i].mean(), seconds)
    removed = _rate(flow.removed[:, :, 1].sum(axis=1), seconds)
    return {
        "spread_ticks_median": bootstrapped(lambda i: np.median(spread[i]), seconds),
        "spread_one_tick_share": bootstrapped(lambda i: (spread[i] == 1).mean(), seconds),
        "touch_usd": measure.touch(market),
        "kappa_1_to_10_bp": measure.kappa(market),
        "orders_per_s": measure.orders_per_s(market),
        "orders_dispersion": measure.dispersion(market),
        "order_usd_mean": bootstrapped(lambda i: _mean_order(market, i), seconds),
        "traded_usd_per_s": traded,
        "cancelled_usd_per_s": Figure(removed.value - traded.value, np.hypot(removed.error, traded.error)),
        "depth_returns_per_minute": bootstrapped(lambda i: _recovery(depth, i), seconds - RECOVERY_S),
        "gone_after_a_minute": _gone(left, market),
        "unexplained_bp2_per_s": measure.unexplained(market),
        "depth_usd_within": measure.depth(market),
        "order_usd_quantiles": measure.size_quantiles(market),
        **rate,
        "inserted_usd_quantiles": _insert_quantiles(flow),
        "signature_bp2_per_s_by_lag_s": measure.signature(market),
        **{
            f"value_left_after_s_{near:g}_to_{far:g}_bp": Figure(left.value[b], left.error[b])
            for b, (near, far) in enumerate(BANDS_BP)
        },
    }


def _rate(of_row: np.ndarray, seconds: int) -> Figure:
    """Return the rate per second of rows that are about a second each."""
    figure = bootstrapped(lambda i: of_row[i].mean(axis=0), len(of_row))
    scale = len(of_row) / seconds
    return Figure(figure.value * scale, figure.error * scale)


def _usd_per_s(market: Seconds) -> np.ndarray:
    return np.bincount(market.order_second, market.order_usd, len(market))[: len(market)]


def _mean_order(market: Seconds, seconds: np.ndarray) -> float:
    counts = np.bincount(market.order_second, minlength=len(market))[: len(market)]
    return float(_usd_per_s(market)[seconds].sum() / max(1, counts[seconds].sum()))


def _recovery(depth: np.ndarray, first: np.ndarray) -> float:
    """Return the rate per minute at which the log of depth returns to its mean."""
    logs = np.log(depth)
    x, y = logs[first] - logs.mean(), logs[first + RECOVERY_S] - logs.mean()
    if not (x @ x) > 0:
        return float("nan")  # it never left its mean
    return float(-60.0 / RECOVERY_S * np.log(np.clip((x @ y) / (x @ x), 1e-6, 1.0)))


def _gone(left: Figure, market: Seconds) -> Figure:
    """Return the share of the value within 0.1% that is gone after a minute, from what is left by distance."""
    depths = np.interp([1e-4 * far for _, far in BANDS_BP], DISTANCES, measure.depth(market).value)
    weights = np.diff(depths, prepend=0.0) / depths[-1]
    return Figure(1.0 - weights @ left.value[:, -1], np.sqrt(weights**2 @ left.error[:, -1] ** 2))


def _insert_quantiles(flow: Flow) -> Figure:
    """Return quantiles of what is inserted at one price at once."""

    def quantiles(rows: np.ndarray) -> np.ndarray:
        sizes = np.concatenate([flow.sizes_usd[i] for i in rows])
        return np.quantile(sizes, PROBABILITIES) if len(sizes) else np.full(len(PROBABILITIES), np.nan)

    return bootstrapped(quantiles, len(flow.sizes_usd))


# ── measured -> priors ───────────────────────────────────────────────────────────────────────────────────────
def priors_of(market: Seconds, measured: dict[str, Figure], wide_kappa: float) -> dict[str, dict[str, Any]]:
    """Return the priors that follow: those of the coin, of liquidity, of flow."""
    near = float(measured["depth_usd_within"].value[DISTANCES.index(NEAR)])
    wide = near * (0.01 / NEAR) ** wide_kappa
    sizes = np.quantile(market.order_usd, SIZE_PROBABILITIES)
    variance = float(measured["signature_bp2_per_s_by_lag_s"].value[:5].mean())
    volatility = np.sqrt(variance * 365 * S_PER_DAY) * 1e-4
    orders_per_s = float(measured["orders_per_s"].value)
    return {
        "coin": {
            "depth_1pct_usd": _rounded(wide),
            "volatility": _rounded(max(volatility, 0.01)),
        },
        "liquidity": {
            "kappa": wide_kappa,
            **_profile(measured, wide),
            **lifetimes(measured),
            "touch_over_depth": _rounded(float(measured["touch_usd"].value) / wide),
            "taken_share": 0.0,  # those who take quotes that lag are among the recorded takers already
        },
        "flow": {
            "noise_per_s": _rounded(orders_per_s),
            "noise_dispersion": _rounded(max(0.0, float(measured["orders_dispersion"].value))),
            "noise_over_depth": _rounded(between_quantiles(SIZE_PROBABILITIES, sizes.tolist(), MIDDLES).mean() / wide),
            "value_bp_per_sqrt_s": _rounded(np.sqrt(float(measured["unexplained_bp2_per_s"].value))),
            "noise_probabilities": list(SIZE_PROBABILITIES),
            "noise_sizes": [_rounded(size) for size in sizes],
        },
        "run": {"rounds": min(64, math.ceil(orders_per_s / ORDERS_A_ROUND))},
    }


def _profile(measured: dict[str, Figure], wide: float) -> dict[str, list[float]]:
    """Return depth within 0.1% and nearer, over that within 1%: what is at the touch is posted besides."""
    points: list[tuple[float, float]] = []
    for u, depth in zip(DISTANCES, measured["depth_usd_within"].value, strict=True):
        beyond = _rounded((depth - measured["touch_usd"].value) / wide)
        if u <= NEAR and beyond > max((share for _, share in points), default=0.0):
            points.append((u, beyond))
    return {"profile_distances": [u for u, _ in points], "profile_depths": [share for _, share in points]}


def lifetimes(measured: dict[str, Figure]) -> dict[str, float]:
    """Return the mean lifetime at the touch and its growth with distance, by what is left after 10 s, if known."""
    at_10_s = SURVIVAL_S.index(10)
    left = [measured[f"value_left_after_s_{near:g}_to_{far:g}_bp"] for near, far in BANDS_BP]
    middle_bp = np.array([0.5 * (near + far) for near, far in BANDS_BP])
    known = [k for k, figure in enumerate(left) if np.isfinite(figure.value[at_10_s])]
    if len(known) < 2:
        return {}
    left, middle_bp = [left[k] for k in known], middle_bp[known]
    share = np.array([np.clip(figure.value[at_10_s], 0.01, 0.99) for figure in left])
    life_s = -10.0 / np.log(share)
    error = np.array([figure.error[at_10_s] for figure in left]) * life_s**2 / (10.0 * share)
    growth, near = np.polyfit(middle_bp, life_s, 1, w=1.0 / np.maximum(error, 1e-3))
    return {"lifetime_near_s": _rounded(max(near, 1.0)), "lifetime_per_bp_s": _rounded(max(growth, 0.0))}


def _rounded(value: float) -> float:
    return float(f"{float(value):.4g}")
