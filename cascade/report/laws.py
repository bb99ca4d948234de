"""The laws as a table: for the terminal and as Markdown. Computes nothing."""

import math
from typing import TYPE_CHECKING

from cascade.validation import Check, Law, Validation

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADINGS = ("Law", "Quantity", "Theory", "Simulated", "z", "")
MOST_SHOWN = 999.0  # of z
DASH = "\N{EN DASH}"  # no verdict
PLUS_MINUS, CHECK, CROSS = "\N{PLUS-MINUS SIGN}", "\N{CHECK MARK}", "\N{BALLOT X}"


def laws_table(validation: Validation) -> "RenderableType":
    """Return the table for a terminal."""
    from rich import box
    from rich.table import Table

    table = Table(*HEADINGS[:2], box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS[2:]:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, law in validation.laws.items():
        for cells in _rows(name, law):
            table.add_row(*cells)
        table.add_section()
    return table


def laws_markdown(validation: Validation) -> str:
    """Return, for each law, its set-up, its theory and its rows as Markdown."""
    lines = []
    for name, law in validation.laws.items():
        lines += [f"### {name}: {law.title}", "", f"Set-up: {law.set_up}.", "", f"Theory: `{law.theory}`.", ""]
        lines += ["| " + " | ".join(HEADINGS[1:]) + " |", "|---|---:|---:|---:|---|"]
        lines += ["| " + " | ".join(cells[1:]) + " |" for cells in _rows("", law)]
        lines += ["", f"![{law.title}](pictures/law_{name}.png)", ""]
    return "\n".join(lines).rstrip() + "\n"


def _rows(name: str, law: Law) -> list[tuple[str, ...]]:
    """Return the cells of a law's checks and of its control."""
    rows = [
        (name if k == 0 else "", check.what, *_figures(check), CHECK if check.holds else f"{CROSS} missed")
        for k, check in enumerate(law.checks)
    ]
    rows += [("", f"beside: {check.what}", *_figures(check), DASH) for check in law.beside]
    control = law.control.check
    verdict = f"{CHECK} fails" if control.fails else f"{CROSS} holds"
    return [*rows, ("", f"control: {law.control.change}", *_figures(control), verdict)]


def _figures(check: Check) -> tuple[str, str, str]:
    """Return theory, simulated with its error, and z as text."""
    z = (
        f"{check.z:+.1f}"
        if abs(check.z) < MOST_SHOWN
        else f"{'>' if check.z > 0 else '<'} {math.copysign(MOST_SHOWN, check.z):.0f}"
    )
    if check.error == 0:
        return f"{check.theory:.6g}", f"{check.simulated:.6g} {PLUS_MINUS} 0", z
    digits = max(0, min(6, 1 - math.floor(math.log10(check.error))))  # two figures of the error
    return f"{check.theory:.{digits}f}", f"{check.simulated:.{digits}f} {PLUS_MINUS} {check.error:.{digits}f}", z
