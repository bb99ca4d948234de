"""Positions as people give them -> claims that the margin kernel reads, and its answers as people read them.

An inverse contract is a linear one in which the coin is money and the dollar the good: with a price of 1 / p and the
side reversed, every rule of the kernel holds. That turn is made here, on the way in and on the way out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import InvalidPositionError, shown
from cascade.kernels import margin as rules
from cascade.state import BY_SIZE, Margin
from cascade.venues import Venue, load_venue, margin_tables

Name = str | Path | Venue | Sequence[str | Path | Venue] | np.ndarray
Coin = str | Sequence[str] | np.ndarray
Numbers = float | np.ndarray
SIDES = {"long": 1, "short": -1}
NOT_NUMBERS = (str, bytes, complex, np.complexfloating, np.datetime64, np.timedelta64, np.ma.MaskedArray, type(None))
KINDS_OF_NO_NUMBER = "SUTcmM"  # of dtypes: text, complex, times
LABELS = {
    "side": "side",
    "size_base": "size",
    "entry_usd": "entry_price",
    "mark_usd": "mark_price",
    "collateral_usd": "collateral",
    "notional_usd": "notional",
    "leverage": "leverage",
}


class Claims(NamedTuple):
    """Positions in the money that each settles in, and the rules of their markets."""

    margin: Margin
    rows: np.ndarray  # CLAIM; at inverse contracts sizes are in USD, prices in coins per USD, sides reversed
    is_inverse: np.ndarray  # bool, of the same shape


def claims_on(venue: Name, coin: Any, *, called: Mapping[str, str] = LABELS, **given: Any) -> Claims:
    """Return the claims on the markets named, with the shape of all inputs together; `called` is for messages."""
    margin, of_venue, of_coin, inverse = markets_of(venue, coin)
    called = {**LABELS, **called}
    columns = {name: sides(value) if name == "side" else positive(called[name], value) for name, value in given.items()}
    shapes = {"venue": of_venue.shape, "coin": of_coin.shape} | {called[name]: c.shape for name, c in columns.items()}
    rows = np.zeros(common_shape(shapes), rules.CLAIM)
    rows["market"] = of_coin + of_venue
    is_inverse = inverse[rows["market"]]
    for name, column in columns.items():
        if name == "side":
            column = np.where(is_inverse, -column, column)
        elif name in ("entry_usd", "mark_usd"):
            column = np.where(is_inverse, 1.0 / column, column)
        rows[name] = column
    return Claims(margin, rows, np.asarray(is_inverse))


def markets_of(venue: Name, coin: Any) -> tuple[Margin, np.ndarray, np.ndarray, np.ndarray]:
    """Return the tables of all venues and coins named, what each adds to a market's number, and which are inverse."""
    of_venue, names = _distinct("venue", venue)
    of_coin, coins = _distinct("coin", coin)
    venues = [load_venue(name) for name in names]
    for known in venues:
        if known.margin is None:
            raise InvalidPositionError(f"{known.name} has no leverage; name a venue of perpetuals")
    inverse = np.tile([known.contract == "inverse" for known in venues], len(coins))
    return margin_tables(venues, coins), of_venue, of_coin * len(venues), inverse


def _distinct(called: str, names: Any) -> tuple[np.ndarray, list]:
    """Return the number of each name given among the distinct ones, and these."""
    given = names_of(called, names)
    keys = [id(name) if isinstance(name, Venue) else name for name in given.ravel().tolist()]
    distinct = dict(zip(keys, given.ravel().tolist(), strict=True))
    number = {key: i for i, key in enumerate(distinct)}
    return np.array([number[key] for key in keys], np.int64).reshape(given.shape), list(distinct.values())


def names_of(called: str, names: Any) -> np.ndarray:
    """Return an array of names, if they are such."""
    if isinstance(names, str | Path | Venue):
        return np.array(names, dtype=object)
    try:
        given = _objects(names)
        if not all(isinstance(name, str | Path | Venue) for name in given.ravel().tolist()):
            raise TypeError
    except (TypeError, ValueError):
        raise InvalidPositionError(
            f"{called} must be a name or an array of names, got {shown(names)}; give rows of one length, none missing"
        ) from None
    return given


def _objects(given: Any) -> np.ndarray:
    """Return an array of what is given, each as it is; ValueError where any is missing or rows differ in length."""
    if _is_masked(given) or np.asarray(given).dtype.kind in "mM":
        raise ValueError
    objects = np.asarray(given, dtype=object)
    if any(isinstance(one, list | tuple | np.ndarray) for one in objects.ravel().tolist()):
        raise ValueError
    return objects


def _is_masked(given: Any) -> bool:
    """Whether an array, or one in a list, has masked entries."""
    if isinstance(given, list | tuple):
        return any(_is_masked(one) for one in given if isinstance(one, list | tuple | np.ma.MaskedArray))
    return bool(np.ma.is_masked(given))


def common_shape(shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape to which all of these broadcast."""
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        given = ", ".join(f"{name} {shape}" for name, shape in shapes.items() if shape)
        raise InvalidPositionError(f"shapes do not fit together: {given}; give arrays of one length") from None


def fitting(**given: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return arrays as they are, if they broadcast."""
    common_shape({name: numbers.shape for name, numbers in given.items()})
    return tuple(given.values())


def sides(side: ArrayLike) -> np.ndarray:
    """Return +1 and -1 for sides given as these, or as "long" and "short"."""
    rule = "side must be +1 or 'long', -1 or 'short'"
    try:
        given = _objects(side)
    except ValueError:
        raise InvalidPositionError(f"{rule}, got {shown(side)}; give rows of one length, none missing") from None
    signs = [SIDES.get(value, value) if isinstance(value, str) else value for value in given.ravel().tolist()]
    for value in signs:
        if isinstance(value, NOT_NUMBERS) or value not in (1, -1):
            raise InvalidPositionError(f"{rule}, got {shown(value)}; correct it")
    return np.array(signs, np.int64).reshape(given.shape)


def positive(name: str, value: Any) -> np.ndarray:
    """Return numbers as float64, if all are positive and finite."""
    numbers = _numbers(name, value)
    _refuse(name, numbers, ~((numbers > 0) & np.isfinite(numbers)), "be positive and finite", "correct it")
    return numbers


def fractions(name: str, value: Any) -> np.ndarray:
    """Return numbers as float64, if all lie in [0, 1)."""
    numbers = _numbers(name, value)
    _refuse(name, numbers, ~((numbers >= 0) & (numbers < 1)), "lie in [0, 1)", "write 0.05 % as 0.0005")
    return numbers


def finite(name: str, value: Any) -> np.ndarray:
    """Return numbers as float64, if all are finite."""
    numbers = _numbers(name, value)
    _refuse(name, numbers, ~np.isfinite(numbers), "be finite", "correct it")
    return numbers


def not_nan(name: str, value: Any) -> np.ndarray:
    """Return numbers as float64, if none is nan; they may be infinite."""
    numbers = _numbers(name, value)
    _refuse(name, numbers, np.isnan(numbers), "not be nan", "correct it")
    return numbers


def amounts(name: str, value: Any) -> dict[str, np.ndarray]:
    """Return what is given by coin as float64, if it is a mapping, and nothing in it is negative or infinite."""
    if not isinstance(value, Mapping):
        raise InvalidPositionError(f"{name} must give a number for each coin, like {{'BTC': 0.5}}, got {shown(value)}")
    held = {coin: finite(name, amount) for coin, amount in value.items()}
    for coin, numbers in held.items():
        _refuse(f"{name} of {coin!r}", numbers, numbers < 0, "not be negative", "subtract what is owed from wallet")
    return held


def _numbers(name: str, value: Any) -> np.ndarray:
    """Return float64, if these are real numbers; texts, times, None and masked entries are none."""
    try:
        if _is_masked(value):
            raise ValueError
        given = np.asarray(value)
        if given.dtype.kind in KINDS_OF_NO_NUMBER or given.dtype.names:
            raise TypeError
        if given.dtype == object and any(isinstance(one, NOT_NUMBERS) for one in given.ravel().tolist()):
            raise TypeError
        with np.errstate(over="ignore"):
            return given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        raise InvalidPositionError(
            f"{name} must be a number or an array of numbers, got {shown(value)}; give real ones that a float holds, "
            "in rows of one length, none missing"
        ) from None


def _refuse(name: str, numbers: np.ndarray, bad: np.ndarray, rule: str, remedy: str) -> None:
    """Raise for the first number that is bad, if there is any."""
    if bad.any():
        first, where = _first(bad)
        raise InvalidPositionError(f"{name} must {rule}, got {numbers[first]:g}{where}; {remedy}")


def with_collateral(claims: Claims, leverage: ArrayLike | None, collateral: ArrayLike | None) -> Claims:
    """Return the claims with their collateral, given as such or by a leverage that the bracket allows."""
    if (leverage is None) == (collateral is None):
        raise InvalidPositionError("give exactly one of leverage and collateral")
    field = "leverage" if collateral is None else "collateral_usd"
    numbers = positive(LABELS[field], leverage if collateral is None else collateral)
    shape = common_shape({LABELS[field]: numbers.shape, "the rest": claims.rows.shape})
    rows = np.broadcast_to(claims.rows, shape).copy()
    rows[field] = numbers
    claims = Claims(claims.margin, rows, np.broadcast_to(claims.is_inverse, shape))
    if collateral is None:
        _refuse_leverage(claims)
        rows["collateral_usd"] = rows["size_base"] * rows["entry_usd"] / rows["leverage"]
    return claims


def _refuse_leverage(claims: Claims) -> None:
    """Raise if a leverage is above what the bracket of its position allows."""
    allowed, rows = np.asarray(values(claims, rules.HIGHEST_LEVERAGE)), claims.rows
    bad = rows["leverage"] > allowed * rules.SLACK
    if bad.any():
        first, where = _first(bad)
        leverage, notional = rows["leverage"][first], rows["size_base"][first] * rows["entry_usd"][first]
        worth = f"{notional:,.2f} USD" if not claims.is_inverse[first] else f"{notional:,.4f} coins"
        if allowed[first] == 0:
            raise InvalidPositionError(f"a notional of {worth}{where} is too large for the venue; lower it")
        raise InvalidPositionError(
            f"leverage {leverage:g}{where} is above {allowed[first]:g}, the highest that the venue allows at a "
            f"notional of {worth}; lower the leverage or the size"
        )


def price_for(venue: Name, coin: Any, price: ArrayLike | None) -> ArrayLike:
    """Return the price, or 1 where none is given and no bracket measures contracts."""
    if price is None:
        if (markets_of(venue, coin)[0].bracket_unit == BY_SIZE).any():
            raise InvalidPositionError(
                "price is missing: the venue's brackets measure contracts, not money; give price"
            )
        return 1.0
    return price


def _first(bad: np.ndarray) -> tuple[Any, str]:
    """Return the index of the first True, and how to name it in a message."""
    if bad.ndim == 0:
        return (), ""
    first = tuple(int(axis[0]) for axis in np.nonzero(bad))
    return first, f" at index {first[0] if len(first) == 1 else first}"


def values(claims: Claims, quantity: int) -> Numbers:
    """Return a quantity of every claim, as the kernel has it: an array of their shape, or a float for a single one."""
    out = np.empty(claims.rows.size)
    rules.evaluate(claims.margin, quantity, claims.rows.ravel(), out)
    return out.reshape(claims.rows.shape) if claims.rows.ndim else float(out[0])


def prices(claims: Claims, quantity: int) -> Numbers:
    """Return a price of every claim in USD per coin."""
    return in_usd(values(claims, quantity), claims.is_inverse)


def in_usd(quote: ArrayLike, is_inverse: np.ndarray) -> Numbers:
    """Return prices in USD per coin, of which those of inverse contracts are given in coins per USD."""
    quote = np.asarray(quote, np.float64)
    with np.errstate(divide="ignore"):
        return plain(np.where(is_inverse, 1.0 / quote, quote))


def plain(numbers: np.ndarray) -> Any:
    """Return an array, or the number that an array without axes holds."""
    return numbers if np.ndim(numbers) else np.asarray(numbers).item()
