"""The picture: how much is left over time, and the immediate fall against what the book's profile implies."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cascade.config import Priors
from cascade.plots.style import BLUE, GREEN, GREY, INK, VERMILION, WIDTH_IN, style
from cascade.response import Response, implied_fall

COLOURS = {0.1: GREEN, 0.5: BLUE, 1.0: VERMILION}
NAMES = {0.1: "a tenth of the depth within 1 %", 0.5: "half of it", 1.0: "all of it"}
TIMES = {1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min", 3600: "1 h", 21_600: "6 h", 86_400: "24 h"}
MARKERS = {1: ("o", 0.95, "in one second"), 20: ("^", 1.0, "over 20 s"), 120: ("s", 1.05, "over 2 min")}  # set apart


def draw(fast: Sequence[Response], slow: Sequence[Response], priors: Priors) -> Figure:
    """Return the picture of both."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.1), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.45, 1))
        draw_left(left, fast)
        draw_falls(right, [*fast, *slow], priors)
    return figure


def draw_left(axis: Axes, responses: Sequence[Response]) -> None:
    """Share of the immediate fall that is left, against the time since the sale, with what must hold."""
    last = responses[0].reference_fall.shape[1] - responses[0].sale.stop_s
    after = np.unique(np.geomspace(1, last, 240).astype(int))
    for response in responses:
        share, error = np.array([response.left(int(s)) for s in after]).T
        colour, size = COLOURS[response.sale.over_depth], NAMES[response.sale.over_depth]
        axis.plot(after, share, color=colour, label=f"sale of {size}")
        axis.fill_between(after, share - 2 * error, share + 2 * error, color=colour, alpha=0.15, lw=0)
    middle = responses[len(responses) // 2]
    index = [middle.left(int(s), "index")[0] for s in after]
    axis.plot(
        after, index, color=COLOURS[middle.sale.over_depth], lw=0.8, ls=(0, (3, 2)), label="half of it: the index"
    )
    axis.plot([300, 600], [1 - 1.7 / 40, 1 - 2.7 / 40], "D", color=INK, ms=3.5, label="after liquidations, reported")
    for x, y, up in ((600, 0.8, True), (last, 0.2, False)):
        axis.plot([x / 1.6, min(x * 1.6, 1.1e5)], [y, y], color=GREY, lw=1.4)
        axis.annotate("", (x, y + (0.07 if up else -0.07)), (x, y), arrowprops={"arrowstyle": "->", "color": GREY})
    axis.set_xscale("log")
    axis.set_xticks(list(TIMES), list(TIMES.values()))
    axis.minorticks_off()
    axis.set_xlim(0.9, 1.2e5)
    axis.set_ylim(-0.05, 1.1)
    axis.set_xlabel("time since the sale")
    axis.set_title("Share of the immediate fall that is left")
    axis.legend(loc="lower left", frameon=False, fontsize=8.5)


def draw_falls(axis: Axes, responses: Sequence[Response], priors: Priors) -> None:
    """Fall of the best bid against the size of the sale, over what the profile implies."""
    sizes = np.geomspace(0.05, 1.4, 100)
    implied = np.array([implied_fall(priors, size) for size in sizes]) * 1e4
    axis.fill_between(sizes, 0.8 * implied, 1.2 * implied, color="#e6e6e6", lw=0, label="± 20 %")
    axis.plot(sizes, implied, color=INK, label="the book's profile")
    for seconds, (marker, aside, name) in MARKERS.items():
        chosen = [response for response in responses if response.sale.seconds == seconds]
        x = [aside * response.sale.over_depth for response in chosen]
        y, error = np.array([response.immediate for response in chosen]).T * 1e4
        axis.errorbar(
            x, y, 2 * error, fmt=marker, ms=4.5, color=BLUE, mfc=BLUE if seconds == 1 else "white", label=name
        )
    for set_scale, set_ticks, ticks in (
        (axis.set_xscale, axis.set_xticks, (0.1, 0.2, 0.5, 1.0)),
        (axis.set_yscale, axis.set_yticks, (5, 10, 20, 50, 100)),
    ):
        set_scale("log")
        set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_xlabel("sold over the depth within 1 %")
    axis.set_title("Fall at the sale's end, bp")
    axis.legend(loc="upper left", frameon=False, fontsize=8.5)
