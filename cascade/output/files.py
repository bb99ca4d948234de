"""The files of an output folder, each written by us: frames, summaries, pictures, JSON."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure as Picture

    from cascade.result import Replay
    from cascade.summary import Summary

    Content = str | dict | list | Picture | pl.DataFrame


def write_file(path: Path, content: "Content") -> None:
    """Write text, a frame, a picture, or what JSON can hold."""
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif hasattr(content, "savefig"):
        save(content, path)  # pyright: ignore[reportArgumentType]
    elif hasattr(content, "write_parquet"):
        write_frame(path, content)  # pyright: ignore[reportArgumentType]
    else:
        write_json(path, content)  # pyright: ignore[reportArgumentType]


def write_frame(path: Path, frame: "pl.DataFrame") -> None:
    """Write a frame as Parquet."""
    parquet = BytesIO()  # written by us: polars calls a full disk a ComputeError
    frame.write_parquet(parquet, compression="zstd", row_group_size=1 << 17)
    path.write_bytes(parquet.getbuffer())


def write_frames(folder: Path, replay: "Replay") -> None:
    """Write the frames of one seed."""
    frames = {"liquidations": replay.liquidations, "path": replay.path, "minutes": replay.tracked.books}
    frames["branching"] = replay.tracked.branching
    frames |= {name: getattr(replay.tracked, name) for name in ("deleveragings", "pools", "losses")}
    for name, frame in frames.items():
        write_frame(folder / f"{name}.parquet", frame)


def write_summary(folder: Path, summary: "Summary", ranges: list[dict] | None = None) -> None:
    """Write a summary as JSON, plain text and Markdown; with the ranges over priors where there are."""
    from cascade.report import as_markdown, as_ranges, as_text
    from cascade.summary import without_nan

    priors = {} if ranges is None else {"priors": without_nan(ranges)}
    write_json(folder / "summary.json", summary.as_dict() | priors)
    text, markdown = as_text(summary), as_markdown(summary)
    if ranges is not None:
        text, markdown = f"{text}\n{as_ranges(ranges)}", f"{markdown}\n```\n{as_ranges(ranges)}```\n"
    (folder / "report.txt").write_text(text, encoding="utf-8")
    (folder / "report.md").write_text(markdown, encoding="utf-8")


def pictures_of(replay: "Replay", summary: "Summary") -> dict[str, "Callable[[], Picture]"]:
    """Return the pictures by the names of their files; each is drawn when it is called."""
    from cascade import plots

    return {
        "path.png": lambda: plots.path(replay),
        "shares.png": lambda: plots.shares(summary),
        "liquidation_map.png": lambda: plots.liquidation_map(replay),
        "liquidity.png": lambda: plots.liquidity(replay),
        "branching.png": lambda: plots.branching(replay),
        "pools.png": lambda: plots.pools(replay),
    }


def save(picture: "Picture", path: Path) -> None:
    """Write a picture in the house style."""
    from cascade.plots.style import style

    with style():
        picture.savefig(path, metadata={"Software": None})  # without matplotlib's version: the same bytes


def write_json(path: Path, content: dict) -> None:
    """Write what JSON can hold, and what `plain` makes so."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False, default=plain) + "\n", encoding="utf-8")


def plain(value: object) -> object:
    """Return what JSON can hold for NumPy's scalars and arrays, paths, and frozen types."""
    if hasattr(value, "tolist"):
        return value.tolist()  # type: ignore[attr-defined]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")  # type: ignore[attr-defined]
    return str(value)
