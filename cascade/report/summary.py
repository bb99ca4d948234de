"""A summary as a table: for the terminal, as plain text, as Markdown. Computes nothing."""

from typing import TYPE_CHECKING, NamedTuple

from cascade.figures import FIGURES, IMPOSED
from cascade.frames import PAYERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from cascade.summary import Figure, Summary

DASH = "\N{EN DASH}"  # nothing was reported, or nothing can be said
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
    notes = (Text(note, style="dim") for note in _notes(summary))
    return Group(Text(_title(summary), style="bold"), "", table, "", *notes)


def as_text(summary: "Summary") -> str:
    """Return the table as plain text."""
    shown = _columns(summary)
    body = [row.cells for row in rows(summary)]
    widths = [max(len(cells[k]) for cells in (HEADINGS, *body)) for k in range(len(HEADINGS))]

    def line(cells: tuple[str, ...]) -> str:
        padded = (cells[k].rjust(widths[k]) if 0 < k < 4 else cells[k].ljust(widths[k]) for k in shown)
        return "  ".join(padded).rstrip()

    rule = "  ".join("─" * widths[k] for k in shown)
    return "\n".join([_title(summary), "", line(HEADINGS), rule, *map(line, body), "", *_notes(summary)]) + "\n"


def as_markdown(summary: "Summary") -> str:
    """Return the table as Markdown."""
    return "\n".join([f"# {_title(summary)}", "", markdown_table(summary), "", *_notes(summary)]) + "\n"


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
        fall = _value("btc_drop", float(row["btc_drop_without_cascade"]))
        amplification = _value("amplification", float(row["amplification"]))
        lines.append(f"{row['prior']:<{width}}  {row['value']!s:>8}  {amplification:>13}  {fall:>16}")
    return "\n".join(lines) + "\n"


def _columns(summary: "Summary") -> list[int]:
    """Return which of the columns say something."""
    return [k for k in range(len(HEADINGS)) if k != SPREAD or len(summary.seeds) > 1]


def _title(summary: "Summary") -> str:
    seeds, event = summary.seeds, summary.event
    if summary.candles:
        event = f"{event}'s accounts on candles of {_candle_day(summary)}"
        event += f" ({file})" if (file := _candle_file(summary)) else ""
    if len(seeds) == 1:
        return f"{event}, seed {seeds[0]}"
    is_range = seeds == tuple(range(seeds[0], seeds[0] + len(seeds)))
    named = f"{seeds[0]}-{seeds[-1]}" if is_range else ", ".join(map(str, seeds))
    return f"{event}, seeds {named}: median and 5{DASH}95 % range"


def _notes(summary: "Summary") -> list[str]:
    """Return what a reader must know beside the table."""
    path = "the candle file" if summary.candles else "the path built from the reported figures"
    imposed = f"imposed: decided by {path}, not found by the model; required: reported by nobody."
    runtime = summary.runtime
    speed = (
        f"{runtime['positions']:,} positions and {runtime['book_messages']:,} book messages a seed; "
        f"tracked run {runtime['total_s']:.1f} s, of which loop {runtime['loop_s']:.1f} s; "
        f"peak memory {runtime['peak_rss_mb']:,.0f} MB."
    )
    return [imposed, *_on_candles(summary), *_news(summary), *_branching(summary), *_costs(summary), speed]


def _on_candles(summary: "Summary") -> list[str]:
    """Return what a verdict means on another day's candles."""
    if not summary.candles:
        return []
    return [
        "The candle file's closes replace the path; figures that they decide get no verdict.",
        f"The other verdicts compare {_candle_day(summary)} with what was reported of {summary.event}.",
    ]


def _candle_file(summary: "Summary") -> str:
    return str(summary.candles).rpartition(", ")[0]


def _candle_day(summary: "Summary") -> str:
    return str(summary.candles).rpartition(", ")[2] if _candle_file(summary) else "another day"


def _news(summary: "Summary") -> list[str]:
    """Return what the news is like that was solved for."""
    if not summary.news:
        return []
    std_bp, lag1 = summary.news["std_bp"], summary.news["autocorrelation_1"]
    return [f"News solved for: standard deviation {std_bp:.1f} bp a minute, autocorrelation {lag1:+.2f}."]


def _branching(summary: "Summary") -> list[str]:
    """Return how near the coin's books and accounts came to a runaway."""
    if not summary.branching:
        return []
    median, highest, hour = (summary.branching[name] for name in ("median", "highest", "hour"))
    clock = f"{int(hour):02d}:{int(hour * 60) % 60:02d}"
    return [
        f"Lots that a lot sold of BTC sets off, within 1 %: {median:.2f} (median), {highest:.2f} at most ({clock})."
    ]


def _costs(summary: "Summary") -> list[str]:
    """Return who paid, and how much of what was liquidated cross margin brought."""
    if not summary.costs:
        return []
    accounts, pools, winners, socialised = (
        f"${summary.costs[f'paid_by_{payer}_usd'] / 1e6:,.2f} M" for payer in PAYERS
    )
    cross, contagion, deleveraged = (
        _percent(summary.costs[f"{name}_share"], 2) for name in ("cross", "contagion", "deleveraged")
    )
    return [
        f"Liquidated accounts lost {accounts}; pools paid {pools}, winners {winners}; {socialised} was socialised.",
        f"Of the liquidated value {cross} was cross, {contagion} breached by another coin; {deleveraged} deleveraged.",
    ]


def _row(name: str, figure: "Figure", n_seeds: int) -> Row:
    verdict = DASH if figure.reported is None else "✓" if figure.within else "✗"
    if name in IMPOSED:
        verdict += " imposed"
    if figure.sense == "required":
        verdict += " required"
    spread = _span(name, figure.p05, figure.p95) if n_seeds > 1 else ""
    return Row(name, LABELS[name], _reported(name, figure), _value(name, figure.median), spread, verdict)


def _reported(name: str, figure: "Figure") -> str:
    if figure.reported is None:
        return DASH
    if figure.sense == "required" and isinstance(figure.reported, tuple):
        return f"≤ {_value(name, figure.reported[1])}"
    if isinstance(figure.reported, tuple):
        return _span(name, *figure.reported)
    return ("> " if figure.sense == "more-than" else "") + _value(name, figure.reported)


def _span(name: str, low: float, high: float) -> str:
    """Return two bounds with their unit named once; nothing where they are written alike."""
    first, last = _value(name, low), _value(name, high)
    if first == last:
        return ""
    unit = next((unit for unit in (" bn", " bp", " %") if last.endswith(unit)), "")
    return f"{first.removesuffix(unit)}{DASH}{last.removeprefix('$')}"


def _value(name: str, value: float) -> str:
    """Return the figure with its unit, to the digits that it was reported with."""
    if value != value:
        return DASH
    if name == "liquidated_usd":
        return f"${value / 1e9:.3f} bn"
    if name == "liquidated_accounts":
        return f"{value:,.0f}"
    if name.endswith("_usd"):
        return f"${value:,.0f}"
    if name == "amplification":
        return f"{value:.3f}"
    if name == "tracking_rms":
        return f"{value * 1e4:.1f} bp"
    if name == "peak_window_is_peak":
        return "yes" if value == 1 else "no" if value == 0 else f"{value:.0%} of seeds"
    return _percent(value, 2 if "drop" in name else 1)


def _percent(share: float, digits: int) -> str:
    return DASH if share != share else f"{share * 100:.{digits}f} %"
