"""Recorded markets: `cascade fit-liquidity`."""

from pathlib import Path
from typing import Annotated

import typer

from cascade.cli.terminal import print_out, progress, say_if_compiling
from cascade.errors import OutputError


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
    from cascade.liquidity.file import write_fit
    from cascade.liquidity.fit import fit_liquidity as fit
    from cascade.writing import check_writable

    _refuse_input(out, files)
    check_writable(out or Path("cascade-out") / "coin.toml")
    fitted = fit(files, coin, kappa)
    if match:
        from cascade.liquidity.simulated import own_noise

        with progress() as lines:
            say_if_compiling(lines)
            fitted = fitted.with_prior("flow", "value_bp_per_sqrt_s", round(own_noise(fitted), 4))
    given = {"--coin": coin, "--kappa": kappa}
    options = [f"{name} {value}" for name, value in given.items() if value] + ["--match"] * match
    place = out or Path("cascade-out") / f"{fitted.coin.lower()}.toml"
    write_fit(fitted, place, " ".join(["cascade fit-liquidity", *(path.name for path in files), *options]))
    print_out("\n".join([*map(str, fitted.reports), fitted.table(), f"written to {place}"]))


def _refuse_input(out: Path | None, files: list[Path]) -> None:
    """Refuse to write over a recording."""
    if out is not None and out.resolve() in {path.resolve() for path in files}:
        raise OutputError(f"{out}: is one of the recordings; name another file with --out")
