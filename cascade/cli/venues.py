"""The rules of venues: `cascade venues` and `cascade venues show`."""

from textwrap import fill
from typing import Annotated

import typer

from cascade.cli.terminal import print_out

WIDTH, INDENT = 100, 20  # characters of a line, and before its text

app = typer.Typer(no_args_is_help=False, help="List the venues and their rules.", invoke_without_command=True)


@app.callback()
def list_venues(context: typer.Context) -> None:
    """List the venues that ship with the package: contract, liquidation, deleveraging, pool, coins."""
    if context.invoked_subcommand is not None:
        return
    from cascade.venues import list_venues, load_venue
    from cascade.venues.words import COLUMNS, overview

    rows = [COLUMNS, *overview([load_venue(name) for name in list_venues()])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print_out("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))


@app.command("show")
def show_venue(
    venue: Annotated[str, typer.Argument(help="A venue's name (see `cascade venues`), or a file of your own (.toml).")],
) -> None:
    """Print the rules of a venue in words, with their sources."""
    from cascade.venues import load_venue
    from cascade.venues.words import describe

    paragraphs = []
    for heading, words, source in describe(load_venue(venue)):
        paragraphs.append(_filled(words, f"{heading:<{INDENT}}"))
        if source:
            paragraphs.append(_filled(f"[{source}]", " " * INDENT))
    print_out("\n".join(paragraphs))


def _filled(text: str, start: str) -> str:
    """Return text in lines of `WIDTH`, behind what they start with; "10 %" and "stand-in" stay whole."""
    kept = text.replace(" %", "\N{NO-BREAK SPACE}%")
    lines = fill(kept, WIDTH, initial_indent=start, subsequent_indent=" " * INDENT, break_on_hyphens=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")
