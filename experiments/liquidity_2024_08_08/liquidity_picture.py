"""The picture: a recorded market and the engine's, side by side, in six panels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from cascade.liquidity import microstructure as measure
from cascade.liquidity.microstructure import BANDS_BP, DISTANCES, LAGS_S, SURVIVAL_S, Figure, Seconds
from cascade.plots.style import GREY, INK, VERMILION, WIDTH_IN, style

KNOWN = 1e-3  # beyond it the recording knows the book only as far as it changed
SHADES = ("#8cc0e0", "#4a97c9", "#0072b2", "#003f63")


def draw(recorded: Seconds, runs: Sequence[Seconds], of_recording: dict, of_runs: dict) -> Picture:
    """Return the picture."""
    with style():
        figure = Picture(figsize=(WIDTH_IN, 6.4), layout="constrained")
        axes = figure.subplots(3, 2).ravel()
        draw_depth(axes[0], of_recording["depth"], of_runs["depth"])
        draw_sizes(axes[1], recorded, runs)
        draw_signature(axes[2], of_recording["signature"], of_runs["signature"])
        draw_impact(axes[3], recorded, runs, of_recording["impact_0"], of_runs["impact_0"])
        draw_survival(axes[4], of_recording["survival"], of_runs["survival"])
        draw_spread(axes[5], recorded, runs)
    return figure


def draw_depth(axis: Axes, recorded: Figure, simulated: Figure) -> None:
    """Depth against distance from the mid."""
    bp = np.array(DISTANCES) * 1e4
    axis.axvspan(KNOWN * 1e4, 150, color="#f0f0f0", lw=0)
    axis.text(12, 0.33, "recorded only as far\nas it changed", fontsize=8, color=GREY, va="bottom")
    axis.errorbar(bp, recorded.value / 1e6, 2 * recorded.error / 1e6, fmt="o", ms=4, color=INK, label="recorded")
    axis.errorbar(bp, simulated.value / 1e6, 2 * simulated.error / 1e6, color=VERMILION, label="simulated")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(0.8, 150)
    for set_ticks, ticks in ((axis.set_xticks, (1, 2, 5, 10, 20, 50, 100)), (axis.set_yticks, (0.1, 1, 10, 100))):
        set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.set_title("Depth within, million USD")
    axis.set_xlabel("distance from the mid, bp")
    axis.legend(loc="upper left", frameon=False, fontsize=8.5)


def draw_sizes(axis: Axes, recorded: Seconds, runs: Sequence[Seconds]) -> None:
    """Share of takers' orders that are larger, against size."""
    for sizes, colour, width in (
        (np.concatenate([run.order_usd for run in runs]), VERMILION, 2.2),
        (recorded.order_usd, INK, 0.9),
    ):
        ordered = np.sort(sizes)
        axis.plot(ordered, 1.0 - np.arange(len(ordered)) / len(ordered), color=colour, lw=width)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_title("Takers' orders that are larger")
    axis.set_xlabel("size, USD")
    ticks = (1, 0.1, 0.01, 0.001)
    axis.set_ylim(1e-4, 1.3)
    axis.set_yticks(ticks, ["100 %", "10 %", "1 %", "0.1 %"])
    axis.minorticks_off()


def draw_signature(axis: Axes, recorded: Figure, simulated: Figure) -> None:
    """Mean square move over the lag, against the lag."""
    judged = np.array(LAGS_S) <= 5
    axis.fill_between(
        np.array(LAGS_S)[judged], 0.75 * recorded.value[judged], 1.25 * recorded.value[judged], color="#e6e6e6", lw=0
    )
    axis.text(1.05, 0.58 * recorded.value[0], "± 25 %", fontsize=8, color=GREY)
    axis.errorbar(LAGS_S, recorded.value, 2 * recorded.error, fmt="o", ms=4, color=INK)
    axis.errorbar(np.array(LAGS_S) * 1.04, simulated.value, 2 * simulated.error, color=VERMILION)
    axis.set_xscale("log")
    axis.set_xticks((1, 2, 5, 10, 30, 60), ("1", "2", "5", "10", "30", "60"))
    axis.minorticks_off()
    axis.set_ylim(0, None)
    axis.set_title("Signature: mean square move, bp² a second")
    axis.set_xlabel("over, seconds")


def draw_impact(axis: Axes, recorded: Seconds, runs: Sequence[Seconds], of_recording: Figure, of_runs: Figure) -> None:
    """Move of the mid in a second with its net flow."""
    edges = measure.flow_edges(recorded)
    flows = measure.impact(recorded, edges)[0]
    axis.errorbar(flows, of_recording.value, 2 * of_recording.error, fmt="o", ms=4, color=INK)
    flows = np.mean([measure.impact(run, edges)[0] for run in runs], axis=0)
    axis.errorbar(flows, of_runs.value, 2 * of_runs.error, color=VERMILION)
    axis.set_xscale("log")
    axis.axhline(0, color=GREY, lw=0.6)
    axis.set_title("Move with a second's net flow, bp")
    axis.set_xlabel("net flow, USD")


def draw_survival(axis: Axes, recorded: Figure, simulated: Figure) -> None:
    """Value that is still there, by distance from the mid."""
    for b, ((near, far), colour) in enumerate(zip(BANDS_BP, SHADES, strict=True)):
        axis.plot(SURVIVAL_S, recorded.value[b], "o-", ms=3, lw=0.8, color=colour, label=f"{near:g} to {far:g} bp")
        axis.plot(SURVIVAL_S, simulated.value[b], "--", color=colour)
    axis.set_xscale("log")
    axis.set_xticks(SURVIVAL_S, [str(lag) for lag in SURVIVAL_S])
    axis.minorticks_off()
    axis.set_ylim(0, 1.35)
    axis.set_yticks((0, 0.25, 0.5, 0.75, 1), ("0", "25 %", "50 %", "75 %", "100 %"))
    axis.set_title("Value that is left (simulated: dashed)")
    axis.set_xlabel("after, seconds")
    axis.legend(loc="upper center", frameon=False, fontsize=8, handlelength=1.2, borderaxespad=0, ncols=2)


def draw_spread(axis: Axes, recorded: Seconds, runs: Sequence[Seconds]) -> None:
    """Share of seconds by spread."""
    bounds, names = (1, 2, 11, 101, 10**9), ("1 tick", "2 to 10", "11 to 100", "more")
    together = np.concatenate([run.spread_ticks for run in runs])
    for ticks, colour, aside in ((recorded.spread_ticks, INK, -0.2), (together, VERMILION, 0.2)):
        shares = np.histogram(ticks, bounds)[0] / len(ticks)
        axis.bar(np.arange(4) + aside, shares, 0.36, color=colour)
        for k, share in enumerate(shares):
            axis.text(k + aside, share + 0.02, f"{share:.1%}", ha="center", fontsize=7.5, color=colour)
    axis.set_xticks(range(4), names)
    axis.set_ylim(0, 1.12)
    axis.set_yticks((0, 0.5, 1), ("0", "50 %", "100 %"))
    axis.set_title("Spread, share of seconds")
