"""A summary as a table: for the terminal, as plain text, as Markdown. Computes nothing."""

from typing import TYPE_CHECKING, NamedTuple

from cascade.figures import FIGURES, IMPOSED
from cascade.report.notes import notes, title, unbroken
from cascade.report.numbers import DASH, span, value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from cascade.summary import Figure, Summary

LABELS = {
    "liquidated_usd": "Liquidated value",
    "liquidated_accounts": "Liquidated accounts",
    "long_share": "  of it, longs",
    "share_lt_10x": "  leverage below 10x",
    "share_10_20x": "  10x to 20x",
    "share_20_50x": "  20x to 50x",
    "share_gt_50x": "  above 50x",
    "share_binance": "  Binance",
    "share_okx": "  OKX",
    "share_bybit": "  Bybit",
    "share_other": "  other venues",
    "btc_drop": "BTC fall",
    "btc_low_usd": "  low",
    "btc_close_usd": "  close",
    "peak_window_share": "In 14:00-16:00 UTC",
    "peak_window_is_peak": "  largest two hours",
    "eth_drop": "ETH fall",
    "xrp_drop": "XRP fall",
    "sol_drop": "SOL fall",
    "doge_drop": "DOGE fall",
    "bnb_drop": "BNB fall",
    "amplification": "Amplification",
    "btc_drop_without_cascade": "  BTC fall without it",
    "tracking_rms": "Tracking error (RMS)",
}
HEADINGS = ("Figure", "Reported", "Simulated", f"5{DASH}95 %", "")
SPREAD = 3  # the column that one seed leaves empty
GROUPS_START = frozenset({"btc_drop", "peak_window_share", "eth_drop", "amplification"})  # a rule above these


class Row(NamedTuple):
    """One line of the table, formatted."""

    name: str
    label: str
    reported: str
    median: str
    spread: str
    verdict: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The columns under `HEADINGS`."""
        return self[1:]


def rows(summary: "Summary") -> list[Row]:
    """Return the table's lines, in the order of the figures."""
    return [_row(name, summary.figures[name], len(summary.seeds)) for name in FIGURES]


def as_table(summary: "Summary") -> "RenderableType":
    """Return the table for a terminal."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))  # fits 80 columns
    shown = _columns(summary)
    for k in shown:
        table.add_column(HEADINGS[k], justify="left" if HEADINGS[k] in ("Figure", "") else "right", no_wrap=True)
    colours = {"✓": "green", "✗": "bold red", DASH: "dim"}
    for row in rows(summary):
        if row.name in GROUPS_START:
            table.add_section()
        *plain, verdict = (row.cells[k] for k in shown)
        table.add_row(*plain, Text(verdict, style=colours[verdict[0]]))
    below = (Text(note, style="dim") for note in notes(summary))
    return Group(Text(title(summary), style="bold"), "", table, "", *below)


def as_text(summary: "Summary") -> str:
    """Return the table as plain text."""
    shown = _columns(summary)
    body = [row.cells for row in rows(summary)]
    widths = [max(len(cells[k]) for cells in (HEADINGS, *body)) for k in range(len(HEADINGS))]

    def line(cells: tuple[str, ...]) -> str:
        padded = (cells[k].rjust(widths[k]) if 0 < k < 4 else cells[k].ljust(widths[k]) for k in shown)
        return "  ".join(padded).rstrip()

    rule = "  ".join("─" * widths[k] for k in shown)
    return "\n".join([title(summary), "", line(HEADINGS), rule, *map(line, body), "", *notes(summary)]) + "\n"


def as_markdown(summary: "Summary") -> str:
    """Return the table as Markdown."""
    below = [unbroken(note) for note in notes(summary)]
    return "\n".join([f"# {title(summary)}", "", markdown_table(summary), "", *below]) + "\n"


def markdown_table(summary: "Summary") -> str:
    """Return the lines of the table alone, as Markdown."""
    shown = _columns(summary)
    cells = [HEADINGS, (":--", "--:", "--:", "--:", ":--"), *(row.cells for row in rows(summary))]
    return "\n".join("| " + " | ".join(line[k].replace("  ", "&emsp;", 1) for k in shown) + " |" for line in cells)


def as_ranges(ranges: "Sequence[Mapping[str, float | str]]") -> str:
    """Return what the day does not identify, and what hangs on it, as plain text."""
    lines = ["Amplification over what the day does not identify", ""]
    width = max([len(str(row["prior"])) for row in ranges] + [len("Prior")])
    lines.append(f"{'Prior':<{width}}  {'Value':>8}  {'Amplification':>13}  {'BTC fall without':>16}")
    for row in ranges:
        fall = value("btc_drop", float(row["btc_drop_without_cascade"]))
        amplification = value("amplification", float(row["amplification"]))
        lines.append(f"{row['prior']:<{width}}  {row['value']!s:>8}  {amplification:>13}  {fall:>16}")
    return "\n".join(lines) + "\n"


def _columns(summary: "Summary") -> list[int]:
    """Return which of the columns say something."""
    return [k for k in range(len(HEADINGS)) if k != SPREAD or len(summary.seeds) > 1]


def _row(name: str, figure: "Figure", n_seeds: int) -> Row:
    verdict = DASH if figure.reported is None else "✓" if figure.within else "✗"
    if name in IMPOSED:
        verdict += " imposed"
    if figure.sense == "required":
        verdict += " required"
    spread = span(name, figure.p05, figure.p95) if n_seeds > 1 else ""
    return Row(name, LABELS[name], _reported(name, figure), value(name, figure.median), spread, verdict)


def _reported(name: str, figure: "Figure") -> str:
    if figure.reported is None:
        return DASH
    if figure.sense == "required" and isinstance(figure.reported, tuple):
        return f"≤ {value(name, figure.reported[1])}"
    if isinstance(figure.reported, tuple):
        return span(name, *figure.reported)
    return ("> " if figure.sense == "more-than" else "") + value(name, figure.reported)
