"""The pictures of a day, of several seeds, and of an attribution: what stands on which axes."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.figures import LEVERAGE_SHARES, VENUE_SHARES, amplification
from cascade.plots.books import (
    draw_depth,
    draw_index,
    draw_path_over,
    draw_scale,
    draw_spread,
    draw_stake,
    price_window,
    thinned,
    time_edges,
)
from cascade.plots.causes import draw_radii_by_coin, draw_radii_by_width, draw_waterfall, ranges, zoomed
from cascade.plots.payers import draw_deleveraging, draw_payers, draw_pools
from cascade.plots.style import (
    BLUE,
    BY_LEVERAGE,
    DASH,
    INK,
    MINUS,
    VERMILION,
    bucket_name,
    format_usd,
    name_hours,
    percent,
    stacked,
    style,
    write_at,
)
from cascade.result import Replay, Result
from cascade.summary import Figure, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from cascade.attribution import Attribution

VENUE_NAMES = {"binance": "Binance", "okx": "OKX", "bybit": "Bybit", "other": "other"}
BAR_MINUTES = 5


def path(result: Replay | Result, coin: str = "BTC") -> "Picture":
    """Price of a coin with and without the cascade, over the value liquidated each minute by leverage."""
    tracked = _tracked(result)
    with style():
        figure, (prices, bars) = stacked(2, height_in=4.7, ratios=(1.5, 1))
        if isinstance(result, Replay):
            _draw_pair(prices, result, coin)
        else:
            draw_index(prices, result, coin)
        _draw_liquidations(bars, tracked)
        name_hours(bars, tracked)
    return figure


def shares(replay: Replay | Summary) -> "Picture":
    """Reported shares of the liquidated value beside the simulated ones: by leverage, venue and side."""
    summary = replay.summary() if isinstance(replay, Replay) else replay
    groups = {
        "Leverage": {name: bucket_name(k) for k, name in enumerate(LEVERAGE_SHARES)},
        "Venue": {name: VENUE_NAMES[venue] for name, venue in VENUE_SHARES.items()},
        "Side": {"long_share": "long"},
    }
    with style():
        figure, axes = stacked(3, height_in=3.4, ratios=[len(group) for group in groups.values()], grid="x")
        for axis, (title, names) in zip(axes, groups.items(), strict=True):
            _draw_shares(axis, [(label, summary.figures[name]) for name, label in names.items()])
            write_at(axis, 0, 0.5, -92, 0, title, fontweight="bold")
        _head_columns(axes[0], len(summary.seeds))
        axes[-1].set_xlabel("share of liquidated value")
        axes[-1].set_xlim(0, 1)
        axes[-1].xaxis.set_major_formatter(lambda share, _: percent(share))
        for axis in axes[:-1]:
            axis.spines["bottom"].set_visible(False)
            axis.tick_params(axis="x", length=0)
    return figure


def liquidation_map(result: Result | Replay, coin: str = "BTC") -> "Picture":
    """What stood to be closed at each price through the day, with the price that came for it."""
    result = _tracked(result)
    time_ns, edges_usd, notional_usd = result.stake_usd(coin)
    with style():
        figure, (axis,) = stacked(1, height_in=4.0)
        axis.grid(False)
        low, high = price_window(result, coin)
        bins = slice(*np.searchsorted(edges_usd, (low, high)))
        mesh = draw_stake(axis, time_edges(time_ns, result), edges_usd, notional_usd, bins)
        draw_path_over(axis, result, coin)
        axis.set_ylim(low, high)
        axis.set_ylabel(f"{coin} price, USD")
        format_usd(axis)
        draw_scale(figure, mesh, axis)
        name_hours(axis, result)
    return figure


def liquidity(result: Result | Replay, coin: str = "BTC") -> "Picture":
    """Price, depth and spread of a coin's books through the day."""
    result = _tracked(result)
    books = result.books.filter(_is_coin(coin))
    with style():
        figure, (prices, depth, spread) = stacked(3, height_in=5.4, ratios=(1, 1.5, 1))
        draw_index(prices, result, coin)
        draw_depth(depth, books)
        draw_spread(spread, books)
        name_hours(spread, result)
    return figure


def branching(result: Result | Replay, coin: str = "BTC") -> "Picture":
    """How many lots a lot sold by force makes others sell, through the day: spectral radii, with the line at 1."""
    result = _tracked(result)
    with style():
        figure, (prices, widths, coins) = stacked(3, height_in=5.8, ratios=(0.8, 1.2, 1.2))
        draw_index(prices, result, coin)
        draw_radii_by_width(widths, result, coin)
        draw_radii_by_coin(coins, result)
        name_hours(coins, result)
    return figure


def pools(result: Result | Replay) -> "Picture":
    """Who pays: pools by venue and deleveraged value by coin through the day, and who bore the losses at each venue."""
    result = _tracked(result)
    with style():
        figure, (worth, deleveraged, payers) = stacked(3, height_in=6.0, ratios=(1.1, 0.9, 1.3), sharex=False)
        payers.grid(axis="both", visible=False)
        payers.grid(axis="x", visible=True)
        draw_pools(worth, result)
        draw_deleveraging(deleveraged, result)
        draw_payers(payers, result)
        worth.sharex(deleveraged)
        worth.tick_params(labelbottom=False)
        name_hours(deleveraged, result)
    return figure


def waterfall(found: "Attribution", over_priors: "Sequence[Mapping] | None" = None) -> "Picture":
    """From news to the whole fall, and to all that was liquidated: what each mechanism adds, by Shapley values."""
    told = found.as_dict()
    coin, n = found.coins[0], len(found.seeds)
    seeds = f"{n} seeds, ± standard error" if n > 1 else "one seed"
    rows = (
        (told["log_fall"][coin], 100.0, 2, f"Log fall of {coin} at its low, %", "log_fall"),
        (told["liquidated_usd"], 1e-6, 0, "Liquidated value, USD million", "liquidated_usd"),
    )
    with style():
        figure, axes = stacked(2, height_in=5.2, grid="x", sharex=False)
        for axis, (parts, scale, digits, title, key) in zip(axes, rows, strict=True):
            over = ranges(over_priors, key)
            draw_waterfall(axis, parts, scale, digits, over)
            axis.set_xlim(*zoomed(parts, scale, over))
            axis.set_title(title)
        axes[0].set_title(seeds, loc="right", fontweight="normal")
        if over_priors:
            axes[1].set_title("grey: range over priors", loc="right", fontweight="normal")
    return figure


# ── prices and liquidations ─────────────────────────────────────────────────────────────────────────────────


def _draw_pair(axis: "Axes", replay: Replay, coin: str) -> None:
    """Draw a coin's two paths, named with their lows where there is room."""
    time, with_usd = thinned(replay.tracked, coin)
    _, without_usd = thinned(replay.counterfactual, coin)
    open_usd = replay.tracked.open_usd[replay.tracked.coin_number(coin)]
    widest = int(np.argmax(np.abs(np.log(with_usd / without_usd))))
    axis.fill_between(time, with_usd, without_usd, color=BLUE, alpha=0.16, linewidth=0)
    for usd, colour, name in ((without_usd, BLUE, "without the cascade"), (with_usd, INK, "with the cascade")):
        label = f"{name}: low {MINUS}{percent(1 - usd.min() / open_usd, 2)}"
        axis.plot(time, usd, color=colour, linewidth=0.9, label=label)
    axis.legend(loc="best", frameon=False, labelcolor="linecolor", handlelength=1.4)
    axis.set_title(f"{coin} with and without the cascade")
    if coin == "BTC":
        _name_amplification(axis, replay, time[widest], open_usd, with_usd[widest], without_usd[widest])
    axis.set_ylabel("index, USD")
    axis.margins(y=0.1)
    format_usd(axis)


def _name_amplification(
    axis: "Axes", replay: Replay, time: np.datetime64, open_usd: float, with_usd: float, without_usd: float
) -> None:
    """Write the amplification at the low, and at the time when the paths are farthest apart."""
    at_low, widest = replay.amplification, amplification(open_usd, with_usd, without_usd)
    text = f"amplification {DASH if np.isnan(at_low) else f'{at_low:.3f}'} at the low"
    if not np.isnan(widest):
        text += f", {widest:.3f} at {np.datetime_as_string(time, 'm')[11:]}"
    axis.set_title(text, loc="right", fontweight="normal")


def _draw_liquidations(axis: "Axes", result: Result) -> None:
    """Draw liquidated value per minute, stacked by leverage, the lowest at the bottom; means, as a minute is thin."""
    per_bar = round(60 * BAR_MINUTES / result.step_s)
    n_bars = -(-result.index_usd.shape[1] // per_bar)
    bar, bucket = result.tape["trigger_step"] // per_bar, result.tape["bucket"].astype(np.int64)
    usd = np.bincount(bar * 4 + bucket, result.tape_notional_usd, minlength=n_bars * 4).reshape(-1, 4)
    millions_a_minute = usd / (1e6 * BAR_MINUTES)
    edges = result.step_ns(np.arange(n_bars + 1) * per_bar).astype("datetime64[ns]")
    bottom = np.zeros(n_bars)
    for k, colour in enumerate(BY_LEVERAGE):
        top = bottom + millions_a_minute[:, k]
        axis.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        bottom = top
    axis.set_title("Liquidations per minute, all coins")
    axis.set_ylabel(f"USD million, {BAR_MINUTES}-minute means")
    axis.set_ylim(0, bottom.max() * 1.06 or 1.0)
    _list_buckets(axis, usd.sum(axis=0))


def _list_buckets(axis: "Axes", by_bucket_usd: np.ndarray) -> None:
    """Name the colours above the bars, with each bucket's share of the day, in the order of the stack."""
    total = by_bucket_usd.sum()
    for k, left in enumerate((-276, -210, -136, -60)):
        share = percent(by_bucket_usd[k] / total) if total > 0 else DASH
        write_at(axis, 1, 1, left, 9, "■", color=BY_LEVERAGE[k], fontsize=11)
        write_at(axis, 1, 1, left + 12, 9, f"{bucket_name(k)}  {share}")


# ── shares ──────────────────────────────────────────────────────────────────────────────────────────────────


def _draw_shares(axis: "Axes", lines: list[tuple[str, Figure]]) -> None:
    """Draw one line a figure: reported as an open diamond, simulated as a dot on its 5-95 % range; both in numbers."""
    for y, (_, figure) in enumerate(lines):
        axis.plot([figure.p05, figure.p95], [y, y], color=BLUE, linewidth=2.6, alpha=0.35, solid_capstyle="round")
        axis.plot(figure.median, y, "o", color=BLUE, markersize=3.6, markeredgewidth=0, zorder=4)
        if isinstance(figure.reported, float):
            axis.plot(figure.reported, y, "D", markerfacecolor="none", color=VERMILION, markersize=7, zorder=3)
            if figure.sense == "more-than":
                arrow = {"arrowstyle": "->", "color": VERMILION, "shrinkA": 0, "shrinkB": 0, "linewidth": 0.9}
                axis.annotate("", (figure.reported + 0.09, y), (figure.reported + 0.013, y), arrowprops=arrow, zorder=2)
            bound = "> " if figure.sense == "more-than" else ""
            _write_beside(axis, y, f"{bound}{percent(figure.reported, 1)}", VERMILION)
        _write_beside(axis, y, percent(figure.median, 1) if figure.median == figure.median else DASH, BLUE)
    axis.set_yticks(range(len(lines)), [label for label, _ in lines])
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def _write_beside(axis: "Axes", y: float, text: str, colour: str) -> None:
    """Write a number right of the axes, into the column of what was reported or of what was simulated."""
    right = 52 if colour == VERMILION else 106
    write_at(axis, 1, y, right, 0, text, transform=axis.get_yaxis_transform(), color=colour, ha="right")


def _head_columns(axis: "Axes", n_seeds: int) -> None:
    """Name the columns of numbers, which have the colours of the marks, and say over how many seeds."""
    _write_beside(axis, -0.95, "reported", VERMILION)
    _write_beside(axis, -0.95, "simulated", BLUE)
    text = f"simulated: median and 5{DASH}95 % of {n_seeds} seeds" if n_seeds > 1 else "simulated: one seed"
    axis.set_title(text, fontweight="normal")


# ── what is drawn ────────────────────────────────────────────────────────────────────────────────────────────


def _tracked(result: Result | Replay) -> Result:
    return result.tracked if isinstance(result, Replay) else result


def _is_coin(coin: str) -> "pl.Expr":
    import polars as pl

    return pl.col("coin") == coin
