"""A folder in the making, beside its place, and what may be at that place."""

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.errors import OutputError
from cascade.output.files import pictures_of, save, write_file, write_frames, write_summary
from cascade.output.manifest import MADE_BY, MANIFEST, code, origin_of, write_manifest

if TYPE_CHECKING:
    from cascade.output.files import Content
    from cascade.result import Replay
    from cascade.summary import Summary

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
            write_frames(folder, replay)
            write_summary(folder, replay.summary())
            write_manifest(folder, origin_of(replay) | {"seed": replay.seed})

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
            write_summary(self._folder, summary, ranges)
            for name, draw in pictures_of(first, summary).items() if pictures else ():
                if progress is not None:
                    progress(f"drawing {name}")
                save(draw(), self._folder / name)
            write_manifest(self._folder, origin_of(first) | {"seeds": list(summary.seeds)})

    def publish(self, files: "Mapping[str, Content]", origin: Mapping) -> None:
        """Write other files than a replay's: text, frames, pictures, what JSON can hold; and where they come from.

        `origin` holds what the files can be made from again: command, configuration, inputs.
        """
        with _one_line(self.place):
            for name, content in files.items():
                write_file(self._folder / name, content)
            write_manifest(self._folder, code() | {"configuration": {}, "inputs": {}} | dict(origin))

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
