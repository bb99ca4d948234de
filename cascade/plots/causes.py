"""The pictures of causes: branching ratios and attributions. Drawn on axes that `results` lays out."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.branching import WIDTHS, radii
from cascade.plots.books import SMOOTHED_MINUTES, smoothed
from cascade.plots.style import BLUE, GREEN, GREY, INK, MINUS, VERMILION, write_at
from cascade.report.causes import ALL, NAMES, NEWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

    from cascade.result import Result

FALLS = {"01": f"{MINUS}0.1 %", "05": f"{MINUS}0.5 %", "1": f"{MINUS}1 %"}
BY_COIN = (INK, BLUE, VERMILION, GREEN, "#cc79a7", "#56b4e9")  # Okabe and Ito


def draw_radii_by_width(axis: "Axes", result: "Result", coin: str) -> None:
    """Draw the spectral radius of a coin's markets for three further falls, stops included."""
    found = {width: radii(result, width, stops=True)[:, result.coin_number(coin)] for width in WIDTHS}
    colours = dict(zip(WIDTHS, (GREY, BLUE, INK), strict=True))
    _draw_lines(axis, result, [(FALLS[width], colours[width], found[width]) for width in WIDTHS])
    axis.set_title(f"Lots set off by a lot sold of {coin}; bold: {SMOOTHED_MINUTES}-minute median")


def draw_radii_by_coin(axis: "Axes", result: "Result") -> None:
    """Draw the spectral radius of every coin's markets for a further fall of 1%, stops included."""
    found = radii(result, "1", stops=True).T
    _draw_lines(axis, result, list(zip(result.coins, BY_COIN, found, strict=False)))
    axis.set_title(f"All coins, {MINUS}1 %; stops included")


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


# ── the waterfall ───────────────────────────────────────────────────────────────────────────────────────────


def draw_waterfall(
    axis: "Axes", parts: dict, scale: float, digits: int, over: "Mapping[str, tuple[float, float]]"
) -> None:
    """Draw one bar below the other: what there is without mechanisms, what each adds, and all together.

    Parameters
    ----------
    axis : Axes
    parts : dict
        `Breakdown.as_dict`.
    scale : float
        Of the unit that is drawn.
    digits : int
        Behind the point.
    over : mapping of str to (float, float)
        Lowest and highest share over the priors, by mechanism; may be empty.
    """
    rows = [(NEWS, parts["without"]), *((NAMES[name], part) for name, part in parts["shares"].items())]
    rows.append((ALL, parts["together"]))
    keys, reached = ["", *parts["shares"], ""], 0.0
    for y, (key, (name, part)) in enumerate(zip(keys, rows, strict=True)):
        mean, error = scale * part["mean"], scale * (part["error"] or 0.0)
        left = 0.0 if name in (NEWS, ALL) else reached
        colour = INK if name in (NEWS, ALL) else VERMILION if mean >= 0 else BLUE
        axis.barh(y, mean, left=left, height=0.62, color=colour, alpha=0.85 if name in (NEWS, ALL) else 1.0)
        axis.errorbar(left + mean, y, xerr=error, color=GREY, capsize=2.5, linewidth=1.0, zorder=4)
        if key in over:
            axis.plot([left + scale * bound for bound in over[key]], [y + 0.42] * 2, color=GREY, linewidth=2.0)
        _write_amount(axis, y, f"{mean:+,.{digits}f}" + (f" ± {error:,.{digits}f}" if error else ""))
        reached = left + mean
        if name != ALL:
            axis.plot([reached, reached], [y, y + 1], color=GREY, linewidth=0.6, zorder=1)
    axis.set_yticks(range(len(rows)), [name for name, _ in rows])
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
    axis.xaxis.set_major_formatter(lambda x, _: f"{x:,.6g}")
    axis.set_xlabel("the axis does not begin at 0", fontsize=8, color=GREY)


def _write_amount(axis: "Axes", y: float, text: str) -> None:
    write_at(axis, 1, y, 84, 0, text.replace("-", MINUS), transform=axis.get_yaxis_transform(), ha="right")


def zoomed(parts: dict, scale: float, over: "Mapping[str, tuple[float, float]]") -> tuple[float, float]:
    """Return the ends of an axis that shows what mechanisms add, over priors too, cut off where there is only news."""
    steps = [parts["without"]["mean"], *(part["mean"] for part in parts["shares"].values())]
    reached = np.cumsum(steps)
    errors = [part["error"] or 0.0 for part in (*parts["shares"].values(), parts["together"])]
    ends = [reached.min() - max(errors), reached.max() + max(errors)]
    for name, before in zip(parts["shares"], reached, strict=False):
        ends += [before + bound for bound in over.get(name, ())]
    low, high = min(ends), max(ends)
    room = max(high - low, 0.02 * abs(high)) * 0.25
    return scale * max(0.0, low - room), scale * (high + room)


def ranges(over_priors: "Sequence[Mapping] | None", key: str) -> dict[str, tuple[float, float]]:
    """Return the lowest and highest share of every mechanism over the priors."""
    found: dict[str, list[float]] = {}
    for row in over_priors or ():
        for name, part in row[key]["shares"].items():
            found.setdefault(name, []).append(part["mean"])
    return {name: (min(shares), max(shares)) for name, shares in found.items()}
