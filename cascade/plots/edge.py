"""The picture of the edge: S-curves, and the plane of leverage and depth with the line g = 1. Computes nothing."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.edge import by_value
from cascade.plots.style import BLUE, GREEN, INK, STAKE_COLOURS, VERMILION, picture, style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from cascade.edge import Outcome, Study

COLOURS = (INK, BLUE, GREEN, VERMILION)
MOST = 8.0  # amplification at which the scale of colours ends
ROOM = 1.5  # of the highest fall: the names of the curves stand above them


def edge(study: "Study") -> "Picture":
    """Fall against shock by leverage and by depth; amplification over both, with the line g = 1."""
    with style():
        figure = picture(6.6)
        (by_leverage, by_depth), (calm, phase) = figure.subplots(2, 2)
        _draw_curves(by_leverage, study.by_leverage, "leverage")
        _draw_curves(by_depth, study.by_depth, "depth")
        by_leverage.set_title("Fall within the hour, by leverage")
        by_depth.set_title("The same by depth, at twice the leverage")
        highest = 100 * max(outcome.fall.max() for outcome in (*study.by_leverage, *study.by_depth))
        for axis in (by_leverage, by_depth):
            axis.set_ylim(0, ROOM * highest)
        _draw_phase(calm, study.phase_calm)
        mesh = _draw_phase(phase, study.phase)
        calm.set_title("Amplification: nobody withdraws")
        phase.set_title("Amplification: providers withdraw")
        bar = figure.colorbar(mesh, ax=[calm, phase], pad=0.015, aspect=24, extend="max")
        bar.set_ticks([1, 2, 4, 8], labels=["1", "2", "4", "8"])
        bar.minorticks_off()
        bar.set_label("fall over fall without the cascade")
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def _draw_curves(axis: "Axes", outcomes: "Sequence[Outcome]", along: str) -> None:
    """Draw the fall over the shock for each value of a field, with the range over seeds; and the diagonal."""
    for (value, row), colour in zip(by_value(outcomes, along).items(), COLOURS, strict=False):
        shocks = [100 * outcome.setting.shock for outcome in row]
        low, high = ([100 * pick(outcome.fall) for outcome in row] for pick in (np.min, np.max))
        axis.fill_between(shocks, low, high, color=colour, alpha=0.15, linewidth=0)
        middle = [100 * np.median(outcome.fall) for outcome in row]
        axis.plot(shocks, middle, "o-", color=colour, markersize=2.4, label=_name(along, value, row[0]))
    most = 100 * max(outcome.setting.shock for outcome in outcomes)
    axis.plot([0, most], [0, most], color="#8c8c8c", linewidth=0.8, linestyle=(0, (4, 3)))
    axis.text(0.98 * most, 0.72 * most, "no cascade", color="#6c6c6c", ha="right", va="top", fontsize=8.5)
    axis.set_xlabel("shock by news, % within 30 minutes")
    axis.set_ylabel("log fall, %")
    axis.set_xlim(0, most)
    axis.legend(loc="upper left", frameon=False, labelcolor="linecolor", handlelength=1.2, fontsize=8.5)


def _name(along: str, value: float, outcome: "Outcome") -> str:
    if along == "leverage":
        return f"{value:g} times: {outcome.high_usd.mean() / 1e9:.1f} bn USD of longs"
    return f"{value:g} times the stated depth"


def _draw_phase(axis: "Axes", outcomes: "Sequence[Outcome]"):
    """Draw the amplification over leverage and depth, where it is 2 and 5, and where g is a half and 1."""
    from matplotlib.colors import LinearSegmentedColormap, LogNorm
    from matplotlib.ticker import NullFormatter

    depths = list(dict.fromkeys(outcome.setting.depth for outcome in outcomes))
    leverages = list(dict.fromkeys(outcome.setting.leverage for outcome in outcomes))
    shape = len(depths), len(leverages)
    grown = np.array([outcome.amplification for outcome in outcomes]).reshape(shape)
    ratio = np.array([outcome.ratio.mean() for outcome in outcomes]).reshape(shape)
    colours = LinearSegmentedColormap.from_list("edge", STAKE_COLOURS)
    edges = log_edges(leverages), log_edges(depths)
    mesh = axis.pcolormesh(*edges, np.maximum(grown, 1.0), norm=LogNorm(1, MOST), cmap=colours)
    for level, line in ((2.0, "solid"), (5.0, "dashdot")):
        axis.contour(leverages, depths, np.log(grown), [np.log(level)], colors=INK, linewidths=1.1, linestyles=line)
    for level, line in ((0.5, "dotted"), (1.0, "dashed")):
        axis.contour(leverages, depths, np.log(ratio), [np.log(level)], colors=BLUE, linewidths=1.5, linestyles=line)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log", base=2)
    for one in (axis.xaxis, axis.yaxis):
        one.set_major_formatter(lambda x, _: f"{x:g}")
        one.set_minor_formatter(NullFormatter())
    axis.grid(False)
    axis.set_xlabel("open at 10\N{MULTIPLICATION SIGN} and more, times the day's")
    axis.set_ylabel("depth, times the stated")
    _explain_lines(axis)
    return mesh


def log_edges(values: "Sequence[float]") -> np.ndarray:
    """Return the edges of cells around values, half way between them in logarithms."""
    logs = np.log(values)
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.concatenate([[2 * logs[0] - middle[0]], middle, [2 * logs[-1] - middle[-1]]]))


def _explain_lines(axis: "Axes") -> None:
    from matplotlib.lines import Line2D

    lines = (
        ("2 times", INK, "solid"),
        ("5 times", INK, "dashdot"),
        ("g = ½", BLUE, "dotted"),
        ("g = 1", BLUE, "dashed"),
    )
    handles = [Line2D([], [], color=colour, ls=line, label=name) for name, colour, line in lines]
    axis.legend(handles=handles, loc="upper left", frameon=False, fontsize=8.5, handlelength=2.2, labelspacing=0.25)
