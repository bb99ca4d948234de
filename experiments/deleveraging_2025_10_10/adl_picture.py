"""The picture: one seed's crash second by second, and what hangs on what, beside the public record."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cascade.plots.style import BLUE, GREEN, GREY, INK, VERMILION, picture, style, write_at
from cascade.result import Result

BAR_S = 5
SHOWN_S = (-90, 720)  # around 21:15
PANELS = (
    ("delay_s", 1.0, "seconds to the first after 21:15"),
    ("orders_before", 1.0, "liquidation orders before it"),
    ("deleveraged_share", 100.0, "deleveraged, % of liquidated"),
)


def draw(
    result: Result, rows: Sequence[dict], public: Mapping[str, float], by_coin: Mapping[str, float], crash: int
) -> Figure:
    """Return the crash of one seed above, the share by coin beside it, and the cases below."""
    with style():
        figure = picture(6.4)
        above, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.15))
        flows, coins = above.subplots(1, 2, width_ratios=(2.1, 1))
        _draw_flows(flows, result, crash)
        _draw_coins(coins, rows[0]["by_coin"], by_coin)
        axes = below.subplots(1, len(PANELS), sharey=True)
        for axis, (key, factor, title) in zip(axes, PANELS, strict=True):
            _draw_cases(axis, rows, key, factor, public[key])
            axis.set_xlabel(title)
        axes[0].set_yticks(range(len(rows)), [row["case"] for row in rows])
        axes[0].set_ylim(len(rows) - 0.4, -0.6)
        axes[0].set_title("All seeds, 21:15 to 21:27; line: public record")
    return figure


def _draw_flows(axis: Axes, result: Result, crash: int) -> None:
    """Draw what was liquidated and what of it was deleveraged, in bars of some seconds."""
    first, last = (crash + seconds for seconds in SHOWN_S)
    edges = np.arange(first, last + 1, BAR_S)
    for steps, usd, colour, name, right in (
        (result.tape["step"], result.tape_notional_usd, GREY, "liquidated", -82),
        (result.deleveraged["step"], result.deleveragings["notional_usd"].to_numpy(), VERMILION, "deleveraged", 0),
    ):
        height, _ = np.histogram(steps, edges, weights=usd)
        axis.stairs(height / (1e6 * BAR_S), edges - crash, fill=True, color=colour, linewidth=0)
        write_at(axis, 1, 1, right, 9, name, color=colour, ha="right")
    axis.set_title("One seed")
    axis.set_xlabel("seconds from 21:15")
    axis.set_ylabel("USD million a second")
    axis.set_xlim(*SHOWN_S)


def _draw_coins(axis: Axes, simulated: Mapping[str, float], public: Mapping[str, float]) -> None:
    """Draw the deleveraged share of every coin, simulated and public."""
    for y, coin in enumerate(simulated):
        axis.plot(100 * simulated[coin], y, "o", color=BLUE, markersize=5, markeredgewidth=0)
        axis.plot(100 * public[coin], y, "D", markerfacecolor="none", color=GREEN, markersize=7)
    axis.set_yticks(range(len(simulated)), list(simulated))
    axis.set_ylim(len(simulated) - 0.4, -0.6)
    axis.set_xlim(0, 110 * max(*simulated.values(), *public.values()))
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
    axis.set_xlabel("deleveraged, % of liquidated")
    write_at(axis, 1, 1, -72, 9, "simulated", color=BLUE, ha="right")
    write_at(axis, 1, 1, 0, 9, "public record", color=GREEN, ha="right")


def _draw_cases(axis: Axes, rows: Sequence[dict], key: str, factor: float, public: float) -> None:
    """Draw a figure of every case with its standard error over seeds, and the public one as a line."""
    axis.axvline(public * factor, color=GREEN, linewidth=1.2)
    for y, row in enumerate(rows):
        if row[key]["mean"] is not None:
            mean, error = row[key]["mean"] * factor, (row[key]["error"] or 0.0) * factor
            axis.errorbar(mean, y, xerr=error, fmt="o", color=BLUE if y else INK, markersize=4.5, linewidth=1.2)
    highest = max(public, *((row[key]["mean"] or 0.0) + (row[key]["error"] or 0.0) for row in rows))
    axis.set_xlim(-0.02 * factor * highest, 1.08 * factor * highest)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", visible=True)
