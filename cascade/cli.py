"""The command line: `cascade replay`, `calibrate`, `attribute`, `edge`, `venues`, `bench`.

Heavy imports wait until a command runs.

Exit status: 0 if all verdicts hold, 1 if a figure is missed, 2 for bad input, 130 when interrupted.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.errors import CascadeError, OutputError

if TYPE_CHECKING:
    from cascade.assumptions import LeverageAssumptions
    from cascade.attribution import Attribution
    from cascade.output import OutputFolder
    from cascade.progress import Lines
    from cascade.result import Replay
    from cascade.summary import Summary
    from cascade.validation import Validation

INTERRUPTED = 128 + signal.SIGINT
app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Replay a crash account by account: what was news, and what the cascade.",
)
Event = Annotated[
    str, typer.Argument(help="An event that ships with the package (2026-02-06), or a facts file (.toml).")
]
Threads = Annotated[
    int | None, typer.Option(min=1, max=1024, help="Threads; all cores by default.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        import cascade

        _print(f"cascade {cascade.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    # options of `cascade` itself; each acts by its callback, and a docstring here would replace the help's first line
    return


@app.command()
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
    name = _name_of(event)
    place = out if out is not None or as_json else Path("cascade-out") / name
    chosen = _read(candles, day) if candles is not None else {}
    if assumptions is not None:
        chosen["assumptions"] = _assumed(name, assumptions)
    with ExitStack() as stack:
        folder = stack.enter_context(_output(place)) if place is not None else None
        lines = stack.enter_context(_progress())
        runs = _replays(event, range(first_seed, first_seed + seeds), chosen, threads, lines)
        summary = _summarised(runs, folder)
        ranges = _over_priors(event, first_seed, chosen, lines) if priors else None
        if folder is not None:
            folder.finish(summary, pictures=not no_plots, ranges=ranges, progress=lines.say)
    _show(summary, ranges, place, as_json)
    raise typer.Exit(0 if summary.holds else 1)


@app.command()
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

    _name_of(event)
    with _progress() as lines:
        _say_if_compiling(lines)
        written = cascade.calibrate(
            event, out=out, isolated=isolated, threads=threads or _cores(), progress=lines.of("fit")
        )
    _print(f"wrote {written}")


@app.command()
def bench(
    as_json: AsJson = False,
    base: Annotated[Path | None, typer.Option(help="The yardstick's base stream, if it is a file.")] = None,
    deep: Annotated[Path | None, typer.Option(help="The yardstick's deep stream, if it is a file.")] = None,
) -> None:
    """Measure the book against C++ on the same streams, and the day."""
    from cascade.bench import book_bench, read_stream

    streams = {name: path for name, path in (("base", base), ("deep", deep)) if path is not None}
    for path in streams.values():
        read_stream(path)  # refuses what is none before the long work
    with _progress() as lines:
        lines.say("the book against C++, by turns")
        book = book_bench(streams or None)
        lines.say("the day, twice: the second is timed")
        figures = {"book": book, "day": _day_figures(book.get("base", {}).get("cpp_million_per_s"), lines)}
    _print(json.dumps(figures, indent=2) if as_json else _indented(figures))


@app.command()
def attribute(
    event: Event,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How many seeds to run, 64 runs each.")] = 10,
    first_seed: Annotated[int, typer.Option(min=0, max=2**53, help="The first of them.")] = 1,
    priors: Annotated[bool, typer.Option("--priors", help="Also vary what the day does not identify.")] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Also solve the news anew without each mechanism.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write to.", show_default="cascade-out/EVENT-attribution")
    ] = None,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Share out the fall among news, liquidations, stops, withdrawal, arbitrage, openings and learning."""
    name = _name_of(event)
    place = out if out is not None or as_json else Path("cascade-out") / f"{name}-attribution"
    with ExitStack() as stack:
        folder = stack.enter_context(_output(place)) if place is not None else None
        lines = stack.enter_context(_progress())
        found, over_priors, origin = _attributed(
            event, range(first_seed, first_seed + seeds), priors, anew, threads, lines
        )
        if folder is not None:
            _publish_attribution(folder, found, over_priors, origin)
    from cascade.reportcauses import attribution_text

    told = found.as_dict() | ({} if over_priors is None else {"priors": over_priors})
    _print(json.dumps(told, allow_nan=False) if as_json else attribution_text(found, over_priors).rstrip())
    if not as_json:
        _print(f"\nwritten to {place}")


@app.command()
def edge(
    quick: Annotated[bool, typer.Option("--quick", help="A coarser grid and one seed.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="cascade-out/edge")] = None,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Find where a shock runs away: its size, the leverage that is open, and the depth of the book."""
    place = out if out is not None or as_json else Path("cascade-out") / "edge"
    with ExitStack() as stack:
        folder = stack.enter_context(_output(place)) if place is not None else None
        lines = stack.enter_context(_progress())
        _say_if_compiling(lines)
        from cascade.edge import study
        from cascade.reportcauses import edge_text

        found = study(quick=quick, threads=threads or _cores(), progress=lines.of("edge"))
        if folder is not None:
            from cascade.plotedge import edge as draw

            files = {"edge.json": found.as_dict(), "report.txt": edge_text(found), "edge.png": draw(found)}
            folder.publish(files, {"command": "cascade edge", "quick": quick, "configuration": found.configuration})
    _print(json.dumps(found.as_dict(), allow_nan=False) if as_json else edge_text(found).rstrip())
    if not as_json:
        _print(f"\nwritten to {place}")


@app.command()
def validate(
    laws: Annotated[list[str] | None, typer.Argument(help="Some laws (T1, hawkes, ...); all by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer runs: under two minutes.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="cascade-out/validation")] = None,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Draw no pictures.")] = False,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Hold the engine against laws that theory knows, each with a negative control."""
    place = out if out is not None or as_json else Path("cascade-out") / "validation"
    with ExitStack() as stack:
        folder = stack.enter_context(_output(place)) if place is not None else None
        lines = stack.enter_context(_progress())
        _say_if_compiling(lines)
        import cascade.validation as validation

        found = validation.validate(laws or (), quick, threads or _cores(), lines.of("laws"))
        if folder is not None:
            command = " ".join(["cascade validate", *(laws or ()), *(["--quick"] if quick else [])])
            _publish_laws(folder, found, command, not no_plots)
    _print(json.dumps(found.as_dict(), allow_nan=False) if as_json else _laws_text(found, place))
    raise typer.Exit(0 if found.holds else 1)


def _publish_laws(folder: "OutputFolder", found: "Validation", command: str, pictures: bool) -> None:
    from cascade import plotlaws
    from cascade.reportlaws import laws_markdown

    drawn = {f"law_{name}.png": plotlaws.law(name, law) for name, law in found.laws.items()} if pictures else {}
    folder.publish({"validation.json": found.as_dict(), "laws.md": laws_markdown(found), **drawn}, {"command": command})


def _laws_text(found: "Validation", place: "Path | None") -> str:
    from rich.console import Console

    from cascade.reportlaws import laws_table

    console = Console(highlight=False)
    with console.capture() as printed:
        console.print(laws_table(found))
        console.print(f"written to {place}", style="dim", soft_wrap=True)
    return printed.get().rstrip()


@app.command("fit-liquidity")
def fit_liquidity(
    files: Annotated[list[Path], typer.Argument(help="Recordings of one market's depth and trades, in order of time.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write the liquidity file.", show_default="cascade-out/COIN.toml")
    ] = None,
    coin: Annotated[str | None, typer.Option(help="The coin, where the files do not say.", show_default=False)] = None,
    kappa: Annotated[
        float | None, typer.Option(min=0.1, max=5.0, help="Exponent of depth beyond 0.1%.", show_default="the priors'")
    ] = None,
    match: Annotated[
        bool,
        typer.Option("--match", help="Also run the engine, so that its price moves as the recorded."),
    ] = False,
) -> None:
    """Estimate a market's liquidity from recordings: rates, sizes, depth, lifetimes, moves; with errors."""
    from cascade.liquidity_file import write_fit
    from cascade.liquidity_fit import fit_liquidity as fit

    fitted = fit(files, coin, kappa)
    for report in fitted.reports:
        _print(str(report))
    named = [
        *(path.name for path in files),
        *(["--coin", coin] if coin else []),
        *(["--kappa", f"{kappa}"] * bool(kappa)),
    ]
    if match:
        from cascade.simulated_market import own_noise

        named.append("--match")
        with _progress() as lines:
            _say_if_compiling(lines)
            fitted = fitted.with_prior("flow", "value_bp_per_sqrt_s", round(own_noise(fitted), 4))
    place = out or Path("cascade-out") / f"{fitted.coin.lower()}.toml"
    _print(fitted.table())
    _print(f"written to {write_fit(fitted, place, ' '.join(['cascade fit-liquidity', *named]))}")


# ── venues ────────────────────────────────────────────────────────────────────────────────────────────────────
venues = typer.Typer(no_args_is_help=False, help="List the venues and their rules.", invoke_without_command=True)
app.add_typer(venues, name="venues")


@venues.callback()
def list_venues(context: typer.Context) -> None:
    """List the venues that ship with the package: contract, liquidation, deleveraging, pool, coins."""
    if context.invoked_subcommand is not None:
        return
    from cascade.venues import list_venues, load_venue
    from cascade.venues.words import COLUMNS, overview

    rows = [COLUMNS, *overview([load_venue(name) for name in list_venues()])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    _print("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))


@venues.command("show")
def show_venue(
    venue: Annotated[str, typer.Argument(help="A venue's name (see `cascade venues`), or a file of your own (.toml).")],
) -> None:
    """Print the rules of a venue in words, with their sources."""
    from textwrap import fill

    from cascade.venues import load_venue
    from cascade.venues.words import describe

    paragraphs = []
    for heading, words, source in describe(load_venue(venue)):
        paragraphs.append(fill(words, 100, initial_indent=f"{heading:<20}", subsequent_indent=" " * 20))
        if source:
            paragraphs.append(fill(f"[{source}]", 100, initial_indent=" " * 20, subsequent_indent=" " * 20))
    _print("\n".join(paragraphs))


# ── the steps of a replay ──────────────────────────────────────────────────────────────────────────────────────


def _name_of(event: str) -> str:
    """Return the event's name, which the default folder takes; refuses an unknown one before anything else is done."""
    from cascade.facts import load_event

    return load_event(event).name


def _read(candles: Path, day: str | None) -> dict:
    """Return the day of a candle file as `cascade.replay` takes it; refuses it before anything else is done."""
    from cascade.tape import read_candles

    return {"candles": read_candles(candles, day)}


def _assumed(event: str, given: Path) -> "LeverageAssumptions":
    """Return the leverage assumptions of a file, or those that ship by that name."""
    from cascade.assumptions import read_assumptions
    from cascade.reconstruction import fitted_assumptions

    return fitted_assumptions(event, isolated=True) if str(given) == "isolated" else read_assumptions(given)


def _output(place: Path) -> "OutputFolder":
    from cascade.output import OutputFolder

    return OutputFolder(place)


def _replays(event: str, seeds: range, chosen: dict, threads: int | None, lines: "Lines") -> "Iterator[Replay]":
    """Yield replays in the order of their seeds; only as many as there are threads are under way or waiting."""
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    _say_if_compiling(lines)
    import cascade

    def run(seed: int) -> "Replay":
        name = f"seed {seed}, {seed - seeds.start + 1} of {len(seeds)}"
        return cascade.replay(event, seed=seed, progress=lines.of(name), **chosen)

    threads = min(threads or _cores(), len(seeds))
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
    from cascade.sensitivity import amplification_over_priors

    return amplification_over_priors(event, seed=seed, progress=lines.of("priors"), **chosen)


def _attributed(
    event: str, seeds: range, priors: bool, anew: bool, threads: int | None, lines: "Lines"
) -> "tuple[Attribution, list[dict] | None, dict]":
    """Return the attribution of an event, its range over the priors if wanted, and what both were made from."""
    _say_if_compiling(lines)
    from cascade.attribution import attribute, attribute_over_priors
    from cascade.config import load_priors
    from cascade.facts import load_event
    from cascade.reconstruction import reconstruct

    facts, base, n = load_event(event), load_priors(), threads or _cores()
    scenario = reconstruct(facts, priors=base)
    found = attribute(scenario, seeds, anew=anew, threads=n, progress=lines.of(facts.name))
    over_priors = None
    if priors:
        over_priors = attribute_over_priors(
            lambda changed: reconstruct(facts, priors=changed), base, seeds[0], threads=n, progress=lines.of("priors")
        )
    return found, over_priors, {"event": facts.name, "seeds": list(seeds), "configuration": scenario.resolved()}


def _publish_attribution(
    folder: "OutputFolder", found: "Attribution", over_priors: list[dict] | None, origin: dict
) -> None:
    from cascade import plots
    from cascade.reportcauses import attribution_text

    files = {
        "attribution.json": found.as_dict() | ({} if over_priors is None else {"priors": over_priors}),
        "report.txt": attribution_text(found, over_priors),
        "runs.parquet": found.runs,
        "waterfall.png": plots.waterfall(found, over_priors),
    }
    folder.publish(files, origin)


def _show(summary: "Summary", ranges: list[dict] | None, place: Path | None, as_json: bool) -> None:
    if as_json:
        from cascade.summary import without_nan

        priors = {"priors": without_nan(ranges)} if ranges is not None else {}
        _print(json.dumps(summary.as_dict() | priors, allow_nan=False))
        return
    from rich.console import Console

    from cascade.report import as_ranges, as_table

    console = Console(highlight=False)
    with console.capture() as printed:
        console.print(as_table(summary))
        if ranges is not None:
            console.print(as_ranges(ranges))
        console.print(f"written to {place}", style="dim", soft_wrap=True)
    _print(printed.get().rstrip())


def _indented(figures: dict, depth: int = 0) -> str:
    """Return nested figures as indented lines."""
    lines = []
    for name, value in figures.items():
        if isinstance(value, dict):
            lines += ["  " * depth + name, _indented(value, depth + 1)]
        else:
            lines.append(f"{'  ' * depth}{name:<28}{f'{value:.4g}' if isinstance(value, float) else value}")
    return "\n".join(lines)


def _day_figures(cpp_million_per_s: float | None, lines: "Lines") -> dict:
    """Return the speed of the tracked day, by its second call; against C++ where that was measured."""
    from cascade.engine import simulate
    from cascade.facts import load_event
    from cascade.reconstruction import reconstruct

    scenario = reconstruct(load_event("2026-02-06"))
    simulate(scenario, 1, lines.of("first call"))
    runtime = simulate(scenario, 1, lines.of("second call")).runtime
    loop_s, messages = runtime["loop_s"], runtime["book_messages"]
    slower = loop_s / messages * cpp_million_per_s * 1e6 if cpp_million_per_s else None
    return {
        "market_seconds_per_s": len(scenario.coins) * len(scenario.venues) * scenario.seconds / loop_s,
        "messages_per_s": messages / loop_s,
        "time_per_message_over_cpp_base": slower,
        "loop_s": loop_s,
        "population_s": runtime["population_s"],
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _say_if_compiling(lines: "Lines") -> None:
    """Say what the first minute is spent on; nothing where it is not."""
    from cascade.progress import is_compiled

    if not is_compiled():
        lines.say("compiling for the first time (about a minute; later runs start at once)")


@contextmanager
def _progress() -> "Iterator[Lines]":
    from cascade.progress import Lines

    with Lines() as lines:
        yield lines


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


def _print(text: str) -> None:
    """Print the result; a reader who has gone is no error, and a full disk is one."""
    try:
        print(text, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still in the buffer goes nowhere
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(141) from error  # as a shell shows it: 128 + SIGPIPE
        raise OutputError(f"cannot write to standard output: {error.strerror}; name a folder with --out") from error


if __name__ == "__main__":
    main()
