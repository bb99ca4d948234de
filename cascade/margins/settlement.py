"""What a liquidation costs: the clearance fee, and who gets what a fill leaves, or pays what it lacks."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.margins.claims import Coin, Name, Numbers, claims_on, finite, plain
from cascade.venues import load_venue


class Settlement(NamedTuple):
    """Where the money of a filled liquidation order goes, in USD, or in coins at inverse contracts."""

    fee: Numbers  # clearance fee
    pool: Numbers  # to (+) or from (-) the insurance pool
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
    return plain(fee if left is None else np.minimum(fee, np.maximum(finite("left", left), 0.0)))


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
        Numbers or arrays that add up to side * size * (fill - bankruptcy price), in the money of settlement.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`.

    Notes
    -----
    A fill past the bankruptcy price is paid by the pool. One before it leaves something: first the fee, then the rest
    to the pool or back to the account, as the venue's file says (`liquidation.surplus`).
    """
    prices = {"entry_usd": "bankruptcy_price", "mark_usd": "fill_price"}
    claims = claims_on(
        venue, coin, called=prices, side=side, size_base=size, entry_usd=bankruptcy_price, mark_usd=fill_price
    )
    rows = claims.rows
    left = rows["side"] * rows["size_base"] * (rows["mark_usd"] - rows["entry_usd"])
    fee = np.asarray(clearance_fee(venue, coin, size, fill_price, left))
    to_account = np.where((left > 0) & _leaves_surplus(venue), left - fee, 0.0)
    return Settlement(plain(fee), plain(left - fee - to_account), plain(to_account))


def _leaves_surplus(venue: Name) -> np.ndarray:
    """Whether the accounts of each venue keep what a fill leaves."""
    names = np.asarray(venue, dtype=object)
    rules = [load_venue(name).liquidation for name in names.ravel().tolist()]
    return np.array([rule is not None and rule.surplus == "account" for rule in rules]).reshape(names.shape)
