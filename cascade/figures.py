"""The figures that a replay is judged by, measured on one seed's pair of runs. Definitions, and nothing else."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cascade.result import Result

LEVERAGE_SHARES = ("share_lt_10x", "share_10_20x", "share_20_50x", "share_gt_50x")  # by leverage bucket
VENUE_SHARES = {"share_binance": "binance", "share_okx": "okx", "share_bybit": "bybit", "share_other": "other"}
COIN_DROPS = {"eth_drop": "ETH", "xrp_drop": "XRP", "sol_drop": "SOL", "doge_drop": "DOGE", "bnb_drop": "BNB"}
BTC_FIGURES = ("btc_drop", "btc_low_usd", "btc_close_usd")
FIGURES = (
    *("liquidated_usd", "liquidated_accounts", "long_share"),
    *(*LEVERAGE_SHARES, *VENUE_SHARES),
    *(*BTC_FIGURES, "peak_window_share", "peak_window_is_peak"),
    *(*COIN_DROPS, "amplification", "btc_drop_without_cascade", "tracking_rms"),
)
IMPOSED = frozenset({*BTC_FIGURES, *COIN_DROPS, "peak_window_is_peak"})  # the tracked path decides them, not the model
FRACTIONS_OF_SEEDS = frozenset({"peak_window_is_peak"})  # true or false for one seed
PEAK_HOURS_UTC = (14, 16)  # the window whose share of the liquidated value is a figure: facts/2026-02-06.toml
NS_PER_HOUR = 3_600_000_000_000
LEAST_LOG_FALL = 0.002  # without the cascade; of less than that, an amplification says nothing


def measure(tracked: "Result", counterfactual: "Result") -> dict[str, float]:
    """Return every figure of `FIGURES`; nan where it has no meaning (a share of nothing)."""
    figures = {**_liquidated(tracked), **_by_hour(tracked), **_falls(tracked), **_attribution(tracked, counterfactual)}
    return {name: float(figures[name]) for name in FIGURES}


def amplification(open_usd: float, with_usd: float, without_usd: float) -> float:
    """Return the log fall with the cascade over that without it; nan where the latter is nearly nothing."""
    log_without = np.log(open_usd / without_usd)
    return float(np.log(open_usd / with_usd) / log_without) if log_without >= LEAST_LOG_FALL else np.nan


def describe_news(result: "Result") -> dict[str, float]:
    """Return what the news is like that was solved for: spread of a block's log change, and autocorrelation, of BTC.

    News that cancelled the market's own noise would show: its autocorrelation would be far below zero.
    """
    news = result.news[result.coins.index("BTC")] if "BTC" in result.coins else result.news[0]
    moved = news - news.mean()
    variance = float(np.mean(moved**2))
    lag1, lag2 = (float(np.mean(moved[k:] * moved[:-k])) / variance if variance > 0 else 0.0 for k in (1, 2))
    return {"std_bp": 1e4 * variance**0.5, "autocorrelation_1": lag1, "autocorrelation_2": lag2}


def _liquidated(result: "Result") -> dict[str, float]:
    """Liquidated value (lots times mark at the trigger), its accounts, and its shares by side, leverage, venue."""
    tape, notional_usd = result.tape, result.tape_notional_usd
    n_venues = len(result.venues)
    by_bucket = np.bincount(tape["bucket"], notional_usd, minlength=4)
    by_venue = np.bincount(tape["market"] % n_venues, notional_usd, minlength=n_venues)
    venue_usd = dict(zip(result.venues, by_venue, strict=True))
    total_usd = float(notional_usd.sum())
    shares = {name: _share(usd, total_usd) for name, usd in zip(LEVERAGE_SHARES, by_bucket, strict=True)}
    shares |= {name: _share(venue_usd.get(venue, 0.0), total_usd) for name, venue in VENUE_SHARES.items()}
    return {
        "liquidated_usd": total_usd,
        "liquidated_accounts": len(np.unique(tape["account"])),
        "long_share": _share(notional_usd[tape["side"] > 0].sum(), total_usd),
        **shares,
    }


def _by_hour(result: "Result") -> dict[str, float]:
    """Share of the reported peak window, and whether it is the largest of the hour-aligned two-hour windows."""
    first, last = PEAK_HOURS_UTC
    time_ns = result.step_ns(result.tape["trigger_step"])
    midnight_ns = result.start_ns - result.start_ns % (24 * NS_PER_HOUR)
    by_hour = np.bincount((time_ns - midnight_ns) // NS_PER_HOUR, result.tape_notional_usd, minlength=24)
    windows = by_hour[:-1] + by_hour[1:]
    is_peak = np.argmax(windows) == first if by_hour.any() else np.nan
    return {
        "peak_window_share": _share(by_hour[first:last].sum(), by_hour.sum()),
        "peak_window_is_peak": is_peak,
    }


def _falls(result: "Result") -> dict[str, float]:
    """Falls of the index from the open to the lowest second; nan for a coin that is not simulated."""
    drops = dict(zip(result.coins, 1 - result.index_usd.min(axis=1) / result.open_usd, strict=True))
    btc = result.index_usd[result.coins.index("BTC")] if "BTC" in result.coins else np.array([np.nan])
    falls = {name: drops.get(coin, np.nan) for name, coin in COIN_DROPS.items()}
    return {"btc_drop": drops.get("BTC", np.nan), "btc_low_usd": btc.min(), "btc_close_usd": btc[-1], **falls}


def _attribution(tracked: "Result", counterfactual: "Result") -> dict[str, float]:
    """How much deeper BTC fell than on the same news without liquidation orders, and how well the path was met."""
    if "BTC" not in tracked.coins:
        return {"amplification": np.nan, "btc_drop_without_cascade": np.nan, "tracking_rms": np.nan}
    btc = tracked.coins.index("BTC")
    open_usd, with_usd, without_usd = tracked.open_usd[btc], tracked.index_usd[btc], counterfactual.index_usd[btc]
    low = np.argmin(with_usd)
    return {
        "amplification": amplification(open_usd, with_usd[low], without_usd[low]),
        "btc_drop_without_cascade": 1 - without_usd.min() / counterfactual.open_usd[btc],
        "tracking_rms": _tracking_rms(tracked, btc),
    }


def _tracking_rms(result: "Result", coin: int) -> float:
    """RMS log error of the index against the target at minute closes."""
    if result.target_usd is None:
        return np.nan
    target_usd = result.target_usd[coin]
    close = np.rint(np.arange(1, len(target_usd) + 1) * (60 / result.step_s)).astype(np.int64) - 1
    error = np.log(result.index_usd[coin, close] / target_usd)
    return np.sqrt(np.mean(error**2))


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else np.nan
