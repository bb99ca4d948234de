"""A file on disk -> its bytes, unpacked, in blocks that end with a line; no file is held whole."""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cascade.errors import InvalidTapeError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
BOM = b"\xef\xbb\xbf"
HEAD_BYTES = 1 << 16  # looked at to find the format out
BLOCK_BYTES = 1 << 22
LONGEST_LINE = 1 << 26


class Source:
    """A market file: plain, gzipped, or alone in a zip archive."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            if self.path.exists() and not self.path.is_file():
                raise InvalidTapeError(f"{path}: is not a regular file; name a market file")
            with self.path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise InvalidTapeError(
                f"{path}: cannot be read ({error.strerror}); check the path and its rights"
            ) from None
        self.packing = "zip" if magic == ZIP else "gzip" if magic[:2] == GZIP else ""
        self.member = self._only_member() if self.packing == "zip" else ""
        with self.open() as file:
            self.head = file.read(HEAD_BYTES).removeprefix(BOM)
        if not self.head.strip():
            raise InvalidTapeError(f"{path}: is empty; name a market file")
        if self.packing and self.head.startswith((ZIP, GZIP)):
            raise InvalidTapeError(f"{path}: holds a packed file (zip, npz or gzip) in a packed one; unpack it once")

    def refuse(self, place: str, problem: str) -> InvalidTapeError:
        """Return the error for a place in the file."""
        return InvalidTapeError(f"{self.path}{', ' if place else ''}{place}: {problem}")

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Yield the unpacked file."""
        try:
            if self.packing == "zip":
                with zipfile.ZipFile(self.path) as archive, self._opened(archive) as file:
                    yield file
            elif self.packing == "gzip":
                with gzip.open(self.path) as file:
                    yield cast(IO[bytes], file)
            else:
                with self.path.open("rb") as file:
                    yield file
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise InvalidTapeError(f"{self.path}: is broken or cut off ({str(error)[:100]}); fetch it again") from None
        except OSError as error:
            raise InvalidTapeError(f"{self.path}: cannot be read ({error.strerror or error}); fetch it again") from None

    def blocks(self, size: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
        """Yield the number of the first line, from 1, and whole lines of about `size` bytes together."""
        line, rest = 1, b""
        with self.open() as file:
            while piece := file.read(size):
                piece = rest + piece
                if line == 1:
                    piece = piece.removeprefix(BOM)
                end = piece.rfind(b"\n") + 1
                block, rest = piece[:end], piece[end:]
                if len(rest) > LONGEST_LINE:
                    raise self.refuse(f"line {line}", "does not end within 64 MB; give one record a line")
                if block:
                    yield line, block.replace(b"\r\n", b"\n")
                    line += block.count(b"\n")
            if rest.strip():
                yield line, rest

    def _opened(self, archive: zipfile.ZipFile) -> IO[bytes]:
        try:
            return archive.open(self.member)
        except RuntimeError as error:  # encrypted, or packed in a way that Python cannot undo
            raise InvalidTapeError(f"{self.path}: cannot be unpacked ({error}); unpack it first") from None

    def _only_member(self) -> str:
        try:
            with zipfile.ZipFile(self.path) as archive:
                names = [info.filename for info in archive.infolist() if not info.is_dir()]
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise InvalidTapeError(f"{self.path}: is no zip archive ({error}); fetch it again") from None
        if len(names) != 1:
            raise InvalidTapeError(f"{self.path}: holds {len(names)} files; give an archive of one")
        return names[0]
