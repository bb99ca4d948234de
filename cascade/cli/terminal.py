"""What every command does with a terminal, a folder and the machine."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cascade.errors import OutputError

if TYPE_CHECKING:
    from cascade.output import OutputFolder
    from cascade.progress import Lines


def print_out(text: str) -> None:
    """Print the result; a reader who has gone is no error, and a full disk is one."""
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still in the buffer goes nowhere
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(141) from error  # as a shell shows it: 128 + SIGPIPE
        raise OutputError(f"cannot write to standard output: {error.strerror}; name a folder with --out") from error


@contextmanager
def progress() -> "Iterator[Lines]":
    """Yield the lines of progress, on standard error."""
    from cascade.progress import Lines

    with Lines() as lines:
        yield lines


def say_if_compiling(lines: "Lines") -> None:
    """Say what the first minute is spent on; nothing where it is not."""
    from cascade.progress import is_compiled

    if not is_compiled():
        lines.say("compiling for the first time (about a minute; later runs start at once)")


def name_of(event: str) -> str:
    """Return the event's name, which the default folder takes; refuses an unknown one before anything else is done."""
    from cascade.facts import load_event

    return load_event(event).name


def output_folder(place: Path) -> "OutputFolder":
    """Return the folder that results go to."""
    from cascade.output import OutputFolder

    return OutputFolder(place)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
