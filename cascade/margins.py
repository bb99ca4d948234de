"""Margin rules of venues, for people: liquidation and bankruptcy price, maintenance and initial margin, limits.

Every function takes one venue's name (or a `Venue`, or the path of a file of one's own) and one coin, or an array of
names of either; and numbers or arrays of numbers, which broadcast. Arrays in, arrays out. The rules are those of
`cascade.kernels.margin`, which the simulation applies to its accounts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import InvalidPositionError
from cascade.kernels import margin as rules
from cascade.venues.claims import Name, Numbers, claims_on, evaluated, price_for, with_collateral


def liquidation_price(
    venue: Name,
    coin: str | Sequence[str] | np.ndarray,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    leverage: ArrayLike | None = None,
    collateral: ArrayLike | None = None,
) -> Numbers:
    """Return the mark price past which an isolated position is liquidated.

    Parameters
    ----------
    venue : str, Path, Venue or array of str
        See `cascade.venues.list_venues`.
    coin : str or array of str
        "BTC", ...
    side : int or str, or array of either
        +1 or "long", -1 or "short".
    entry_price : float or array
        Average entry price, USD.
    size : float or array
        In coins, positive on both sides.
    leverage : float or array, optional
        Notional at entry over collateral. Exactly one of `leverage` and `collateral` is given.
    collateral : float or array, optional
        Isolated margin, USD, without what a venue holds for the fee to close. Any positive amount: funding and
        transfers may have left less than an opening needs.

    Returns
    -------
    float or ndarray of float64
        USD; 0 where no price liquidates (a long with enough collateral).

    Raises
    ------
    InvalidPositionError
        If a number is not positive and finite, a side is unknown, the leverage is above what the bracket allows, or
        not exactly one of `leverage` and `collateral` is given.
    UnknownVenueError, UnknownCoinError
        If there is no such venue, or it has no such contract.

    Notes
    -----
    Solves collateral + side * size * (price - entry) = maintenance + fee, with the venue's own maintenance margin and,
    where its trigger counts it, the taker fee at that price; brackets by notional at the mark are those of that price.
    Sources: the files in `cascade/venues`.

    Examples
    --------
    >>> round(liquidation_price("binance", "BTC", "long", 70_000, 1, leverage=20), 2)
    66767.07
    """
    margin, claims = claims_on(venue, coin, side=side, entry_usd=entry_price, size_base=size)
    claims = with_collateral(margin, claims, leverage, collateral)
    return evaluated(margin, rules.LIQUIDATION_PRICE, claims)


def bankruptcy_price(
    venue: Name,
    coin: str | Sequence[str] | np.ndarray,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    leverage: ArrayLike | None = None,
    collateral: ArrayLike | None = None,
) -> Numbers:
    """Return the price at which an isolated position has lost exactly its collateral, fees aside.

    Parameters
    ----------
    venue, coin, side, entry_price, size, leverage, collateral
        As in `liquidation_price`.

    Returns
    -------
    float or ndarray of float64
        USD; 0 for a long with leverage up to 1.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.

    Notes
    -----
    entry - side * collateral / size, for linear contracts at every venue.
    """
    margin, claims = claims_on(venue, coin, side=side, entry_usd=entry_price, size_base=size)
    claims = with_collateral(margin, claims, leverage, collateral)
    return evaluated(margin, rules.BANKRUPTCY_PRICE, claims)


def maintenance_margin(
    venue: Name,
    coin: str | Sequence[str] | np.ndarray,
    size: ArrayLike,
    price: ArrayLike,
    entry_price: ArrayLike | None = None,
) -> Numbers:
    """Return the maintenance margin of a position at a mark price, without any fee.

    Parameters
    ----------
    venue, coin, size
        As in `liquidation_price`.
    price : float or array
        Mark price, USD.
    entry_price : float or array, optional
        Average entry price, USD, for venues that go by it (Bybit); the mark price if it is not given.

    Returns
    -------
    float or ndarray of float64
        USD.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    entry_price = price if entry_price is None else entry_price
    margin, claims = claims_on(venue, coin, size_base=size, mark_usd=price, entry_usd=entry_price)
    return evaluated(margin, rules.MAINTENANCE, claims)


def initial_margin(
    venue: Name,
    coin: str | Sequence[str] | np.ndarray,
    size: ArrayLike,
    price: ArrayLike,
    leverage: ArrayLike | None = None,
) -> Numbers:
    """Return the collateral that opens a position, without any fee.

    Parameters
    ----------
    venue, coin, size
        As in `liquidation_price`.
    price : float or array
        Entry price, USD.
    leverage : float or array, optional
        The highest that the bracket allows, if it is not given.

    Returns
    -------
    float or ndarray of float64
        USD; inf, without `leverage`, where the position is too large for any.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    margin, claims = claims_on(venue, coin, size_base=size, entry_usd=price)
    if leverage is None:
        return evaluated(margin, rules.INITIAL, claims)
    return with_collateral(margin, claims, leverage, None)["collateral_usd"][()]


def max_leverage(
    venue: Name,
    coin: str | Sequence[str] | np.ndarray,
    notional: ArrayLike | None = None,
    *,
    collateral: ArrayLike | None = None,
    price: ArrayLike | None = None,
) -> Numbers:
    """Return the highest leverage that a venue allows for a notional, or for a collateral.

    Parameters
    ----------
    venue, coin
        As in `liquidation_price`.
    notional : float or array, optional
        USD. Exactly one of `notional` and `collateral` is given.
    collateral : float or array, optional
        USD; the notional then follows from the leverage.
    price : float or array, optional
        USD per coin; needed where the venue's brackets measure contracts (OKX).

    Returns
    -------
    float or ndarray of float64
        0 where the notional is too large for any leverage.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    if (notional is None) == (collateral is None):
        raise InvalidPositionError("give exactly one of notional and collateral")
    price = price_for(venue, coin, price)
    if notional is None:
        margin, claims = claims_on(venue, coin, collateral_usd=collateral, entry_usd=price)
        return evaluated(margin, rules.HIGHEST_LEVERAGE_OF_COLLATERAL, claims)
    margin, claims = claims_on(venue, coin, notional_usd=notional, entry_usd=price)
    claims["size_base"] = claims["notional_usd"] / claims["entry_usd"]
    return evaluated(margin, rules.HIGHEST_LEVERAGE, claims)


def max_notional(
    venue: Name,
    coin: str | Sequence[str] | np.ndarray,
    leverage: ArrayLike,
    *,
    price: ArrayLike | None = None,
) -> Numbers:
    """Return the largest notional that a venue allows at a leverage.

    Parameters
    ----------
    venue, coin, price
        As in `max_leverage`.
    leverage : float or array
        Notional over collateral.

    Returns
    -------
    float or ndarray of float64
        USD; 0 where the leverage is above the venue's highest.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    margin, claims = claims_on(venue, coin, leverage=leverage, entry_usd=price_for(venue, coin, price))
    return evaluated(margin, rules.HIGHEST_NOTIONAL, claims)
