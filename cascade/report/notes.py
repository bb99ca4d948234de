"""What a reader must know beside a summary's table: its title, and the notes below. Computes nothing."""

import re
from typing import TYPE_CHECKING

from cascade.figures import LEVERAGE_SHARES, VENUE_SHARES
from cascade.frames import PAYERS
from cascade.report.numbers import DASH, percent, span, value

if TYPE_CHECKING:
    from cascade.summary import Figure, Summary

BRIEF = {  # in the legend
    **{"liquidated_usd": "value", "liquidated_accounts": "accounts", "long_share": "longs"},
    **dict.fromkeys(LEVERAGE_SHARES, "leverage"),
    **dict.fromkeys(VENUE_SHARES, "venues"),
}
UNBROKEN = re.compile(r"(?<=\d) (?=%|M\b|MB\b|bn\b|bp\b|s\b)")  # a number and its unit
NO_BREAK = "\N{NO-BREAK SPACE}"


def title(summary: "Summary") -> str:
    """Return the event, and the seeds that were run."""
    seeds, event = summary.seeds, summary.event
    if summary.candles:
        event = f"{event}'s accounts on candles of {_candle_day(summary)}"
        event += f" ({file})" if (file := _candle_file(summary)) else ""
    if len(seeds) == 1:
        return f"{event}, seed {seeds[0]}"
    is_range = seeds == tuple(range(seeds[0], seeds[0] + len(seeds)))
    named = f"{seeds[0]}-{seeds[-1]}" if is_range else ", ".join(map(str, seeds))
    return f"{event}, seeds {named}: median and 5{DASH}95 % range"


def unbroken(note: str) -> str:
    """Return a note whose numbers are not parted from their units."""
    return UNBROKEN.sub(NO_BREAK, note)


def notes(summary: "Summary") -> list[str]:
    """Return what a reader must know beside the table."""
    path = "the candle file" if summary.candles else "the path built from the reported figures"
    imposed = f"imposed: decided by {path}, not found by the model; required: reported by nobody."
    runtime = summary.runtime
    speed = (
        f"{runtime['positions']:,} positions and {runtime['book_messages']:,} book messages a seed; "
        f"tracked run {runtime['total_s']:.1f} s, of which loop {runtime['loop_s']:.1f} s; "
        f"peak memory {runtime['peak_rss_mb']:,.0f} MB."
    )
    return [
        *_tolerances(summary),
        imposed,
        *_on_candles(summary),
        *_news(summary),
        *_branching(summary),
        *_costs(summary),
        speed,
    ]


def _tolerances(summary: "Summary") -> list[str]:
    """Return within what a verdict means, of the figures that the model decides."""
    by_width: dict[str, dict[str, None]] = {}
    for name, brief in BRIEF.items():
        if summary.figures[name].tolerance is not None:
            by_width.setdefault(_tolerance(name, summary.figures[name]), {})[brief] = None
    widths = "; ".join(f"{', '.join(briefs)} {width}" for width, briefs in by_width.items())
    return [f"✓: within tolerance, not equal: {widths}."] if widths else []


def _tolerance(name: str, figure: "Figure") -> str:
    """Return how near a figure must come: all that its tolerance asks for."""
    allowed = figure.tolerance
    assert allowed is not None
    words = [] if allowed.relative is None else [f"± {100 * allowed.relative:g} %"]
    if allowed.absolute is not None:
        words.append(_points(allowed.absolute) if "share" in name else f"± {value(name, allowed.absolute)}")
    if allowed.low is not None and allowed.high is not None:
        words.append(span(name, allowed.low, allowed.high))
    elif allowed.low is not None:
        words.append(f"≥ {value(name, allowed.low)}")
    elif allowed.high is not None:
        words.append(f"≤ {value(name, allowed.high)}")
    return " and ".join(words)


def _points(share: float) -> str:
    return f"± {100 * share:g} point{'' if share == 0.01 else 's'}"


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
    change = summary.costs["pools_change_usd"] / 1e6
    cross, contagion, deleveraged = (
        percent(summary.costs[f"{name}_share"], 2) for name in ("cross", "contagion", "deleveraged")
    )
    n, taken = (f"{summary.costs[name]:,.0f}" for name in ("liquidations", "taken_over"))
    return [
        f"Liquidated accounts lost {accounts}; pools paid {pools}, winners {winners};",
        f"{socialised} was socialised. Pools ended {'lower' if change < 0 else 'higher'} by ${abs(change):,.2f} M.",
        f"Of the liquidated value {cross} was cross, {contagion} breached by another coin.",
        f"{deleveraged} of it was deleveraged.",
        f"Pools took over {taken} of {n} liquidations, {value('liquidated_usd', summary.costs['taken_over_usd'])}.",
    ]
