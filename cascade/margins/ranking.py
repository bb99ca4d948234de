"""Deleveraging: when a venue begins it, and which winners it closes first."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import InvalidPositionError
from cascade.margins.claims import Coin, Numbers, claims_on, finite, fitting, plain, positive
from cascade.venues import Venue, load_venue
from cascade.venues.rules import Deleveraging

OneVenue = str | Venue


def deleveraging_score(
    venue: OneVenue,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    mark_price: ArrayLike,
    collateral: ArrayLike,
) -> Numbers:
    """Return the number by which a venue ranks winners: the highest is deleveraged first.

    Parameters
    ----------
    venue : str, Path or Venue
        See `cascade.venues.list_venues`.
    coin, side, entry_price, size
        As in `liquidation_price`.
    mark_price : float or array
        USD per coin.
    collateral : float or array
        What stands behind the position without its profit; in USD, or in coins at inverse contracts.

    Returns
    -------
    float or ndarray of float64
        nan for a position without profit, which is not deleveraged.

    Raises
    ------
    InvalidPositionError
        If the venue does not deleverage, or as in `liquidation_price`.

    Notes
    -----
    Leverage is value at the mark over equity. "profit_times_leverage": profit over value at entry, times it (Binance,
    OKX, Bybit, BitMEX). "return_times_leverage": mark over entry, for shorts entry over mark, times it (Hyperliquid).
    "profit": in money. Sources: [deleveraging] of the venue's file.
    """
    ranking = _rule(venue).ranking
    claims = claims_on(
        venue, coin, side=side, entry_usd=entry_price, size_base=size, mark_usd=mark_price, collateral_usd=collateral
    )
    rows = claims.rows
    gained = rows["mark_usd"] / rows["entry_usd"]
    profit = rows["side"] * rows["size_base"] * (rows["mark_usd"] - rows["entry_usd"])
    leverage = rows["size_base"] * rows["mark_usd"] / (rows["collateral_usd"] + profit)
    if ranking == "profit":
        score = profit
    elif ranking == "profit_times_leverage":
        score = profit / (rows["size_base"] * rows["entry_usd"]) * leverage
    else:
        score = np.where(rows["side"] > 0, gained, 1.0 / gained) * leverage
    return plain(np.where(profit > 0, score, np.nan))


def deleveraging_ranking(
    venue: OneVenue,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    mark_price: ArrayLike,
    collateral: ArrayLike,
) -> np.ndarray:
    """Return the positions with a profit in the order in which they are deleveraged.

    Parameters
    ----------
    venue, coin, side, entry_price, size, mark_price, collateral
        As in `deleveraging_score`; one position for each element of their common shape, which has one axis. Only one
        side of one contract can stand against a bankrupt position: pass those.

    Returns
    -------
    ndarray of int64, shape (winners,)
        Indices, the first to be closed first; equal scores in the order given.

    Raises
    ------
    InvalidPositionError
        As in `deleveraging_score`; or if the positions lie along several axes.
    """
    score = np.atleast_1d(deleveraging_score(venue, coin, side, entry_price, size, mark_price, collateral))
    if score.ndim > 1:
        raise InvalidPositionError(f"positions must lie along one axis, got shape {score.shape}; rank each row alone")
    order = np.argsort(-score, kind="stable")
    return order[~np.isnan(score[order])]


def pool_fall(pool: ArrayLike, peak: ArrayLike, pool_peak: ArrayLike | None = None) -> Numbers:
    """Return how far a pool, or a contract's share of its profit, has fallen from its running maximum.

    Parameters
    ----------
    pool, peak : float or array
        Now, and the running maximum over the venue's window, in one money. Bybit takes the profit of the contract.
    pool_peak : float or array, optional
        Running maximum of the whole pool where `peak` is of a contract's profit; `peak` itself if it is not given.

    Returns
    -------
    float or ndarray of float64
        A fraction of the pool's maximum, 0.3 for 30 %.

    Raises
    ------
    InvalidPositionError
        If a number is not finite, the pool's maximum is not positive, or shapes do not fit together.

    Notes
    -----
    Bybit API documentation, GET /v5/market/adlAlert (with the sign reversed); OKX help centre, 'Auto-deleveraging'.
    """
    whole = positive("pool_peak", peak if pool_peak is None else pool_peak)
    now, highest, whole = fitting(pool=finite("pool", pool), peak=finite("peak", peak), pool_peak=whole)
    return plain((highest - now) / whole)


def is_deleveraging(
    venue: OneVenue, fall: ArrayLike, pool: ArrayLike, was_deleveraging: ArrayLike = False, equity: ArrayLike = 0.0
) -> Any:
    """Whether a venue deleverages bankrupt positions now.

    Parameters
    ----------
    venue : str, Path or Venue
        See `cascade.venues.list_venues`.
    fall : float or array
        As `pool_fall` gives it; read where the venue goes by it.
    pool : float or array
        What the pool holds.
    was_deleveraging : bool or array, optional
        Whether it did so before: it then goes on until the fall is below the level at which the venue stops.
    equity : float or array, optional
        Of the account taken; read where the venue goes by it.

    Returns
    -------
    bool or ndarray of bool

    Raises
    ------
    InvalidPositionError, UnknownVenueError
        If the venue does not deleverage, a number that it goes by is not finite, or shapes do not fit together; or if
        there is no such venue.
    """
    rule, empty = _rule(venue), finite("pool", pool) <= 0
    if rule.trigger == "equity_negative":
        return plain(finite("equity", equity) < 0)
    if rule.trigger == "pool_empty":
        return plain(empty)
    before = finite("was_deleveraging", was_deleveraging) != 0
    fallen, empty, before = fitting(fall=finite("fall", fall), pool=empty, was_deleveraging=before)
    return plain(empty | (fallen >= np.where(before, rule.stop, rule.fall)))


def loss_beyond_fall(venue: OneVenue, fall: ArrayLike, pool_peak: ArrayLike) -> Numbers:
    """Return the loss past the fall at which a venue begins to deleverage: what winners take over.

    Parameters
    ----------
    venue, fall
        As in `is_deleveraging`.
    pool_peak : float or array
        Running maximum of the pool.

    Returns
    -------
    float or ndarray of float64
        In the money of the pool.

    Raises
    ------
    InvalidPositionError, UnknownVenueError
        As in `is_deleveraging`; or if the pool's maximum is not positive.
    """
    fallen, highest = fitting(fall=finite("fall", fall), pool_peak=positive("pool_peak", pool_peak))
    return plain(np.maximum(fallen - _rule(venue).fall, 0.0) * highest)


def _rule(venue: OneVenue) -> Deleveraging:
    """Return how a venue deleverages, if it does."""
    known = load_venue(venue)
    if known.deleveraging.trigger == "never":
        raise InvalidPositionError(f"{known.name} does not deleverage; name a venue that does")
    return known.deleveraging
