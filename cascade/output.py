"""Results as a folder of files: written beside its place, and put there in one move when it is whole."""

import errno
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.errors import OutputError

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure as Picture

    from cascade.result import Replay
    from cascade.summary import Summary

    Content = str | dict | list | Picture | pl.DataFrame

MANIFEST = "manifest.json"
MADE_BY = "cascade"
LIBRARIES = ("numpy", "numba", "llvmlite", "scipy", "polars", "matplotlib")
LEAST_FREE_BYTES = 64 * 2**20  # a seed writes about half of this


class OutputFolder:
    """A folder in the making. Nothing is at its place until the `with` block ends well, and then all of it is.

    A folder that this package wrote is replaced; one that holds anything else is refused. Both are checked when
    the block is entered, before the long work.
    """

    def __init__(self, place: str | os.PathLike) -> None:
        self.place = Path(os.path.abspath(place))
        self._making: Path | None = None
        self._parents = [folder for folder in self.place.parents if not folder.exists()]  # made by us, nearest first
        self._first: Replay | None = None

    def __enter__(self) -> "OutputFolder":
        """Check the place, and begin a folder beside it."""
        with _one_line(self.place):
            _refuse_foreign(self.place)
            try:
                self.place.parent.mkdir(parents=True, exist_ok=True)
                self._making = Path(tempfile.mkdtemp(prefix=f".{self.place.name}-", dir=self.place.parent))
                if shutil.disk_usage(self._making).free < LEAST_FREE_BYTES:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                self._discard()
                raise
        return self

    def add(self, replay: "Replay") -> None:
        """Write one seed's folder; of the seeds, only the first is kept in memory, for the pictures."""
        self._first = self._first or replay
        folder = self._folder / f"seed-{replay.seed}"
        with _one_line(self.place):
            folder.mkdir()
            _write_frames(folder, replay)
            _write_summary(folder, replay.summary())
            _write_manifest(folder, _origin(replay) | {"seed": replay.seed})

    def finish(
        self,
        summary: "Summary",
        *,
        pictures: bool = True,
        ranges: list[dict] | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        """Write the summary over all seeds, and the pictures: shares over all seeds, the rest of the first."""
        first = self._first
        if first is None:
            raise ValueError("an output folder needs at least one replay before it is finished")
        with _one_line(self.place):
            _write_summary(self._folder, summary, ranges)
            for name, draw in _pictures(first, summary).items() if pictures else ():
                if progress is not None:
                    progress(f"drawing {name}")
                _save(draw(), self._folder / name)
            _write_manifest(self._folder, _origin(first) | {"seeds": list(summary.seeds)})

    def publish(self, files: "Mapping[str, Content]", origin: Mapping) -> None:
        """Write other files than a replay's: text, frames, pictures, what JSON can hold; and where they come from.

        `origin` holds what the files can be made from again: command, configuration, inputs.
        """
        with _one_line(self.place):
            for name, content in files.items():
                _write_file(self._folder / name, content)
            _write_manifest(self._folder, _code() | {"configuration": {}, "inputs": {}} | dict(origin))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Put the folder at its place, or leave nothing behind."""
        if kind is not None or not (self._folder / MANIFEST).exists():  # failed, or was never finished
            self._discard()
            return
        with _one_line(self.place):
            try:
                _refuse_foreign(self.place)
                _put(self._folder, self.place)
            except BaseException:
                self._discard()
                raise

    @property
    def _folder(self) -> Path:
        if self._making is None:
            raise ValueError("an output folder is written inside a `with` block")
        return self._making

    def _discard(self) -> None:
        if self._making is not None:
            shutil.rmtree(self._making, ignore_errors=True)
        for folder in self._parents:
            with suppress(OSError):
                folder.rmdir()


@contextmanager
def _one_line(place: Path) -> Iterator[None]:
    """Turn what the file system refuses into one line that says where, why and what to do."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        remedy = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "name another folder with --out"
        reason = error.strerror or str(error).splitlines()[0]
        raise OutputError(f"cannot write to {place}: {reason}; {remedy}") from error


def _refuse_foreign(place: Path) -> None:
    """Refuse a place that holds what this package did not write; a manifest lists what it did."""
    if not os.path.lexists(place):
        return
    if place.is_symlink() or not place.is_dir():
        raise OutputError(f"{place} is not a folder; name another place with --out")
    foreign = next((path.name for path in place.iterdir()), None)
    with suppress(OSError, ValueError, KeyError, TypeError):
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_by"] == MADE_BY:
            files = {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()}
            foreign = min(files - {*manifest["outputs"], MANIFEST}, default=None)
    if foreign is not None:
        raise OutputError(
            f"{place} holds what cascade did not write ({foreign}); name another folder with --out, or empty this one"
        )


def _put(making: Path, place: Path) -> None:
    """Move a finished folder to its place; an older one steps aside, and comes back should the move fail."""
    making.chmod(0o777 & ~_umask())
    if not place.exists() or not any(place.iterdir()):
        os.replace(making, place)
        return
    older = Path(tempfile.mkdtemp(prefix=f".{place.name}-older-", dir=place.parent))
    os.replace(place, older)
    try:
        os.replace(making, place)
    except BaseException:
        os.replace(older, place)
        raise
    shutil.rmtree(older, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# ── the files ───────────────────────────────────────────────────────────────────────────────────────────────


def _write_file(path: Path, content: "Content") -> None:
    """Write text, a frame, a picture, or what JSON can hold."""
    if isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif hasattr(content, "savefig"):
        _save(content, path)  # pyright: ignore[reportArgumentType]
    elif hasattr(content, "write_parquet"):
        _write_frame(path, content)  # pyright: ignore[reportArgumentType]
    else:
        _write_json(path, content)  # pyright: ignore[reportArgumentType]


def _write_frame(path: Path, frame: "pl.DataFrame") -> None:
    parquet = BytesIO()  # written by us: polars calls a full disk a ComputeError
    frame.write_parquet(parquet, compression="zstd", row_group_size=1 << 17)
    path.write_bytes(parquet.getbuffer())


def _write_frames(folder: Path, replay: "Replay") -> None:
    frames = {"liquidations": replay.liquidations, "path": replay.path, "minutes": replay.tracked.books}
    frames["branching"] = replay.tracked.branching
    frames |= {name: getattr(replay.tracked, name) for name in ("deleveragings", "pools", "losses")}
    for name, frame in frames.items():
        _write_frame(folder / f"{name}.parquet", frame)


def _write_summary(folder: Path, summary: "Summary", ranges: list[dict] | None = None) -> None:
    from cascade.report import as_markdown, as_ranges, as_text
    from cascade.summary import without_nan

    priors = {} if ranges is None else {"priors": without_nan(ranges)}
    _write_json(folder / "summary.json", summary.as_dict() | priors)
    text, markdown = as_text(summary), as_markdown(summary)
    if ranges is not None:
        text, markdown = f"{text}\n{as_ranges(ranges)}", f"{markdown}\n```\n{as_ranges(ranges)}```\n"
    (folder / "report.txt").write_text(text, encoding="utf-8")
    (folder / "report.md").write_text(markdown, encoding="utf-8")


def _pictures(replay: "Replay", summary: "Summary") -> dict[str, "Callable[[], Picture]"]:
    from cascade import plots

    return {
        "path.png": lambda: plots.path(replay),
        "shares.png": lambda: plots.shares(summary),
        "liquidation_map.png": lambda: plots.liquidation_map(replay),
        "liquidity.png": lambda: plots.liquidity(replay),
        "branching.png": lambda: plots.branching(replay),
        "pools.png": lambda: plots.pools(replay),
    }


def _save(picture: "Picture", path: Path) -> None:
    from cascade.plots.style import style

    with style():
        picture.savefig(path, metadata={"Software": None})  # without matplotlib's version: the same bytes


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2, allow_nan=False, default=_plain) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    """Return what JSON can hold for NumPy's scalars and arrays, paths, and frozen types."""
    if hasattr(value, "tolist"):
        return value.tolist()  # type: ignore[attr-defined]
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")  # type: ignore[attr-defined]
    return str(value)


# ── the manifest ────────────────────────────────────────────────────────────────────────────────────────────


def _write_manifest(folder: Path, origin: dict) -> None:
    """Write what made the folder, and the hash of every file in it, last of all."""
    outputs = {
        path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    _write_json(folder / MANIFEST, {"made_by": MADE_BY, **origin, "outputs": outputs})


def _origin(replay: "Replay") -> dict:
    """Return what a run can be repeated from: configuration, code, libraries; nothing that changes between runs."""
    provenance = dict(replay.tracked.provenance)
    configuration = provenance.pop("configuration", {})
    canonical = json.dumps(configuration, sort_keys=True, default=_plain)
    return {
        "event": replay.event,
        **_code(),
        "configuration_sha256": sha256(canonical.encode()).hexdigest(),
        "configuration": configuration,
        "inputs": provenance.pop("inputs", {}),
        **({"provenance": provenance} if provenance else {}),
    }


def _code() -> dict:
    """Return which code and libraries ran."""
    return {
        "version": _version("liquidation-cascade"),
        "commit": _commit(),
        "kernel_hash": _kernel_hash(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


@cache
def _kernel_hash() -> str:
    from cascade.kernels.jit import kernel_hash

    return kernel_hash()


@cache
def _commit() -> str | None:
    """Return the commit of the checkout that this code runs from, marked if it has changes; None outside one."""
    here = Path(__file__).resolve().parent
    if not (here.parent / ".git").exists():
        return None
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(here.parent), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip() or None
    return None
