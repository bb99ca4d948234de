"""The day: `cascade replay` and `cascade calibrate`."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.cli.options import AsJson, Event, Threads
from cascade.cli.terminal import cores, name_of, output_folder, print_out, progress, say_if_compiling

if TYPE_CHECKING:
    from cascade.assumptions import LeverageAssumptions
    from cascade.output import OutputFolder
    from cascade.progress import Lines
    from cascade.result import Replay
    from cascade.summary import Summary


def replay(
    event: Event,
    seeds: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many seeds to run.")] = 1,
    first_seed: Annotated[int, typer.Option(min=0, max=2**53, help="The first of them.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="cascade-out/EVENT")] = None,
    candles: Annotated[Path | None, typer.Option(help="A candle file that replaces the path of BTC.")] = None,
    day: Annotated[str | None, typer.Option(help="Which day of the candle file, as YYYY-MM-DD (UTC).")] = None,
    assumptions: Annotated[
        Path | None,
        typer.Option(help="Leverage assumptions: a file, or `isolated` for those without cross accounts."),
    ] = None,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Draw no pictures.")] = False,
    as_json: AsJson = False,
    threads: Threads = None,
    priors: Annotated[bool, typer.Option("--priors", help="Also vary what the day does not identify.")] = False,
) -> None:
    """Replay a reported day, and the same news with liquidation orders kept out of the book."""
    if day is not None and candles is None:
        raise typer.BadParameter("a day is picked from a candle file; name that with --candles", param_hint="'--day'")
    name = name_of(event)
    place = out if out is not None or as_json else Path("cascade-out") / name
    chosen = _read(candles, day) if candles is not None else {}
    if assumptions is not None:
        chosen["assumptions"] = _assumed(name, assumptions)
    with ExitStack() as stack:
        folder = stack.enter_context(output_folder(place)) if place is not None else None
        lines = stack.enter_context(progress())
        runs = _replays(event, range(first_seed, first_seed + seeds), chosen, threads, lines)
        summary = _summarised(runs, folder)
        ranges = _over_priors(event, first_seed, chosen, lines) if priors else None
        if folder is not None:
            folder.finish(summary, pictures=not no_plots, ranges=ranges, progress=lines.say)
    _show(summary, ranges, place, as_json)
    raise typer.Exit(0 if summary.holds else 1)


def calibrate(
    event: Event,
    out: Annotated[
        Path | None, typer.Option(help="Where to write the fitted assumptions (TOML).", show_default=False)
    ] = None,
    isolated: Annotated[bool, typer.Option("--isolated", help="Without cross accounts.")] = False,
    threads: Threads = None,
) -> None:
    """Fit the leverage assumptions to what was reported, on seeds 0 to 9."""
    import cascade

    name_of(event)
    with progress() as lines:
        say_if_compiling(lines)
        written = cascade.calibrate(
            event, out=out, isolated=isolated, threads=threads or cores(), progress=lines.of("fit")
        )
    print_out(f"wrote {written}")


# ── the steps of a replay ──────────────────────────────────────────────────────────────────────────────────────
def _read(candles: Path, day: str | None) -> dict:
    """Return the day of a candle file as `cascade.replay` takes it; refuses it before anything else is done."""
    from cascade.tape import read_candles

    return {"candles": read_candles(candles, day)}


def _assumed(event: str, given: Path) -> "LeverageAssumptions":
    """Return the leverage assumptions of a file, or those that ship by that name."""
    from cascade.assumptions import read_assumptions
    from cascade.reconstruction import fitted_assumptions

    return fitted_assumptions(event, isolated=True) if str(given) == "isolated" else read_assumptions(given)


def _replays(event: str, seeds: range, chosen: dict, threads: int | None, lines: "Lines") -> "Iterator[Replay]":
    """Yield replays in the order of their seeds; only as many as there are threads are under way or waiting."""
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    say_if_compiling(lines)
    import cascade

    def run(seed: int) -> "Replay":
        name = f"seed {seed}, {seed - seeds.start + 1} of {len(seeds)}"
        return cascade.replay(event, seed=seed, progress=lines.of(name), **chosen)

    threads = min(threads or cores(), len(seeds))
    pool = ThreadPoolExecutor(threads)
    try:
        waiting = deque(pool.submit(run, seed) for seed in seeds[:threads])
        for later in [*seeds[threads:], *[None] * threads]:
            finished = waiting.popleft().result()
            if later is not None:
                waiting.append(pool.submit(run, later))
            yield finished
            del finished
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _summarised(runs: "Iterator[Replay]", folder: "OutputFolder | None") -> "Summary":
    """Return the summary of all seeds; each is written as it comes, and then let go."""
    from cascade.summary import summarise

    def written() -> "Iterator[Replay]":
        for replayed in runs:
            if folder is not None:
                folder.add(replayed)
            yield replayed
            del replayed

    return summarise(written())


def _over_priors(event: str, seed: int, chosen: dict, lines: "Lines") -> list[dict]:
    from cascade.attribution.sensitivity import amplification_over_priors

    return amplification_over_priors(event, seed=seed, progress=lines.of("priors"), **chosen)


def _show(summary: "Summary", ranges: list[dict] | None, place: Path | None, as_json: bool) -> None:
    if as_json:
        from cascade.summary import without_nan

        priors = {"priors": without_nan(ranges)} if ranges is not None else {}
        print_out(json.dumps(summary.as_dict() | priors, allow_nan=False))
        return
    from rich.console import Console

    from cascade.report import as_ranges, as_table

    console = Console(highlight=False)
    with console.capture() as printed:
        console.print(as_table(summary))
        if ranges is not None:
            console.print(as_ranges(ranges))
        console.print(f"written to {place}", style="dim", soft_wrap=True)
    print_out(printed.get().rstrip())
