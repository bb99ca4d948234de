"""Every error of the package. One line each: what, where, what was given, what to do."""

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches


class CascadeError(Exception):
    """Anything that the package refuses; the command line shows its one line and ends with status 2."""


class InvalidConfigError(CascadeError, ValueError):
    """A configuration, scenario or venue file that cannot be true."""


class InvalidPositionError(CascadeError, ValueError):
    """A position that cannot exist: price, size, side, leverage, collateral."""


class InvalidOrderError(CascadeError, ValueError):
    """An order that a book cannot take."""


class InvalidTapeError(CascadeError, ValueError):
    """A candle or tape file that cannot be used: gaps, duplicates, wrong columns, times without a zone."""


class PriceRangeError(CascadeError, ValueError):
    """A price path that leaves the range of prices which a book holds."""


class UnknownEventError(CascadeError, ValueError):
    """An event for which no facts are known."""


class UnknownVenueError(CascadeError, ValueError):
    """A venue for which there is no file."""


class UnknownCoinError(CascadeError, ValueError):
    """A coin for which a venue has no contract."""


class OutputError(CascadeError, OSError):
    """A result that cannot be written."""


class ConservationError(CascadeError, RuntimeError):
    """A ledger that does not balance: a defect of the engine, never of the input."""


def shown(value: object) -> str:
    """Return what was given as a message shows it: in one line, and cut where it is long."""
    try:
        return " ".join(reprlib.repr(value).split())
    except ValueError:  # an int of more digits than Python prints
        return f"a very long {type(value).__name__}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"`, or the known names where none is close, to put behind a refused name."""
    names = sorted(known)
    close = get_close_matches(str(name), names, n=1)
    if not close:
        folded = {known_name.lower(): known_name for known_name in names}
        close = [folded[match] for match in get_close_matches(str(name).lower(), list(folded), n=1)]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""
