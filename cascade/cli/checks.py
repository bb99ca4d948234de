"""The engine itself: `cascade validate` and `cascade bench`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.cli.options import AsJson, Threads
from cascade.cli.terminal import cores, output_folder, print_out, progress, say_if_compiling

if TYPE_CHECKING:
    from cascade.output import OutputFolder
    from cascade.progress import Lines
    from cascade.validation import Validation


def validate(
    laws: Annotated[list[str] | None, typer.Argument(help="Some laws (T1, hawkes, ...); all by default.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer runs: under two minutes once compiled.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="cascade-out/validation")] = None,
    no_plots: Annotated[bool, typer.Option("--no-plots", help="Draw no pictures.")] = False,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Hold the engine against laws that theory knows, each with a negative control."""
    place = out if out is not None or as_json else Path("cascade-out") / "validation"
    with ExitStack() as stack:
        folder = stack.enter_context(output_folder(place)) if place is not None else None
        lines = stack.enter_context(progress())
        say_if_compiling(lines)
        import cascade.validation as validation

        found = validation.validate(laws or (), quick, threads or cores(), lines.of("laws"))
        if folder is not None:
            command = " ".join(["cascade validate", *(laws or ()), *(["--quick"] if quick else [])])
            _publish_laws(folder, found, command, not no_plots)
    print_out(json.dumps(found.as_dict(), allow_nan=False) if as_json else _laws_text(found, place))
    raise typer.Exit(0 if found.holds else 1)


def _publish_laws(folder: "OutputFolder", found: "Validation", command: str, pictures: bool) -> None:
    from cascade.plots import laws as plotlaws
    from cascade.report.laws import laws_markdown

    drawn = {f"law_{name}.png": plotlaws.law(name, law) for name, law in found.laws.items()} if pictures else {}
    folder.publish(
        {"validation.json": found.as_dict(), "laws.md": laws_markdown(found, pictures), **drawn}, {"command": command}
    )


def _laws_text(found: "Validation", place: "Path | None") -> str:
    from rich.console import Console

    from cascade.report.laws import laws_table

    console = Console(highlight=False)
    with console.capture() as printed:
        console.print(laws_table(found, console.width))
        console.print(f"written to {place}", style="dim", soft_wrap=True)
    return printed.get().rstrip()


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
    with progress() as lines:
        lines.say("the book against C++, by turns")
        book = book_bench(streams or None)
        lines.say("the day, twice: the second is timed")
        figures = {"book": book, "day": _day_figures(book.get("base", {}).get("cpp_million_per_s"), lines)}
    print_out(json.dumps(figures, indent=2) if as_json else _indented(figures))


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
