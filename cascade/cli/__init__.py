"""The command line: `cascade replay`, `calibrate`, `attribute`, `edge`, `validate`, `fit-liquidity`, `venues`, `bench`.

Heavy imports wait until a command runs.

Exit status: 0 if all verdicts hold, 1 if a figure is missed, 2 for bad input, 130 when interrupted.
"""

import os
import signal
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from cascade.cli import causes, checks, day, recordings, venues
from cascade.cli.terminal import print_out
from cascade.errors import CascadeError

INTERRUPTED = 128 + signal.SIGINT
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Replay a crash account by account: what was news, and what the cascade.",
)
for command in (day.replay, day.calibrate, checks.bench, causes.attribute, causes.edge, checks.validate):
    app.command()(command)
app.command("fit-liquidity")(recordings.fit_liquidity)
app.add_typer(venues.app, name="venues")


def _show_version(wanted: bool) -> None:
    if wanted:
        import cascade

        print_out(f"cascade {cascade.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    # options of `cascade` itself; each acts by its callback, and a docstring here would replace the help's first line
    return


# ── the entry ───────────────────────────────────────────────────────────────────────────────────────────────
def main() -> None:
    """Run the command line; every refusal is one line on standard error and exit status 2."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that half-made folders go away
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ✓ gets ?
    status = _run()
    if status == INTERRUPTED:
        _refuse("interrupted; nothing was written")
    if status > 128:
        sys.stderr.flush()
        os._exit(status)  # threads still in compiled code would hold the exit back by seconds
    sys.exit(status)


def _run() -> int:
    """Return the exit status of the command that was given."""
    try:
        status = app(standalone_mode=False)
    except CascadeError as error:
        return _refuse(str(error))
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as ended:  # by a signal, or by --help
        status = ended.code
    except Exception as error:
        message = getattr(error, "format_message", None)  # a usage error, whichever library typer is built on
        if message is None:
            raise
        return 0 if type(error).__name__ == "NoArgsIsHelpError" else _refuse(message() + _hint(error))
    return status if isinstance(status, int) else 0


def _refuse(message: str) -> int:
    print(f"cascade: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    return f" (see {context.command_path} --help)" if context is not None else ""
