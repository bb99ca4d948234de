"""Cross margin: accounts of several positions over coins and both sides, behind one collateral.

The positions of an account lie along the last axis; the axes before it, if any, are accounts. All positions of an
account are at one venue. Contracts that settle in different coins share no collateral.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cascade.errors import InvalidPositionError, did_you_mean
from cascade.kernels import margin as rules
from cascade.kernels.shared_margin import evaluate_ruin
from cascade.margins.claims import (
    Claims,
    Coin,
    Numbers,
    amounts,
    claims_on,
    common_shape,
    finite,
    fitting,
    fractions,
    in_usd,
    names_of,
    plain,
    values,
)
from cascade.venues import Venue, load_venue

OneVenue = str | Venue


class AccountState(NamedTuple):
    """What a cross account has and must have at its marks, in USD, or in coins at inverse contracts."""

    equity: Numbers  # wallet, coins at their haircut, unrealised profit
    maintenance_margin: Numbers  # with the fee that the venue counts in its trigger
    initial_margin: Numbers  # at the highest leverage of each position's bracket
    is_breached: bool | np.ndarray  # equity below maintenance margin


def collateral_value(venue: OneVenue, held: Mapping[str, ArrayLike], index_price: Mapping[str, ArrayLike]) -> Numbers:
    """Return what coins count as collateral of a cross account.

    Parameters
    ----------
    venue : str, Path or Venue
        See `cascade.venues.list_venues`.
    held : mapping of str to float or array
        Coins by name, {"BTC": 0.5}.
    index_price : mapping of str to float or array
        USD per coin.

    Returns
    -------
    float or ndarray of float64
        USD.

    Raises
    ------
    InvalidPositionError
        If the venue takes no such coin, its price is missing, or an amount or a price is negative.

    Notes
    -----
    Amount * price * (1 - haircut), with the haircuts of the venue's file.
    """
    total = np.asarray(0.0)
    prices = amounts("index_price", index_price)
    for coin, amount in amounts("held", held).items():
        if coin not in prices:
            raise InvalidPositionError(f"index_price of {coin!r} is missing; give it beside the amount held")
        share = 1.0 - _haircut(load_venue(venue), coin)
        called = {"held": total, f"held of {coin!r}": amount, f"index_price of {coin!r}": prices[coin]}
        total, amount, price = fitting(**called)
        total = total + share * amount * price
    return plain(total)


def account_state(
    venue: OneVenue,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    mark_price: ArrayLike,
    wallet: ArrayLike,
    held: Mapping[str, ArrayLike] | None = None,
) -> AccountState:
    """Return equity and requirements of cross accounts at their marks.

    Parameters
    ----------
    venue : str, Path or Venue
        See `cascade.venues.list_venues`.
    coin, side, entry_price, size, mark_price : array
        Of each position; shape (..., positions); as in `liquidation_price`.
    wallet : float or array
        Balance that stands behind all positions, shape (...): USD, or coins at inverse contracts. May be negative.
    held : mapping of str to float or array, optional
        Coins that count as collateral beside it, shape (...), at the mark of a position in that coin; value others
        with `collateral_value` and add them to `wallet`.

    Returns
    -------
    AccountState
        Arrays of shape (...), or numbers for one account.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `liquidation_price`; or if the positions settle in different coins, positions of an account in one coin
        have different marks, or an amount held is negative.
    """
    claims, wallets, coins_held = _accounts(venue, coin, side, entry_price, size, mark_price, wallet, held)
    rows, margin = claims.rows, claims.margin
    worth = rows["size_base"] * rows["mark_usd"]
    gain = rows["side"] * rows["size_base"] * (rows["mark_usd"] - rows["entry_usd"])
    equity = wallets + (gain + coins_held * rows["mark_usd"]).sum(axis=-1)
    required = (values(claims, rules.MAINTENANCE) + margin.trigger_fee[rows["market"]] * worth).sum(axis=-1)
    opened = rows.copy()
    opened["entry_usd"] = rows["mark_usd"]
    initial = np.sum(values(claims._replace(rows=opened), rules.INITIAL), axis=-1)
    return AccountState(plain(equity), plain(required), plain(initial), plain(equity < required))


def cross_liquidation_price(
    venue: OneVenue,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    mark_price: ArrayLike,
    wallet: ArrayLike,
    held: Mapping[str, ArrayLike] | None = None,
) -> np.ndarray:
    """Return, for each position, the mark of its coin past which its cross account is liquidated.

    The coin's price moves on the position's losing way, and every position and holding in that coin with it; the marks
    of all other coins stay.

    Parameters
    ----------
    venue, coin, side, entry_price, size, mark_price, wallet, held
        As in `account_state`.

    Returns
    -------
    ndarray of float64, shape (..., positions)
        USD. The mark itself where the account is breached already; where no such price exists, 0 for a long and inf
        for a short.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `account_state`.

    Notes
    -----
    Solves wallet + held * price + sum of profits = sum of maintenance margins and trigger fees, brackets being those of
    that price. One position left: Binance help centre, 'How to Calculate Liquidation Price of USD-M Futures Contracts',
    whose example with BTC and ETH it reproduces.
    """
    claims, wallets, coins_held = _accounts(venue, coin, side, entry_price, size, mark_price, wallet, held)
    shape = claims.rows.shape
    out = np.empty((wallets.size, shape[-1]))
    positions = np.ascontiguousarray(claims.rows).reshape(out.shape)
    evaluate_ruin(claims.margin, positions, coins_held.reshape(out.shape).copy(), wallets.ravel(), out)
    return np.asarray(in_usd(out.reshape(shape), claims.is_inverse))


def cross_bankruptcy_price(
    venue: OneVenue,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    mark_price: ArrayLike,
    wallet: ArrayLike,
    held: Mapping[str, ArrayLike] | None = None,
    closing_fee: ArrayLike = 0.0,
) -> np.ndarray:
    """Return, for each position, the price of its coin at which its cross account has nothing left.

    Parameters
    ----------
    venue, coin, side, entry_price, size, mark_price, wallet, held
        As in `account_state`; the marks of all other coins stay.
    closing_fee : float or array, optional
        Fee of closing the position, as a fraction of its value at that price: 0 unless given.

    Returns
    -------
    ndarray of float64, shape (..., positions)
        USD; where no price on the position's losing way does so, 0 for a long and inf for a short.

    Raises
    ------
    InvalidPositionError, UnknownVenueError, UnknownCoinError
        As in `account_state`.

    Notes
    -----
    The root of wallet + held * price + sum of profits - fee, which is linear in the price. Source of the form with the
    fee: Bybit help centre, 'What is Bankruptcy Price? (Inverse Contract)'.
    """
    claims, wallets, coins_held = _accounts(venue, coin, side, entry_price, size, mark_price, wallet, held)
    rows = claims.rows
    exposure = rows["side"] * rows["size_base"]
    together = rows["market"][..., :, None] == rows["market"][..., None, :]
    profit = exposure * (rows["mark_usd"] - rows["entry_usd"]) + coins_held * rows["mark_usd"]
    elsewhere = wallets[..., None] + np.where(together, 0.0, profit[..., None, :]).sum(axis=-1)
    at_zero = elsewhere - np.where(together, (exposure * rows["entry_usd"])[..., None, :], 0.0).sum(axis=-1)
    slope = np.where(together, (exposure + coins_held)[..., None, :], 0.0).sum(axis=-1)
    slope, fee = fitting(positions=slope, closing_fee=fractions("closing_fee", closing_fee))
    slope = slope - fee * rows["size_base"]
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.maximum(-at_zero / slope, 0.0)
    none = np.where(rows["side"] > 0, 0.0, np.inf)
    return np.asarray(in_usd(np.where(slope * rows["side"] > 0, root, none), claims.is_inverse))


def _accounts(
    venue: OneVenue,
    coin: Coin,
    side: ArrayLike,
    entry_price: ArrayLike,
    size: ArrayLike,
    mark_price: ArrayLike,
    wallet: ArrayLike,
    held: Mapping[str, ArrayLike] | None,
) -> tuple[Claims, np.ndarray, np.ndarray]:
    """Return the claims, shape (..., positions), wallets, shape (...), and coins that count beside each claim."""
    terms = load_venue(venue)
    names = np.atleast_1d(names_of("coin", coin))
    claims = claims_on(terms, names, side=side, entry_usd=entry_price, size_base=size, mark_usd=mark_price)
    if terms.contract == "inverse" and len(set(names.ravel().tolist())) > 1:
        raise InvalidPositionError(f"{terms.name} settles each coin in itself: one account holds one coin; split them")
    wallets, amounts_held = finite("wallet", wallet), amounts("held", {} if held is None else held)
    behind = {"wallet": wallets} | {f"held of {name!r}": amount for name, amount in amounts_held.items()}
    shapes = {called: (*numbers.shape, 1) for called, numbers in behind.items()}
    shape = common_shape(shapes | {"positions": claims.rows.shape})
    rows, names = np.broadcast_to(claims.rows, shape), np.broadcast_to(names, shape)
    coins_held = np.zeros(shape)
    _refuse_two_marks(rows, names)
    for name, amount in amounts_held.items():
        if name not in names.ravel().tolist():
            raise InvalidPositionError(
                f"held has {name!r}, in which there is no position; add its collateral_value to wallet"
            )
        first = (names == name) & (np.cumsum(names == name, axis=-1) == 1)
        share = 1.0 - _haircut(terms, name)
        coins_held += np.where(first, share * amount[..., None], 0.0)
    is_inverse = np.broadcast_to(claims.is_inverse, shape)
    return Claims(claims.margin, rows, is_inverse), np.broadcast_to(wallets, shape[:-1]).copy(), coins_held


def _refuse_two_marks(rows: np.ndarray, names: np.ndarray) -> None:
    """Raise if two positions of an account are in one coin, but at different marks: a coin has one."""
    market, mark = rows["market"], rows["mark_usd"]
    differ = (market[..., :, None] == market[..., None, :]) & (mark[..., :, None] != mark[..., None, :])
    if differ.any():
        name = names[differ.any(axis=-1)][0]
        raise InvalidPositionError(
            f"mark_price differs between positions in {name!r}; a coin has one mark: give it to all"
        )


def _haircut(venue: Venue, coin: str) -> float:
    """Return what the venue takes off a coin as collateral."""
    known = venue.cross.haircuts if venue.cross else {}
    if coin not in known:
        raise InvalidPositionError(f"{venue.name} takes no {coin!r} as collateral{did_you_mean(coin, known)}")
    return known[coin]
