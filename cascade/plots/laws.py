"""One picture per law: the engine's points on theory's line, and the control beside it."""

from typing import TYPE_CHECKING

from cascade.plots.style import BLUE, GREY, INK, VERMILION, stacked, style
from cascade.validation import Law

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def law(name: str, shown: Law) -> "Picture":
    """Return the picture of a law."""
    curve = shown.curve
    with style():
        figure, (axis,) = stacked(1, height_in=3.2)
        axis.plot(curve.line_x, curve.line_y, color=INK, zorder=1, label="theory")
        if len(curve.control_x):
            axis.plot(
                curve.control_x,
                curve.control_y,
                linestyle="none",
                marker="x",
                markersize=4.5,
                color=VERMILION,
                zorder=2,
                label=f"control: {shown.control.change}",
            )
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
