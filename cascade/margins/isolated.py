"""Isolated positions: liquidation and bankruptcy price, maintenance and initial margin, limits of leverage and size."""

from numpy.typing import ArrayLike

from cascade.errors import InvalidPositionError
from cascade.kernels import margin as rules
from cascade.margins.claims import (
    Coin,
    Name,
    Numbers,
    claims_on,
    fitting,
    fractions,
    in_usd,
    plain,
    price_for,
    prices,
    values,
    with_collateral,
)

AT = {"entry_usd": "price"}  # what an entry is called where only one price is given


def liquidation_price(
    venue: Name,
    coin: Coin,
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
        In coins, or in USD at inverse contracts (contracts times their face value); positive on both sides.
    leverage : float or array, optional
        Notional at entry over collateral. Exactly one of `leverage` and `collateral` is given.
    collateral : float or array, optional
        Isolated margin, without what a venue holds for the fee to close; in USD, or in coins at inverse contracts.
        Any positive amount: funding and transfers may have left less than an opening needs.

    Returns
    -------
    float or ndarray of float64
        USD; 0 where no price liquidates a long, inf where none liquidates a short (which takes an inverse contract).

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
    Inverse contracts: collateral + side * size * (1 / entry - 1 / price) = maintenance + fee, all in coins.
    Sources: the files in `cascade/venues`, and `cascade venues show NAME`.

    Examples
    --------
    >>> round(liquidation_price("binance", "BTC", "long", 70_000, 1, leverage=20), 2)
    66767.07
    """
    claims = claims_on(venue, coin, side=side, entry_usd=entry_price, size_base=size)
    return prices(with_collateral(claims, leverage, collateral), rules.LIQUIDATION_PRICE)


def bankruptcy_price(
    venue: Name,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    leverage: ArrayLike | None = None,
    collateral: ArrayLike | None = None,
    closing_fee: ArrayLike = 0.0,
) -> Numbers:
    """Return the price at which an isolated position has lost exactly its collateral.

    Parameters
    ----------
    venue, coin, side, entry_price, size, leverage, collateral
        As in `liquidation_price`.
    closing_fee : float or array, optional
        Fee, as a fraction of the value at that price, which the collateral must pay as well: 0 unless given.

    Returns
    -------
    float or ndarray of float64
        USD; 0 for a long with leverage up to 1, inf for a short at an inverse contract with leverage up to 1.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`; or if the fee is not in [0, 1).

    Notes
    -----
    (entry - side * collateral / size) / (1 - side * fee); inverse contracts: the same of 1 / price with the side
    reversed. With the fee: Bybit help centre, 'What is Bankruptcy Price? (Inverse Contract)'.
    """
    claims = claims_on(venue, coin, side=side, entry_usd=entry_price, size_base=size)
    claims = with_collateral(claims, leverage, collateral)
    side, fee = fitting(positions=claims.rows["side"], closing_fee=fractions("closing_fee", closing_fee))
    return in_usd(values(claims, rules.BANKRUPTCY_PRICE) / (1.0 - side * fee), claims.is_inverse)


def maintenance_margin(
    venue: Name,
    coin: Coin,
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
        USD, or coins at inverse contracts.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    entry_price = price if entry_price is None else entry_price
    claims = claims_on(venue, coin, called={"mark_usd": "price"}, size_base=size, mark_usd=price, entry_usd=entry_price)
    return values(claims, rules.MAINTENANCE)


def initial_margin(
    venue: Name,
    coin: Coin,
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
        USD, or coins at inverse contracts; inf, without `leverage`, where the position is too large for any.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    claims = claims_on(venue, coin, called=AT, size_base=size, entry_usd=price)
    if leverage is None:
        return values(claims, rules.INITIAL)
    return plain(with_collateral(claims, leverage, None).rows["collateral_usd"])


def max_leverage(
    venue: Name,
    coin: Coin,
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
        USD, or coins at inverse contracts. Exactly one of `notional` and `collateral` is given.
    collateral : float or array, optional
        In the same; the notional then follows from the leverage.
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
        claims = claims_on(venue, coin, called=AT, collateral_usd=collateral, entry_usd=price)
        return values(claims, rules.HIGHEST_LEVERAGE_OF_COLLATERAL)
    claims = claims_on(venue, coin, called=AT, notional_usd=notional, entry_usd=price)
    claims.rows["size_base"] = claims.rows["notional_usd"] / claims.rows["entry_usd"]
    return values(claims, rules.HIGHEST_LEVERAGE)


def max_notional(
    venue: Name,
    coin: Coin,
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
        USD, or coins at inverse contracts; 0 where the leverage is above the venue's highest.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    claims = claims_on(venue, coin, called=AT, leverage=leverage, entry_usd=price_for(venue, coin, price))
    return values(claims, rules.HIGHEST_NOTIONAL)
