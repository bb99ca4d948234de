"""The picture of who pays: pools by venue, deleveraging by coin, losses by payer. Drawn on axes of `results`."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.frames import PAYERS, STEPS_PER_MINUTE
from cascade.plots.causes import BY_COIN
from cascade.plots.style import BLUE, DASH, GREEN, GREY, INK, MINUS, VERMILION, write_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from cascade.result import Result

BAR_MINUTES = 5
SHORT_S = 4 * 3600  # a run of no more has a bar for every minute
COLOURS: dict[str, str] = dict(zip(PAYERS, (INK, BLUE, VERMILION, GREEN), strict=True))
NAMES = {
    "accounts": "accounts",
    "pools": "pools",
    "winners": "deleveraged winners",
    "socialised": "socialised",
}
LEAST_USD = 1e3  # what is less is not drawn: the axis is logarithmic


def pool_usd(result: "Result") -> dict[str, np.ndarray]:
    """Return what all pools of every venue are worth, USD, at the open and after every minute."""
    worth: dict[str, np.ndarray] = {}
    for (pool,), rows in result.pools.group_by("pool", maintain_order=True):
        venue = str(pool).partition(" ")[0]  # before the coin that its inverse contracts settle in
        worth[venue] = worth.get(venue, 0.0) + rows["pool_usd"].to_numpy()
    return worth


def draw_pools(axis: "Axes", result: "Result") -> None:
    """Draw by how much every venue's pools have changed since the open; the first ones wide, to show behind others."""
    lines = pool_usd(result)
    for k, ((venue, usd), colour) in enumerate(zip(lines.items(), BY_COIN, strict=False)):
        time = result.step_ns(STEPS_PER_MINUTE * np.arange(len(usd))).astype("datetime64[ns]")
        axis.plot(time, (usd - usd[0]) / 1e6, color=colour, linewidth=1.0 + 0.5 * (len(lines) - k - 1))
        name = f"{venue}, from ${usd[0] / 1e6:,.0f} M"
        write_at(axis, 1, 1, -88 * (len(lines) - k - 1), 9, name, color=colour, ha="right")
    axis.axhline(0.0, color=GREY, linewidth=0.6)
    axis.set_title("Pools")
    axis.set_ylabel("change, USD million")
    axis.margins(y=0.1)


def draw_deleveraging(axis: "Axes", result: "Result") -> None:
    """Draw what winners were closed for each minute, stacked by coin; means over some minutes."""
    minutes = BAR_MINUTES if result.index_usd.shape[1] * result.step_s > SHORT_S else 1
    per_bar = round(STEPS_PER_MINUTE * minutes / result.step_s)
    n_bars, coins = -(-result.index_usd.shape[1] // per_bar), len(result.coins)
    rows = result.deleveraged
    at = rows["step"].astype(np.int64) // per_bar * coins + rows["market"].astype(np.int64) // len(result.venues)
    notional_usd = result.deleveragings["notional_usd"].to_numpy()
    usd = np.bincount(at, notional_usd, minlength=n_bars * coins).reshape(-1, coins)
    edges = result.step_ns(np.arange(n_bars + 1) * per_bar).astype("datetime64[ns]")
    bottom = np.zeros(n_bars)
    for k, colour in zip(range(coins), BY_COIN, strict=False):
        top = bottom + usd[:, k] / (1e6 * minutes)
        axis.stairs(top, edges, baseline=bottom, fill=True, color=colour, linewidth=0)
        name = f"{result.coins[k]} {_millions(usd[:, k].sum())}"
        write_at(axis, 1, 1, -58 * (coins - k - 1), 9, name, color=colour, ha="right")
        bottom = top
    if not len(rows):
        axis.text(0.5, 0.5, "nobody was deleveraged", transform=axis.transAxes, ha="center", color=GREY)
        axis.set_yticks([])
    axis.set_title("Deleveraged, USD M")
    axis.set_ylabel("USD million a minute")
    axis.set_ylim(0, bottom.max() * 1.06 or 1.0)


def draw_payers(axis: "Axes", result: "Result") -> None:
    """Draw for every venue what each of those who bore its losses bore, on a logarithmic scale; name their sums."""
    venues = result.losses["venue"].unique(maintain_order=True).to_list()
    paid = {(venue, payer): usd for venue, payer, usd in result.losses.iter_rows()}
    present = [payer for payer in PAYERS if any(paid[venue, payer] >= LEAST_USD for venue in venues)]
    for y, venue in enumerate(venues):
        for k, payer in enumerate(present):
            usd, height = paid[venue, payer], y + 0.19 * (k - (len(present) - 1) / 2)
            if usd >= LEAST_USD:
                axis.plot(usd, height, "o", color=COLOURS[payer], markersize=4.6, markeredgewidth=0)
    _list_payers(axis, [sum(paid[venue, payer] for venue in venues) for payer in PAYERS])
    axis.set_xscale("log")
    axis.set_xlim(LEAST_USD, 2.0 * max([*paid.values(), 1e6]))
    axis.xaxis.set_major_formatter(lambda usd, _: _millions(usd))
    axis.set_yticks(range(len(venues)), venues)
    axis.set_ylim(len(venues) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("USD million")
    axis.set_title("Who bore the losses, USD M")


def _list_payers(axis: "Axes", totals_usd: "Sequence[float]") -> None:
    """Name the colours above the bars, with what each bore at all venues together, in USD million."""
    for payer, usd, right in zip(PAYERS, totals_usd, (-252, -196, -76, 0), strict=True):
        write_at(axis, 1, 1, right, 9, f"{NAMES[payer]} {_millions(usd)}", color=COLOURS[payer], ha="right")


def _millions(usd: float) -> str:
    """Return USD in millions, to the digits that matter; a dash for what is not drawn."""
    if abs(usd) < LEAST_USD:
        return DASH
    sign, size = MINUS if usd < 0 else "", abs(usd) / 1e6
    return f"{sign}{size:,.0f}" if size >= 100 else f"{sign}{size:.3g}"
