"""What is under way, on standard error: bars at a terminal, a line at each change where there is none."""

import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Lines:
    """One line for each seed in work, and one for the whole."""

    def __init__(self) -> None:
        self._bars: Bars | None = None
        self._stages: dict[str, str] = {}
        self._tasks: dict[str, TaskID] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Begin, with bars if someone watches."""
        if sys.stderr.isatty():
            self._bars = _bars()
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()

    def say(self, what: str) -> None:
        """Tell what the whole is doing."""
        self._report("", what, None)

    def of(self, name: str) -> Callable[[str, float], None]:
        """Return what a run calls with what it does and the fraction of it that is done."""
        return lambda what, done=0.0: self._report(name, what, done)

    def _report(self, name: str, what: str, done: float | None) -> None:
        with self._lock:
            text = f"{name}: {what}" if name else what
            if self._bars is not None:
                self._draw(name, text, done)
            elif self._stages.get(name) != what:
                print(f"cascade: {text}", file=sys.stderr, flush=True)
            self._stages[name] = what

    def _draw(self, name: str, text: str, done: float | None) -> None:
        bars = self._bars
        if bars is None:
            return
        if name not in self._tasks:
            if "" in self._tasks and name:
                bars.update(self._tasks[""], visible=False)
            self._tasks[name] = bars.add_task(text, total=1.0 if done is not None else None)
        bars.update(self._tasks[name], description=text, completed=done or 0.0, visible=True)


def _bars() -> "Bars":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def is_compiled() -> bool:
    """Whether the kernels of this version have been compiled on this machine."""
    from pathlib import Path

    from cascade.kernels.jit import JITTED, config

    return not JITTED or any(Path(config.CACHE_DIR).rglob("loop.run_steps*.nbi"))  # pyright: ignore[reportAttributeAccessIssue]
