"""The picture of the day under each venue's rules."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cascade.frames import PAYERS
from cascade.plots.payers import COLOURS
from cascade.plots.style import BLUE, GREY, INK, picture, style, write_at

PANELS = (  # title, figure, factor
    ("liquidated, USD bn", "liquidated_usd", 1e-9),
    ("thousand accounts", "accounts", 1e-3),
    ("amplification", "amplification", 1.0),
)
FIGURES = ("lost_by_accounts_usd", "paid_by_pools_usd", "forgone_by_winners_usd", "socialised_usd")  # as PAYERS
LEAST_USD = 1e3  # what is less is not drawn: the axis is logarithmic


def draw(rows: Sequence[dict]) -> Figure:
    """Return a panel for each figure, a line for each set of rules, with standard errors over seeds."""
    with style():
        figure = picture(0.27 * len(rows) + 1.1)
        axes = figure.subplots(1, len(PANELS) + 1, sharey=True, width_ratios=(1, 1, 1, 1.4))
        for axis, (title, key, factor) in zip(axes, PANELS, strict=False):
            _draw_figure(axis, rows, key, factor)
            axis.xaxis.set_major_locator(MaxNLocator(3))
            axis.margins(x=0.12)
            axis.set_xlabel(title)
        _draw_payers(axes[-1], rows)
        axes[0].set_yticks(range(len(rows)), [row["rules"] for row in rows])
        axes[0].set_ylim(len(rows) - 0.4, -0.6)
        for axis in axes:
            axis.tick_params(axis="y", length=0)
            axis.grid(axis="y", visible=False)
            axis.grid(axis="x", visible=True)
    return figure


def _draw_figure(axis: Axes, rows: Sequence[dict], key: str, factor: float) -> None:
    """Draw a figure of every set of rules, and a line where the first has it."""
    axis.axvline(rows[0][key]["mean"] * factor, color=GREY, linewidth=0.7)
    for y, row in enumerate(rows):
        mean, error = row[key]["mean"] * factor, (row[key]["error"] or 0.0) * factor
        axis.errorbar(mean, y, xerr=error, fmt="o", color=BLUE if y else INK, markersize=4, linewidth=1.1)


def _draw_payers(axis: Axes, rows: Sequence[dict]) -> None:
    """Draw on a logarithmic scale who bore the losses under every set of rules; name those who bore any."""
    right = 0
    for payer, key in reversed(list(zip(PAYERS, FIGURES, strict=True))):
        bore = [(row[key]["mean"] * 1e-6, y) for y, row in enumerate(rows) if row[key]["mean"] >= LEAST_USD]
        if bore:
            axis.plot(*zip(*bore, strict=True), "o", color=COLOURS[payer], markersize=4.4, markeredgewidth=0)
            write_at(axis, 1, 1, right, 8, payer, color=COLOURS[payer], ha="right")
            right -= 12 + 4.5 * len(payer)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(lambda millions, _: f"{millions:g}")
    axis.set_xlabel("borne by, USD million")
