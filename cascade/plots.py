"""Results as pictures, fit for a paper: functions from a result to a Figure, which compute nothing heavy."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.figures import LEVERAGE_SHARES, VENUE_SHARES
from cascade.plotstyle import (
    BLUE,
    BY_LEVERAGE,
    DASH,
    GREY,
    INK,
    MINUS,
    STAKE_COLOURS,
    VERMILION,
    bucket_name,
    format_usd,
    name_hours,
    percent,
    plain_log,
    stacked,
    style,
)
from cascade.result import Replay, Result
from cascade.summary import Figure, Summary

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure as Picture

VENUE_NAMES = {"binance": "Binance", "okx": "OKX", "bybit": "Bybit", "other": "other"}


def path(result: Replay | Result, coin: str = "BTC") -> "Picture":
    """Price of a coin with and without the cascade, over the value liquidated each minute by leverage."""
    tracked = _tracked(result)
    with style():
        figure, (prices, bars) = stacked(2, height_in=4.7, ratios=(1.5, 1))
        if isinstance(result, Replay):
            _draw_pair(prices, result, coin)
        else:
            _draw_index(prices, result, coin)
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
        figure, axes = stacked(3, height_in=3.9, ratios=[len(group) for group in groups.values()], grid="x")
        for axis, (title, names) in zip(axes, groups.items(), strict=True):
            _draw_shares(axis, [(label, summary.figures[name]) for name, label in names.items()])
            axis.set_ylabel(title, rotation=0, ha="left", va="center", fontweight="bold")
            axis.yaxis.set_label_coords(-0.2, 0.5)
        _explain_marks(axes[0], len(summary.seeds))
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
        low, high = _price_window(result, coin)
        bins = slice(*np.searchsorted(edges_usd, (low, high)))
        mesh = _draw_stake(axis, _time_edges(time_ns, result), edges_usd, notional_usd, bins)
        _draw_path_over(axis, result, coin)
        axis.set_ylim(low, high)
        axis.set_ylabel(f"{coin} price, USD")
        format_usd(axis)
        _draw_scale(figure, mesh, axis)
        name_hours(axis, result)
    return figure


def liquidity(result: Result | Replay, coin: str = "BTC") -> "Picture":
    """Price, depth and spread of a coin's books through the day."""
    result = _tracked(result)
    books = result.books.filter(_is_coin(coin))
    with style():
        figure, (prices, depth, spread) = stacked(3, height_in=5.4, ratios=(1, 1.5, 1))
        _draw_index(prices, result, coin)
        _draw_depth(depth, books)
        _draw_spread(spread, books)
        name_hours(spread, result)
    return figure


# ── prices and liquidations ─────────────────────────────────────────────────────────────────────────────────


def _draw_pair(axis: "Axes", replay: Replay, coin: str) -> None:
    """Draw a coin's two paths, named at the low, where they are farthest apart."""
    time, with_usd = _thinned(replay.tracked, coin)
    _, without_usd = _thinned(replay.counterfactual, coin)
    open_usd = replay.tracked.open_usd[replay.tracked.coin_number(coin)]
    axis.fill_between(time, with_usd, without_usd, color=BLUE, alpha=0.16, linewidth=0)
    low = int(np.argmin(with_usd))
    outward = -1 if low > 0.4 * len(time) else 1
    for usd, colour, name, up in ((without_usd, BLUE, "without", 13), (with_usd, INK, "with the cascade", -4)):
        axis.plot(time, usd, color=colour, linewidth=0.9)
        axis.annotate(
            f"{name}  {MINUS}{percent(1 - usd.min() / open_usd, 2)}",
            (time[low], usd[low]),
            xytext=(outward * 40, up),
            textcoords="offset points",
            color=colour,
            ha="right" if outward < 0 else "left",
            va="center",
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 2},
        )
    axis.set_title(f"{coin} with and without the cascade")
    if coin == "BTC":
        axis.set_title(f"amplification {replay.amplification:.3f}", loc="right", fontweight="normal")
    axis.set_ylabel("index, USD")
    axis.margins(y=0.1)
    format_usd(axis)


def _draw_liquidations(axis: "Axes", result: Result) -> None:
    """Draw liquidated value per minute, stacked by leverage, the lowest at the bottom."""
    per_minute = round(60 / result.step_s)
    n_minutes = -(-result.index_usd.shape[1] // per_minute)
    minute, bucket = result.tape["trigger_step"] // per_minute, result.tape["bucket"].astype(np.int64)
    by_bucket = np.bincount(minute * 4 + bucket, result.tape_notional_usd, minlength=n_minutes * 4).reshape(-1, 4) / 1e6
    edges = result.step_ns(np.arange(n_minutes + 1) * per_minute).astype("datetime64[ns]")
    bottom = np.zeros(n_minutes)
    for k, colour in enumerate(BY_LEVERAGE):
        top = bottom + by_bucket[:, k]
        axis.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        bottom = top
    axis.set_title("Liquidated value by leverage")
    axis.set_ylabel("USD million a minute")
    axis.set_ylim(0, bottom.max() * 1.06 or 1.0)
    _list_buckets(axis, by_bucket.sum(axis=0))


def _list_buckets(axis: "Axes", by_bucket: np.ndarray) -> None:
    """Name the colours, with each bucket's share of the day, in the order of the stack."""
    total = by_bucket.sum()
    for k in reversed(range(4)):
        y = 0.90 - 0.13 * (3 - k)
        axis.text(0.020, y, "■", color=BY_LEVERAGE[k], transform=axis.transAxes, va="center", fontsize=11)
        axis.text(0.045, y, bucket_name(k), transform=axis.transAxes, va="center")
        share = percent(by_bucket[k] / total) if total > 0 else DASH
        axis.text(0.178, y, share, transform=axis.transAxes, va="center", ha="right")


def _draw_index(axis: "Axes", result: Result, coin: str) -> None:
    time, usd = _thinned(result, coin)
    axis.plot(time, usd, color=INK, linewidth=0.9)
    axis.set_title(f"{coin} index")
    axis.set_ylabel("USD")
    format_usd(axis)


# ── shares ──────────────────────────────────────────────────────────────────────────────────────────────────


def _draw_shares(axis: "Axes", lines: list[tuple[str, Figure]]) -> None:
    """Draw one line a figure: reported as an open diamond, simulated as a dot on its 5-95 % range."""
    for y, (_, figure) in enumerate(lines):
        axis.plot([figure.p05, figure.p95], [y, y], color=BLUE, linewidth=3.2, alpha=0.35, solid_capstyle="round")
        axis.plot(figure.median, y, "o", color=BLUE, markersize=5, markeredgewidth=0, zorder=3)
        if isinstance(figure.reported, tuple):
            axis.plot(figure.reported, [y, y], color=VERMILION, linewidth=0.9, marker="|", markersize=10)
        elif figure.reported is not None:
            axis.plot(figure.reported, y, "D", markerfacecolor="none", color=VERMILION, markersize=8, zorder=4)
            if figure.sense == "more-than":
                arrow = {"arrowstyle": "->", "color": VERMILION, "shrinkA": 1, "shrinkB": 0}
                axis.annotate("", (figure.reported + 0.055, y), (figure.reported + 0.008, y), arrowprops=arrow)
    axis.set_yticks(range(len(lines)), [label for label, _ in lines])
    axis.set_ylim(len(lines) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)


def _explain_marks(axis: "Axes", n_seeds: int) -> None:
    from matplotlib.lines import Line2D

    dot = Line2D([], [], color=BLUE, marker="o", linestyle="", markersize=5, markeredgewidth=0)
    diamond = Line2D([], [], color=VERMILION, marker="D", linestyle="", markerfacecolor="none", markersize=8)
    text = f"simulated, median and 5{DASH}95 % of {n_seeds} seeds" if n_seeds > 1 else "simulated"
    axis.legend([diamond, dot], ["reported", text], loc="lower right", frameon=False, handletextpad=0.3)


# ── the liquidation map ─────────────────────────────────────────────────────────────────────────────────────


def _price_window(result: Result, coin: str) -> tuple[float, float]:
    """Return the prices to show: the day's range and a third of it, or 2% of the price, on either side."""
    usd = result.index_usd[result.coin_number(coin)]
    margin = max((usd.max() - usd.min()) / 3, 0.02 * usd.max())
    return usd.min() - margin, usd.max() + margin


def _time_edges(time_ns: np.ndarray, result: Result) -> np.ndarray:
    end_ns = result.step_ns(np.array([result.index_usd.shape[1]]))
    return np.append(time_ns, end_ns).astype("datetime64[ns]")


def _draw_stake(
    axis: "Axes", times: np.ndarray, edges_usd: np.ndarray, notional_usd: np.ndarray, bins: slice
) -> "QuadMesh":
    """Draw the notional on a log scale, per 0.1 % of price so that its colour does not hang on the bins."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm

    step = max(1, (bins.stop - bins.start) // 160)
    starts = np.arange(bins.start, bins.stop - step, step)
    edges = edges_usd[np.append(starts, starts[-1] + step)]
    both = notional_usd.sum(axis=1)
    coarse = np.add.reduceat(both[:, : starts[-1] + step], starts, axis=1)
    density = coarse / (np.diff(edges) / (1e-3 * edges[:-1]))
    top = np.quantile(density[density > 0], 0.999) if (density > 0).any() else 1e6
    colours = LinearSegmentedColormap.from_list("stake", STAKE_COLOURS)
    norm = LogNorm(top / 300, top)
    return axis.pcolormesh(times, edges, np.maximum(density, top / 300).T, norm=norm, cmap=colours, rasterized=True)


def _draw_scale(figure: "Picture", mesh: "QuadMesh", axis: "Axes") -> None:
    from matplotlib.ticker import EngFormatter, NullLocator

    bar = figure.colorbar(mesh, ax=axis, pad=0.015, aspect=34)
    bar.set_label("notional at stake, USD per 0.1 % of price")
    bar.ax.yaxis.set_major_formatter(EngFormatter(sep=""))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)


def _draw_path_over(axis: "Axes", result: Result, coin: str) -> None:
    from matplotlib import patheffects

    halo = [patheffects.Stroke(linewidth=2.6, foreground="white"), patheffects.Normal()]
    time, usd = _thinned(result, coin)
    axis.plot(time, usd, color=BLUE, linewidth=1.1, path_effects=halo)
    for y, text in ((0.03, "longs, closed by a fall"), (0.97, "shorts, closed by a rise")):
        axis.text(
            0.012,
            y,
            text,
            transform=axis.transAxes,
            va="bottom" if y < 0.5 else "top",
            path_effects=halo,
            style="italic",
        )


# ── depth and spread ────────────────────────────────────────────────────────────────────────────────────────


def _draw_depth(axis: "Axes", books: "pl.DataFrame") -> None:
    """Draw bids and asks of all the coin's books together, within 0.1 % and 1 % of the mid."""
    import polars as pl

    total = books.group_by("time", maintain_order=True).agg(pl.col("^(bid|ask)_.*_usd$").sum())
    time = total["time"].dt.replace_time_zone(None).to_numpy()
    for width, label in (("100bp", "within 1 %"), ("10bp", "within 0.1 %")):
        for side, colour in (("ask", VERMILION), ("bid", BLUE)):
            axis.plot(time, total[f"{side}_{width}_usd"].to_numpy() / 1e6, color=colour, linewidth=0.8)
        level = np.median(total[f"bid_{width}_usd"].to_numpy()[-60:]) / 1e6
        axis.annotate(label, (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
    plain_log(axis)
    axis.set_title("Depth of all books")
    axis.set_ylabel("USD million")
    for x, text, colour in ((0.945, "bids", BLUE), (1.0, "asks", VERMILION)):
        axis.text(x, 1.035, text, color=colour, transform=axis.transAxes, ha="right")


def _draw_spread(axis: "Axes", books: "pl.DataFrame") -> None:
    """Draw the venues' median spread, and from the tightest to the widest."""
    import polars as pl

    spread = books.group_by("time", maintain_order=True).agg(
        pl.col("spread_bp").min().alias("low"), pl.col("spread_bp").median(), pl.col("spread_bp").max().alias("high")
    )
    time = spread["time"].dt.replace_time_zone(None).to_numpy()
    axis.fill_between(time, spread["low"], spread["high"], color=GREY, alpha=0.3, linewidth=0)
    axis.plot(time, spread["spread_bp"], color=INK, linewidth=0.8)
    plain_log(axis)
    axis.set_title("Spread, median and range over the books")
    axis.set_ylabel("basis points")


# ── what is drawn ────────────────────────────────────────────────────────────────────────────────────────────


def _thinned(result: Result, coin: str, field: str = "index_usd") -> tuple[np.ndarray, np.ndarray]:
    """Return times and prices of a coin, a point every ten seconds with the lowest of each kept."""
    every = max(1, round(10 / result.step_s))
    usd = getattr(result, field)[result.coin_number(coin)]
    steps = len(usd) // every * every
    return result.step_ns(np.arange(0, steps, every)).astype("datetime64[ns]"), usd[:steps].reshape(-1, every).min(
        axis=1
    )


def _tracked(result: Result | Replay) -> Result:
    return result.tracked if isinstance(result, Replay) else result


def _is_coin(coin: str) -> "pl.Expr":
    import polars as pl

    return pl.col("coin") == coin
