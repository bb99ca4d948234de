"""The house style of pictures: colours, type, frames and axes. Knows results only by their times."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from cascade.frames import LEVERAGE_BUCKETS
from cascade.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

DASH, MINUS, TIMES = "\N{EN DASH}", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
SHORT_H = 0.25  # a run of less has its seconds named
WIDTH_IN = 7.0  # a page's text width
# Okabe and Ito, "Color Universal Design", 2008: told apart with every kind of colour vision.
INK, BLUE, VERMILION, GREEN, GREY = "#1a1a1a", "#0072b2", "#d55e00", "#009e73", "#8c8c8c"
BY_LEVERAGE = ("#c9d5e3", "#86a9cc", "#e8915a", "#a83400")  # light to dark: it reads in grey as well
STAKE_COLOURS = ("#ffffff", "#fdebc8", "#f9c489", "#ee8a4f", "#c94a2c", "#8a1c22", "#45081a")
STYLE: dict[Any, Any] = {
    "font.family": ["STIXGeneral"],  # ships with matplotlib: the same picture on every machine
    "mathtext.fontset": "stix",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#555555",
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.0,
    "lines.solid_joinstyle": "round",
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.05,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.dpi": 110,
    "savefig.dpi": 220,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw with the house style, and leave matplotlib's settings as they were."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        yield


def stacked(
    rows: int, height_in: float, ratios: Sequence[float] | None = None, grid: str = "y", sharex: bool = True
) -> "tuple[Picture, Sequence[Axes]]":
    """Return a figure and its axes, one below the other, on one x axis unless told otherwise."""
    figure = picture(height_in)
    axes = list(figure.subplots(rows, 1, sharex=sharex, squeeze=False, height_ratios=ratios)[:, 0])
    for axis in axes:
        axis.grid(axis="both", visible=False)
        axis.grid(axis=grid, visible=True)
    return figure, axes


def picture(height_in: float) -> "Picture":
    """Return an empty figure of a page's width."""
    return _picture_class()(figsize=(WIDTH_IN, height_in), layout="constrained")


@cache
def _picture_class() -> "type[Picture]":
    """Return matplotlib's Figure, which needs no pyplot, with the one thing that a notebook asks of it."""
    from matplotlib.figure import Figure as Picture

    class NotebookPicture(Picture):
        def _repr_png_(self) -> bytes:
            png = BytesIO()
            with style():
                self.savefig(png, format="png")
            return png.getvalue()

    return NotebookPicture


def name_hours(axis: "Axes", result: Result) -> None:
    """Label the time axis in hours UTC and name the day."""
    import matplotlib.dates as dates

    first, last = result.step_ns(np.array([0, result.index_usd.shape[1]])).astype("datetime64[ns]")
    axis.set_xlim(*map(float, dates.date2num(np.array([first, last]))))
    n_hours = (last - first) / np.timedelta64(1, "h")
    if n_hours > 2:
        axis.xaxis.set_major_locator(dates.HourLocator(byhour=range(0, 24, 3 if n_hours > 12 else 1), tz="UTC"))
    seconds = ":%S" if 0 < n_hours < SHORT_H else ""
    axis.xaxis.set_major_formatter(dates.DateFormatter(f"%H:%M{seconds}", tz="UTC"))
    axis.set_xlabel(f"{np.datetime_as_string(first, 'D')}, UTC")
    axis.figure.align_ylabels()


def format_usd(axis: "Axes") -> None:
    """Write prices in full, as quants read them."""
    axis.yaxis.set_major_formatter(lambda usd, _: f"{usd:,.0f}" if abs(usd) >= 100 else f"{usd:g}")


def write_at(axis: "Axes", x: float, y: float, right: float, up: float, text: str, **looks: Any) -> None:
    """Write text some points beside (x, y), in fractions of the axes: where it stands hangs on no width."""
    place = looks.pop("transform", axis.transAxes)
    looks = {"va": "center", "annotation_clip": False} | looks
    axis.annotate(text, (x, y), xycoords=place, xytext=(right, up), textcoords="offset points", **looks)


def percent(share: float, digits: int = 0) -> str:
    """Return a share as text."""
    return f"{share * 100:.{digits}f} %"


def bucket_name(k: int) -> str:
    """Return the name of leverage bucket `k`, set in type."""
    return LEVERAGE_BUCKETS[k].replace("-", DASH).replace("<", "< ").replace(">", "> ").replace("x", TIMES)


def plain_log(axis: "Axes") -> None:
    """Scale the y axis by logarithm, and write its numbers as numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="y", which="minor", length=0)
