"""Attributions as tables: for the terminal and as plain text. Computes nothing."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cascade.attribution import Attribution
    from cascade.edge import Study

DASH = "\N{EN DASH}"
NAMES = {
    "liquidations": "Liquidations",
    "stops": "Stops",
    "withdrawal": "Withdrawal of liquidity",
    "arbitrage": "Arbitrage between venues",
    "openings": "Openings during the day",
    "learning": "Learning from flow",
}
NEWS, ALL = "News", "All together"


def attribution_text(found: "Attribution", over_priors: Sequence[Mapping] | None = None) -> str:
    """Return the shares of the fall and of liquidated value, with standard errors, as plain text."""
    told = found.as_dict()
    coin, n = found.coins[0], len(found.seeds)
    falls, values = told["log_fall"][coin], told["liquidated_usd"]
    columns = [f"Fall of {coin}, %", "Of it", "Added last, %", "Liquidated, $M"]
    if found.anew is not None:
        columns.append("News anew, %")
    rows = [(NEWS, [_points(falls["without"]), _part(falls["without"], falls), "", _millions(values["without"])])]
    for name in found.mechanisms:
        share, value = falls["shares"][name], values["shares"][name]
        cells = [_points(share), _part(share, falls), _points(told["last_in"][name]), _millions(value)]
        rows.append((NAMES[name], cells + ([_points(told["anew"][name])] if found.anew is not None else [])))
    rows.append((ALL, [_points(falls["together"]), "100 %", "", _millions(values["together"])]))
    seeds = f"{n} seeds, ± standard error over them" if n > 1 else "one seed"
    notes = [
        "",
        "Log falls, at the time of the tracked run's low; news was solved once, with all on. Shapley values: a",
        "mechanism's mean effect over all orders of switching them on. Added last: its effect with all others on.",
    ]
    if found.anew is not None:
        notes.append("News anew: its effect on the news that the day needs without it.")
    ranges = [] if over_priors is None else ["", *_ranges(over_priors)]
    return "\n".join([f"{found.event}: what fell why, {seeds}", "", *_lines(columns, rows), *notes, *ranges]) + "\n"


def edge_text(found: "Study") -> str:
    """Return where shocks run away, as plain text."""
    from cascade.edge import PHASE_SHOCK, RUNAWAY, edge_ratios, smallest_runaway

    def shock(value: float) -> str:
        return "none" if value != value else f"{100 * value:g} %"

    def ratio(value: float) -> str:
        return DASH if value != value else f"{value:.2f}"

    by_leverage, by_depth = smallest_runaway(found.by_leverage, "leverage"), smallest_runaway(found.by_depth, "depth")
    by_pace, phase = edge_ratios(found.by_pace, "minutes"), edge_ratios(found.phase, "depth")
    calm = edge_ratios(found.phase_calm, "depth")
    rows = [
        *((f"open at 10x and more, {value:g} times the day's", ["", shock(of)]) for value, of in by_leverage.items()),
        *((f"depth {value:g} times the stated, leverage twice", ["", shock(of)]) for value, of in by_depth.items()),
        *((f"news within {value:g} minutes", [ratio(of), ""]) for value, of in by_pace.items()),
        *((f"depth {value:g} times the stated", [ratio(of), ""]) for value, of in phase.items()),
        *((f"depth {value:g} times, nobody withdraws", [ratio(of), ""]) for value, of in calm.items()),
    ]
    notes = [
        "",
        f"A shock runs away where the fall is {RUNAWAY:g} times that without the cascade, within the hour.",
        f"g at the edge: the branching ratio where a shock of {100 * PHASE_SHOCK:g} % begins to, as leverage grows.",
        f"A linear loop would be there at g = {1 - 1 / RUNAWAY:g}, and without bounds at 1.",
    ]
    return "\n".join([f"{found.coin} at {found.venue}: where a shock runs away", "",
                      *_lines(["g at the edge", "Smallest shock"], rows), *notes]) + "\n"  # fmt: skip


def _ranges(over_priors: Sequence[Mapping]) -> list[str]:
    """Return the shares over the priors that the day does not identify."""
    names = list(over_priors[0]["log_fall"]["shares"])
    columns = ["Value", NEWS, *(NAMES[name].split()[0] for name in names), "All"]
    rows = []
    for row in over_priors:
        falls = row["log_fall"]
        parts = [falls["without"], *(falls["shares"][name] for name in names), falls["together"]]
        rows.append((row["prior"], [f"{row['value']:g}", *(f"{100 * part['mean']:.2f}" for part in parts)]))
    return ["Log fall, %, over the priors that the day does not identify, one seed", "", *_lines(columns, rows)]


def _lines(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Return a table's lines: names on the left, columns on the right."""
    widths = [max(len(cells[k]) if k < len(cells) else 0 for cells in (columns, *(c for _, c in rows)))
              for k in range(len(columns))]  # fmt: skip
    first = max(len(name) for name, _ in rows)
    rule = "  ".join(["─" * first, *("─" * width for width in widths)])

    def line(name: str, cells: Sequence[str]) -> str:
        return "  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, widths, strict=False))]).rstrip()

    return [line("", columns), rule, *(line(name, cells) for name, cells in rows)]


def _points(number: Mapping) -> str:
    return f"{100 * number['mean']:+.2f}" + ("" if number["error"] is None else f" ± {100 * number['error']:.2f}")


def _millions(number: Mapping) -> str:
    return f"{number['mean'] / 1e6:+,.0f}" + ("" if number["error"] is None else f" ± {number['error'] / 1e6:,.0f}")


def _part(number: Mapping, falls: Mapping) -> str:
    whole = falls["together"]["mean"]
    return f"{100 * number['mean'] / whole:.1f} %" if whole > 0 else ""
