"""The laws as a table: for the terminal and as Markdown. Computes nothing."""

import math
from itertools import chain
from typing import TYPE_CHECKING

from cascade.validation import Check, Law, Validation

if TYPE_CHECKING:
    from rich.console import RenderableType

HEADINGS = ("Quantity", "Theory", "Simulated", "z", "")
GAP = 2  # between columns
LEAST_WIDTH = 24  # of the first column
MOST_SHOWN = 999.0  # of z
DASH = "\N{EN DASH}"  # no verdict
PLUS_MINUS, CHECK, CROSS = "\N{PLUS-MINUS SIGN}", "\N{CHECK MARK}", "\N{BALLOT X}"
Rows = list[tuple[str, ...]]


def laws_table(validation: Validation, width: int) -> "RenderableType":
    """Return, for a terminal of a width, each law's set-up and theory above its rows; all rows in the same columns."""
    from rich.console import Group
    from rich.text import Text

    rows = {name: _rows(law) for name, law in validation.laws.items()}
    widths = _widths([HEADINGS, *chain.from_iterable(rows.values())], width)
    parts: list[RenderableType] = [_grid([HEADINGS], widths)]
    for name, law in validation.laws.items():
        parts += [Text(), Text(f"{name}: {law.title}", style="bold")]
        parts += [Text(f"Set-up: {law.set_up}"), Text(f"Theory: {law.theory}"), _grid(rows[name], widths)]
    return Group(*parts)


def _widths(rows: Rows, width: int) -> list[int]:
    """Return the widths of the columns; the first has what the others leave."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    left = width - sum(others) - GAP * len(others)
    return [max(LEAST_WIDTH, min(first, left)), *others]


def _grid(rows: Rows, widths: list[int]) -> "RenderableType":
    from rich.table import Table

    grid = Table.grid(padding=(0, GAP, 0, 0))
    for k, width in enumerate(widths):
        grid.add_column(justify="right" if k else "left", width=width, no_wrap=k > 0)
    for cells in rows:
        grid.add_row(*cells)
    return grid


def laws_markdown(validation: Validation, pictures: bool = True) -> str:
    """Return, for each law, its set-up, its theory, its rows, and its picture if there is one beside, as Markdown."""
    lines = []
    for name, law in validation.laws.items():
        lines += [f"### {name}: {law.title}", "", f"Set-up: {law.set_up}.", "", f"Theory: `{law.theory}`.", ""]
        lines += ["| " + " | ".join(HEADINGS) + " |", "|---|---:|---:|---:|---|"]
        lines += ["| " + " | ".join(cells) + " |" for cells in _rows(law)]
        lines += ["", *([f"![{law.title}](law_{name}.png)", ""] if pictures else [])]
    return "\n".join(lines).rstrip() + "\n"


def _rows(law: Law) -> Rows:
    """Return the cells of a law's checks and of its control."""
    rows = [(check.what, *_figures(check), CHECK if check.holds else f"{CROSS} missed") for check in law.checks]
    rows += [(f"beside: {check.what}", *_figures(check), DASH) for check in law.beside]
    control = law.control.check
    verdict = f"{CHECK} fails" if control.fails else f"{CROSS} holds"
    return [*rows, (f"control: {law.control.change}", *_figures(control), verdict)]


def _figures(check: Check) -> tuple[str, str, str]:
    """Return theory, simulated with its error, and z as text."""
    z = (
        f"{check.z:+z.1f}"  # no -0.0
        if abs(check.z) < MOST_SHOWN
        else f"{'>' if check.z > 0 else '<'} {math.copysign(MOST_SHOWN, check.z):.0f}"
    )
    if check.error == 0:
        return f"{check.theory:z.6g}", f"{check.simulated:z.6g} {PLUS_MINUS} 0", z
    digits = max(0, min(6, 1 - math.floor(math.log10(check.error))))  # two figures of the error
    return f"{check.theory:z.{digits}f}", f"{check.simulated:z.{digits}f} {PLUS_MINUS} {check.error:.{digits}f}", z
