"""Units: constants, and fractions and durations as people write them ("-12.81%", "5bps", "10ms")."""

import re
from typing import Annotated

from pydantic import BeforeValidator

QUANTUM_USD = 1e-6  # of the ledger, where a market settles in USD
QUANTUM_COIN = 1e-8  # of the ledger, where a market settles in coin
NS_PER_S = 1_000_000_000
S_PER_DAY = 86_400

FRACTIONS = {"%": 1e2, "bps": 1e4, "bp": 1e4}  # how many make 1
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S*)\s*")


def parse_fraction(value: object) -> object:
    """Return the fraction that a text such as "0.4%", "5bps" or "0.004" names; anything but text unchanged.

    Raises
    ------
    ValueError
        If the text is no number, or its unit is unknown.
    """
    if not isinstance(value, str):
        return value
    number, unit = _split(value, FRACTIONS, "0.4%, 5bps or 0.004")
    return number / FRACTIONS[unit] if unit else number


def parse_seconds(value: object) -> object:
    """Return the seconds that a text such as "10ms", "1.5h" or "2d" names; anything but text unchanged.

    Raises
    ------
    ValueError
        If the text is no number, or its unit is unknown.
    """
    if not isinstance(value, str):
        return value
    number, unit = _split(value, SECONDS, "10ms, 30s, 5min, 1.5h or 2d")
    return number * SECONDS[unit] if unit else number


def _split(text: str, units: dict[str, float], example: str) -> tuple[float, str]:
    """Return the number and the unit of a text; the unit may be missing."""
    match = NUMBER.fullmatch(text)
    if match is None or (match[2] and match[2] not in units):
        raise ValueError(f"cannot read {text!r:.60}; write it like {example}")
    return float(match[1]), match[2]


Fraction = Annotated[float, BeforeValidator(parse_fraction)]
Seconds = Annotated[float, BeforeValidator(parse_seconds)]
