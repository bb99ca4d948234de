"""Positions as people give them -> the tables of their markets, and claims that the margin kernel reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import InvalidPositionError
from cascade.kernels import margin as rules
from cascade.state import BY_SIZE, Margin
from cascade.venues import Venue, load_venue, margin_tables

Name = str | Path | Venue | Sequence[str] | np.ndarray
Numbers = float | np.ndarray
SIDES = {"long": 1, "short": -1}
LABELS = {
    "side": "side",
    "size_base": "size",
    "entry_usd": "price",
    "mark_usd": "price",
    "collateral_usd": "collateral",
    "notional_usd": "notional",
    "leverage": "leverage",
}


def claims_on(venue: Name, coin: Any, **given: Any) -> tuple[Margin, np.ndarray]:
    """Return the tables of the markets named, and the claims on them, with the shape of all inputs together."""
    margin, of_venue, of_coin = _markets(venue, coin)
    columns = {name: _sides(value) if name == "side" else _positive(name, value) for name, value in given.items()}
    shapes = {"venue": of_venue.shape, "coin": of_coin.shape} | {LABELS[name]: c.shape for name, c in columns.items()}
    claims = np.zeros(_common(shapes), rules.CLAIM)
    claims["market"] = of_coin + of_venue
    for name, column in columns.items():
        claims[name] = column
    return margin, claims


def _markets(venue: Name, coin: Any) -> tuple[Margin, np.ndarray, np.ndarray]:
    """Return the tables of all venues and coins named, and what each venue and each coin adds to a market's number."""
    of_venue, names = _distinct(venue)
    of_coin, coins = _distinct(coin)
    venues = [load_venue(name) for name in names]
    for known in venues:
        if known.margin is None:
            raise InvalidPositionError(f"{known.name} has no leverage; name a venue of perpetuals")
    return margin_tables(venues, coins), of_venue, of_coin * len(venues)


def _distinct(names: Any) -> tuple[np.ndarray, list]:
    """Return the distinct names, and the number among them of each name given."""
    if isinstance(names, str | Path | Venue):
        return np.asarray(0), [names]
    given = np.asarray(names, dtype=object)
    distinct = list(dict.fromkeys(given.ravel().tolist()))
    number = {name: i for i, name in enumerate(distinct)}
    return np.array([number[name] for name in given.ravel().tolist()], np.int64).reshape(given.shape), distinct


def _common(shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape to which all of these broadcast."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise InvalidPositionError(f"shapes do not fit together: {given}; give arrays of one length") from None


def _sides(side: ArrayLike) -> np.ndarray:
    """Return +1 and -1 for sides given as these, or as "long" and "short"."""
    given = np.asarray(side, dtype=object)
    signs = [SIDES.get(value, value) if isinstance(value, str) else value for value in given.ravel().tolist()]
    for value in signs:
        if value not in (1, -1):
            raise InvalidPositionError(f"side must be +1 or 'long', -1 or 'short', got {value!r}")
    return np.array(signs, np.int64).reshape(given.shape)


def _positive(name: str, value: Any) -> np.ndarray:
    """Return numbers as float64, if all are positive and finite."""
    try:
        numbers = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InvalidPositionError(f"{LABELS[name]} must be a number or an array of numbers, got {value!r}") from None
    bad = ~((numbers > 0) & np.isfinite(numbers))
    if bad.any():
        first, where = _first(bad)
        raise InvalidPositionError(
            f"{LABELS[name]} must be positive and finite, got {numbers[first]:g}{where}; correct it or leave it out"
        )
    return numbers


def with_collateral(
    margin: Margin, claims: np.ndarray, leverage: ArrayLike | None, collateral: ArrayLike | None
) -> np.ndarray:
    """Return the claims with their collateral, given as such or by a leverage that the bracket allows."""
    if (leverage is None) == (collateral is None):
        raise InvalidPositionError("give exactly one of leverage and collateral")
    field = "leverage" if collateral is None else "collateral_usd"
    numbers = _positive(field, leverage if collateral is None else collateral)
    shape = _common({LABELS[field]: numbers.shape, "the rest": claims.shape})
    claims = np.broadcast_to(claims, shape).copy()
    claims[field] = numbers
    if collateral is None:
        _refuse_leverage(margin, claims)
        claims["collateral_usd"] = claims["size_base"] * claims["entry_usd"] / claims["leverage"]
    return claims


def _refuse_leverage(margin: Margin, claims: np.ndarray) -> None:
    """Raise if a leverage is above what the bracket of its position allows."""
    allowed = np.asarray(evaluated(margin, rules.HIGHEST_LEVERAGE, claims))
    bad = claims["leverage"] > allowed * rules.SLACK
    if bad.any():
        first, where = _first(bad)
        leverage, notional = claims["leverage"][first], claims["size_base"][first] * claims["entry_usd"][first]
        if allowed[first] == 0:
            raise InvalidPositionError(f"a notional of {notional:,.2f} USD{where} is too large for the venue; lower it")
        raise InvalidPositionError(
            f"leverage {leverage:g}{where} is above {allowed[first]:g}, the highest that the venue allows at a "
            f"notional of {notional:,.2f} USD; lower the leverage or the size"
        )


def price_for(venue: Name, coin: Any, price: ArrayLike | None) -> ArrayLike:
    """Return the price, or 1 where none is given and no bracket measures contracts."""
    if price is None:
        if (_markets(venue, coin)[0].bracket_unit == BY_SIZE).any():
            raise InvalidPositionError("price is missing: the venue's brackets measure contracts, not USD; give price")
        return 1.0
    return price


def _first(bad: np.ndarray) -> tuple[Any, str]:
    """Return the index of the first True, and how to name it in a message."""
    if bad.ndim == 0:
        return (), ""
    first = tuple(int(axis[0]) for axis in np.nonzero(bad))
    return first, f" at index {first[0] if len(first) == 1 else first}"


def evaluated(margin: Margin, quantity: int, claims: np.ndarray) -> Numbers:
    """Return a quantity of every claim: an array of their shape, or a float for a single one."""
    out = np.empty(claims.size)
    rules.evaluate(margin, quantity, claims.ravel(), out)
    return out.reshape(claims.shape) if claims.ndim else float(out[0])
