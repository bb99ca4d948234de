"""Causes: `cascade attribute` and `cascade edge`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cascade.cli.options import AsJson, Event, Threads
from cascade.cli.terminal import cores, name_of, output_folder, print_out, progress, say_if_compiling

if TYPE_CHECKING:
    from cascade.attribution import Attribution
    from cascade.output import OutputFolder
    from cascade.progress import Lines


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
    name = name_of(event)
    place = out if out is not None or as_json else Path("cascade-out") / f"{name}-attribution"
    with ExitStack() as stack:
        folder = stack.enter_context(output_folder(place)) if place is not None else None
        lines = stack.enter_context(progress())
        found, over_priors, origin = _attributed(
            event, range(first_seed, first_seed + seeds), priors, anew, threads, lines
        )
        if folder is not None:
            _publish_attribution(folder, found, over_priors, origin)
    from cascade.report.causes import attribution_text

    told = found.as_dict() | ({} if over_priors is None else {"priors": over_priors})
    print_out(json.dumps(told, allow_nan=False) if as_json else attribution_text(found, over_priors).rstrip())
    if not as_json:
        print_out(f"\nwritten to {place}")


def _attributed(
    event: str, seeds: range, priors: bool, anew: bool, threads: int | None, lines: "Lines"
) -> "tuple[Attribution, list[dict] | None, dict]":
    """Return the attribution of an event, its range over the priors if wanted, and what both were made from."""
    say_if_compiling(lines)
    from cascade.attribution import attribute, attribute_over_priors
    from cascade.config import load_priors
    from cascade.facts import load_event
    from cascade.reconstruction import reconstruct

    facts, base, n = load_event(event), load_priors(), threads or cores()
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
    from cascade.report.causes import attribution_text

    files = {
        "attribution.json": found.as_dict() | ({} if over_priors is None else {"priors": over_priors}),
        "report.txt": attribution_text(found, over_priors),
        "runs.parquet": found.runs,
        "waterfall.png": plots.waterfall(found, over_priors),
    }
    folder.publish(files, origin)


def edge(
    quick: Annotated[bool, typer.Option("--quick", help="A coarser grid and one seed.")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder to write to.", show_default="cascade-out/edge")] = None,
    as_json: AsJson = False,
    threads: Threads = None,
) -> None:
    """Find where a shock runs away: its size, the leverage that is open, and the depth of the book."""
    place = out if out is not None or as_json else Path("cascade-out") / "edge"
    with ExitStack() as stack:
        folder = stack.enter_context(output_folder(place)) if place is not None else None
        lines = stack.enter_context(progress())
        say_if_compiling(lines)
        from cascade.edge import study
        from cascade.report.causes import edge_text

        found = study(quick=quick, threads=threads or cores(), progress=lines.of("edge"))
        if folder is not None:
            from cascade.plots.edge import edge as draw

            files = {"edge.json": found.as_dict(), "report.txt": edge_text(found), "edge.png": draw(found)}
            folder.publish(files, {"command": "cascade edge", "quick": quick, "configuration": found.configuration})
    print_out(json.dumps(found.as_dict(), allow_nan=False) if as_json else edge_text(found).rstrip())
    if not as_json:
        print_out(f"\nwritten to {place}")
