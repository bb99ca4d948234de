"""The pictures of a market: what is at stake by price, depth and spread. Drawn on axes that `results` lays out."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.plots.style import BLUE, GREY, INK, STAKE_COLOURS, VERMILION, format_usd, plain_log, write_at
from cascade.result import Result

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure as Picture

SMOOTHED_MINUTES = 15


def draw_index(axis: "Axes", result: Result, coin: str) -> None:
    """Draw a coin's index."""
    time, usd = thinned(result, coin)
    axis.plot(time, usd, color=INK, linewidth=0.9)
    axis.set_title(f"{coin} index")
    axis.set_ylabel("USD")
    format_usd(axis)


def thinned(result: Result, coin: str) -> tuple[np.ndarray, np.ndarray]:
    """Return times and index of a coin, a point every ten seconds with the lowest of each kept."""
    every = max(1, round(10 / result.step_s))
    usd = result.index_usd[result.coin_number(coin)]
    steps = len(usd) // every * every
    time = result.step_ns(np.arange(0, steps, every)).astype("datetime64[ns]")
    return time, usd[:steps].reshape(-1, every).min(axis=1)


# ── the liquidation map ─────────────────────────────────────────────────────────────────────────────────────


def price_window(result: Result, coin: str) -> tuple[float, float]:
    """Return the prices to show: the day's range and a third of it, or 2% of the price, on either side."""
    usd = result.index_usd[result.coin_number(coin)]
    margin = max((usd.max() - usd.min()) / 3, 0.02 * usd.max())
    return usd.min() - margin, usd.max() + margin


def time_edges(time_ns: np.ndarray, result: Result) -> np.ndarray:
    """Return the times at which snapshots begin, and the day's end."""
    end_ns = result.step_ns(np.array([result.index_usd.shape[1]]))
    return np.append(time_ns, end_ns).astype("datetime64[ns]")


def draw_stake(
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
    low, top = np.quantile(density[density > 0], (0.02, 0.998)) if (density > 0).any() else (1e4, 1e6)
    low = min(low, top / 30)
    colours = LinearSegmentedColormap.from_list("stake", STAKE_COLOURS)
    return axis.pcolormesh(
        times, edges, np.maximum(density, low).T, norm=LogNorm(low, top), cmap=colours, rasterized=True
    )


def draw_scale(figure: "Picture", mesh: "QuadMesh", axis: "Axes") -> None:
    """Draw the scale of colours."""
    from matplotlib.ticker import EngFormatter, NullLocator

    bar = figure.colorbar(mesh, ax=axis, pad=0.015, aspect=34)
    bar.set_label("notional at stake, USD per 0.1 % of price")
    bar.ax.yaxis.set_major_formatter(EngFormatter(sep=""))
    bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)


def draw_path_over(axis: "Axes", result: Result, coin: str) -> None:
    """Draw the price over what it came for, and say which side is whose."""
    from matplotlib import patheffects

    halo = [patheffects.Stroke(linewidth=2.6, foreground="white"), patheffects.Normal()]
    time, usd = thinned(result, coin)
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


def draw_depth(axis: "Axes", books: "pl.DataFrame") -> None:
    """Draw bids and asks of all the coin's books together, within 0.1 % and 1 % of the mid."""
    import polars as pl

    total = books.group_by("time", maintain_order=True).agg(pl.col("^(bid|ask)_.*_usd$").sum())
    time = total["time"].dt.replace_time_zone(None).to_numpy()
    for width, label in (("100bp", "within 1 %"), ("10bp", "within 0.1 %")):
        for side, colour in (("ask", VERMILION), ("bid", BLUE)):
            usd = total[f"{side}_{width}_usd"].to_numpy() / 1e6
            axis.plot(time, usd, color=colour, linewidth=0.4, alpha=0.25)
            axis.plot(time, smoothed(usd), color=colour, linewidth=1.1)
        level = np.median(total[f"bid_{width}_usd"].to_numpy()[-60:]) / 1e6
        axis.annotate(label, (1.0, level), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", annotation_clip=False)  # fmt: skip
    plain_log(axis)
    axis.set_title(f"Depth of all books; bold: median over {SMOOTHED_MINUTES} minutes")
    axis.set_ylabel("USD million")
    for right, text, colour in ((-24, "bids", BLUE), (0, "asks", VERMILION)):
        write_at(axis, 1, 1, right, 9, text, color=colour, ha="right")


def draw_spread(axis: "Axes", books: "pl.DataFrame") -> None:
    """Draw the venues' median spread, its median over some minutes, and from the tightest to the widest."""
    import polars as pl

    spread = books.group_by("time", maintain_order=True).agg(
        pl.col("spread_bp").min().alias("low"), pl.col("spread_bp").median(), pl.col("spread_bp").max().alias("high")
    )
    time = spread["time"].dt.replace_time_zone(None).to_numpy()
    low, middle, high = (spread[name].to_numpy() for name in ("low", "spread_bp", "high"))
    axis.fill_between(time, low, high, color=GREY, alpha=0.25, linewidth=0)
    axis.plot(time, middle, color=INK, linewidth=0.4, alpha=0.4)
    axis.plot(time, smoothed(middle), color=INK, linewidth=1.1)
    plain_log(axis)
    axis.set_title(f"Spread, median and range over the books; bold: median over {SMOOTHED_MINUTES} minutes")
    axis.set_ylabel("basis points")


def smoothed(minutes: np.ndarray) -> np.ndarray:
    """Return the median of the minutes around each."""
    before = SMOOTHED_MINUTES // 2
    padded = np.pad(minutes, (before, SMOOTHED_MINUTES - 1 - before), mode="edge")
    return np.median(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED_MINUTES), axis=-1)
