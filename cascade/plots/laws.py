"""One picture per law: the engine's points on theory's line, and the control beside it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.plots.style import BLUE, GREY, INK, VERMILION, stacked, style, write_at
from cascade.validation import Curve, Law

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture


def law(name: str, shown: Law) -> "Picture":
    """Return the picture of a law."""
    curve = shown.curve
    with style():
        figure, (axis,) = stacked(1, height_in=3.2)
        axis.plot(curve.line_x, curve.line_y, color=INK, zorder=1, label="theory")
        if len(curve.control_x):
            _draw_control(axis, curve, f"control: {shown.control.change}")
        axis.errorbar(
            curve.x,
            curve.y,
            curve.error,
            linestyle="none",
            marker="o",
            markersize=4,
            color=BLUE,
            ecolor=BLUE,
            elinewidth=1.0,
            capsize=2,
            zorder=3,
            label="engine",
        )
        if curve.log_x:
            axis.set_xscale("log")
        if curve.log_y:
            axis.set_yscale("log")
        axis.set_xlabel(curve.x_label)
        axis.set_ylabel(curve.y_label)
        axis.set_title(f"{name}   {shown.title}")
        axis.set_title(shown.formula, loc="right", fontsize=9, color=GREY, fontweight="normal")
        handles, labels = axis.get_legend_handles_labels()
        order = sorted(range(len(labels)), key=lambda k: labels[k].startswith("control"))
        axis.legend([handles[k] for k in order], [labels[k] for k in order], frameon=False, fontsize=8.5)
    return figure


def _draw_control(axis: "Axes", curve: Curve, label: str) -> None:
    """Draw the control's points; what a logarithmic axis cannot show, nought, stands at its foot and is named."""
    cross: dict[str, Any] = {"linestyle": "none", "marker": "x", "markersize": 4.5, "color": VERMILION, "zorder": 2}
    is_nought = curve.log_y & (curve.control_y <= 0)
    axis.plot(curve.control_x[~is_nought], curve.control_y[~is_nought], label=label, **cross)
    foot = axis.get_xaxis_transform()  # x by value, y as a share of the axis
    axis.plot(curve.control_x[is_nought], np.zeros(is_nought.sum()), transform=foot, clip_on=False, **cross)
    for x in curve.control_x[is_nought]:
        write_at(axis, x, 0.0, 5.0, 6.0, "0", transform=foot, color=VERMILION, fontsize=8.5)
