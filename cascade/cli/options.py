"""The arguments and options that several commands take."""

from typing import Annotated

import typer

Event = Annotated[
    str, typer.Argument(help="An event that ships with the package (2026-02-06), or a facts file (.toml).")
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Threads; all cores by default.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]
