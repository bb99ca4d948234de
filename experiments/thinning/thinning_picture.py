"""The picture: thinning by the size of the bar, and the course of depth around it."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cascade.liquidity.thinning import BANDS, BAR_MIN, START_MIN, Bars
from cascade.plots.style import BLUE, GREEN, GREY, INK, VERMILION, WIDTH_IN, plain_log, style

COLOURS = (GREY, GREEN, BLUE, VERMILION)


def draw(bars: Mapping[str, Bars]) -> Figure:
    """Return the picture of all settings."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
        draw_bands(left, bars)
        draw_course(right, bars["fitted"])
    return figure


def draw_bands(axis: Axes, settings: Mapping[str, Bars]) -> None:
    """Median and 90% quantile of thinning, by band."""
    places = np.arange(len(BANDS))
    axis.plot(places - 0.25, [band.median for band in BANDS], "o", color=INK, label="measured: median")
    axis.plot(places - 0.25, [band.p90 for band in BANDS], "_", color=INK, ms=10, label="measured: 90 %")
    for (name, bars), colour, aside in zip(settings.items(), (GREY, BLUE, VERMILION), (0.0, 0.2, 0.35), strict=True):
        for probability, marker in ((0.5, "o"), (0.9, "_")):
            found = [bars.within(band).quantile(probability) for band in BANDS]
            value, error = np.array(found).T
            label = f"{name}" if probability == 0.5 else None
            size = 5 if marker == "o" else 10
            axis.errorbar(places + aside, value, 2 * error, fmt=marker, ms=size, color=colour, label=label)
    plain_log(axis)
    axis.set_xticks(places, [band.name for band in BANDS])
    axis.set_xlabel("size of the five-minute bar, standard deviations")
    axis.set_title("Thinning of depth within 1 %, times")
    axis.legend(loc="upper left", frameon=False, fontsize=8.5)


def draw_course(axis: Axes, bars: Bars) -> None:
    """Median depth minute by minute, over that before the bar."""
    axis.axvspan(0, BAR_MIN, color="#eeeeee", lw=0)
    axis.text(BAR_MIN / 2, 1.12, "the bar", ha="center", fontsize=8, color=GREY)
    for band, colour in zip(BANDS, COLOURS, strict=True):
        course = np.median(bars.within(band).course, axis=0)
        minutes = np.arange(1, len(course) + 1) - START_MIN
        shown = minutes >= -5
        axis.plot(minutes[shown], course[shown], color=colour, label=f"{band.name} sigmas")
    axis.set_ylim(0, 1.2)
    axis.set_xlabel("minutes since the bar began")
    axis.set_title("Depth over that before, median")
    axis.legend(loc="lower right", frameon=False, fontsize=8, handlelength=1.0)
