"""What a liquidation costs: the clearance fee, and who gets what a fill leaves, or pays what it lacks."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.margins.claims import Coin, Name, Numbers, claims_on, finite, fitting, plain
from cascade.venues import Venue, load_venue


class Settlement(NamedTuple):
    """Where the money of a filled liquidation order goes, in USD, or in coins at inverse contracts."""

    fee: Numbers  # clearance fee, to the venue or to its pool
    pool: Numbers  # to (+) or from (-) the insurance pool; with the fee where that goes to the pool
    account: Numbers  # back to the account


def clearance_fee(venue: Name, coin: Coin, size: ArrayLike, price: ArrayLike, left: ArrayLike | None = None) -> Numbers:
    """Return the fee of a liquidation, at most what is left of the margin.

    Parameters
    ----------
    venue, coin
        As in `liquidation_price`.
    size : float or array
        Filled; in coins, or in USD at inverse contracts.
    price : float or array
        USD per coin, of the fill.
    left : float or array, optional
        What the account has left after the fill, in the money of settlement; without it the fee is not bounded.

    Returns
    -------
    float or ndarray of float64
        USD, or coins at inverse contracts.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.
    """
    claims = claims_on(venue, coin, called={"mark_usd": "price"}, size_base=size, mark_usd=price)
    rows = claims.rows
    fee = claims.margin.clearance_fee[rows["market"]] * rows["size_base"] * rows["mark_usd"]
    if left is None:
        return plain(fee)
    fee, bound = fitting(positions=fee, left=finite("left", left))
    return plain(np.minimum(fee, np.maximum(bound, 0.0)))


def pool_flow(
    venue: Name,
    coin: Coin,
    side: ArrayLike,
    size: ArrayLike,
    bankruptcy_price: ArrayLike,
    fill_price: ArrayLike,
) -> Settlement:
    """Return the clearance fee, and what the pool gets or pays, when a liquidation order is filled.

    Parameters
    ----------
    venue, coin, side
        As in `liquidation_price`; the side is the position's.
    size : float or array
        Filled; in coins, or in USD at inverse contracts.
    bankruptcy_price, fill_price : float or array
        USD per coin.

    Returns
    -------
    Settlement
        Numbers or arrays in the money of settlement. What the pool, the account and, where the venue keeps it, the fee
        get adds up to side * size * (fill - bankruptcy price).

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.

    Notes
    -----
    A fill past the bankruptcy price is paid by the pool. One before it leaves something: first the fee, then the rest
    to the pool or back to the account, as the venue's file says (`liquidation.surplus`). The fee is the
    venue's, or goes to the pool as well (`fees.clearance_to`): then it is part of `pool`, too.
    """
    prices = {"entry_usd": "bankruptcy_price", "mark_usd": "fill_price"}
    claims = claims_on(
        venue, coin, called=prices, side=side, size_base=size, entry_usd=bankruptcy_price, mark_usd=fill_price
    )
    rows = claims.rows
    left = rows["side"] * rows["size_base"] * (rows["mark_usd"] - rows["entry_usd"])
    fee = np.asarray(clearance_fee(venue, coin, size, fill_price, left))
    to_account = np.where((left > 0) & _holds(venue, _leaves_surplus), left - fee, 0.0)
    to_venue = np.where(_holds(venue, _keeps_fee), fee, 0.0)
    return Settlement(plain(fee), plain(left - to_venue - to_account), plain(to_account))


def _holds(venue: Name, rule: Callable[[Venue], bool]) -> np.ndarray:
    """Return which of the venues named have a rule."""
    names = np.asarray(venue, dtype=object)
    return np.array([rule(load_venue(name)) for name in names.ravel().tolist()], bool).reshape(names.shape)


def _leaves_surplus(venue: Venue) -> bool:
    """Whether accounts keep what a fill leaves."""
    return venue.liquidation is not None and venue.liquidation.surplus == "account"


def _keeps_fee(venue: Venue) -> bool:
    """Whether the fee of a liquidation is the venue's own."""
    return venue.fees.clearance_to == "venue"
