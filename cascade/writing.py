"""One file of text, written whole or not at all, at a place that is checked before the long work."""

from pathlib import Path
from tempfile import TemporaryFile

from cascade.errors import OutputError


def check_writable(place: Path) -> None:
    """Refuse a place where no file can be written; leaves nothing behind.

    Raises
    ------
    OutputError
        If it is a folder, or its folder cannot be written to or made.
    """
    if place.is_dir():
        raise OutputError(f"{place}: is a folder; name a file with --out")
    folder = next(parent for parent in place.absolute().parents if parent.exists())
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(place, error) from None


def write_whole(place: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    OutputError
        If the file system refuses it.
    """
    part = place.parent / f".{place.name}.partial"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(text, encoding="utf-8")
            part.replace(place)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _unwritable(place, error) from None


def _unwritable(place: Path, error: OSError) -> OutputError:
    return OutputError(f"{place}: cannot be written ({error.strerror}); choose another place with --out")
