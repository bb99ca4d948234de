"""The pictures of the feedback: the branching ratio through the day. Drawn on axes that `plots` lays out."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.branching import WIDTHS, radii
from cascade.plotbooks import SMOOTHED_MINUTES, smoothed
from cascade.plotstyle import BLUE, GREEN, GREY, INK, MINUS, VERMILION, write_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cascade.result import Result

FALLS = {"01": f"{MINUS}0.1 %", "05": f"{MINUS}0.5 %", "1": f"{MINUS}1 %"}
BY_COIN = (INK, BLUE, VERMILION, GREEN, "#cc79a7", "#e69f00")  # Okabe and Ito


def draw_radii_by_width(axis: "Axes", result: "Result", coin: str) -> None:
    """Draw the spectral radius of a coin's markets for three further falls, stops included."""
    found = {width: radii(result, width, stops=True)[:, result.coin_number(coin)] for width in WIDTHS}
    colours = dict(zip(WIDTHS, (GREY, BLUE, INK), strict=True))
    _draw_lines(axis, result, [(FALLS[width], colours[width], found[width]) for width in WIDTHS])
    axis.set_title(
        f"Lots set off by a lot sold of {coin}, stops included; bold: median over {SMOOTHED_MINUTES} minutes"
    )


def draw_radii_by_coin(axis: "Axes", result: "Result") -> None:
    """Draw the spectral radius of every coin's markets for a further fall of 1%, stops included."""
    found = radii(result, "1", stops=True).T
    _draw_lines(axis, result, list(zip(result.coins, BY_COIN, found, strict=False)))
    axis.set_title(f"All coins, within {MINUS}1 %")


def _draw_lines(axis: "Axes", result: "Result", lines: list[tuple[str, str, np.ndarray]]) -> None:
    """Draw what each minute holds in pale, its median over some minutes in bold, and the line at 1."""
    time = result.minute_ns().astype("datetime64[ns]")
    for k, (name, colour, ratio) in enumerate(lines):
        axis.plot(time, ratio, color=colour, linewidth=0.4, alpha=0.25)
        axis.plot(time, smoothed(ratio), color=colour, linewidth=1.2)
        write_at(axis, 1, 1, -44 * (len(lines) - k - 1), 9, name, color=colour, ha="right")
    axis.axhline(1.0, color=VERMILION, linewidth=0.9, linestyle=(0, (5, 3)))
    write_at(axis, 0, 1.0, 4, -6, "1: every lot sold sets off another", transform=axis.get_yaxis_transform(),
             color=VERMILION, ha="left")  # fmt: skip
    highest = max((float(np.quantile(ratio, 0.999)) for _, _, ratio in lines if len(ratio)), default=0.0)
    axis.set_ylim(0, min(max(1.15, 1.05 * highest), 3.0))
    axis.set_ylabel("lots per lot")
