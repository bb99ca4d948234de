"""Worlds that are given instead of drawn: a book's orders, blind orders, and accounts, as a scenario takes them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cascade.errors import InvalidConfigError
from cascade.state import GIVEN_ORDER

GIVEN_ACCOUNT = np.dtype(
    [
        ("market", np.int64),  # coin * number of venues + venue
        ("side", np.int64),  # +1 long, -1 short
        ("lots", np.int64),
        ("entry_usd", np.float64),  # rounded to a tick
        ("margin_usd", np.float64),  # collateral, isolated
    ]
)


MOST_USD = 1e12  # of all accounts: ledgers count millionths of a dollar in 64 bits, 9.2e12 USD


@dataclass(frozen=True)
class GivenBook:
    """The orders of every book, instead of what providers would post.

    Laid "once" at the reference before the warm-up and left alone, or in "every step" anew around the reference.
    """

    orders: np.ndarray  # GIVEN_ORDER: market, side (0 buy, 1 sell), offset in ticks from the reference, lots
    laid: Literal["once", "every step"] = "once"

    def __post_init__(self) -> None:
        """Check what can be checked without the markets."""
        if self.orders.dtype != GIVEN_ORDER:
            raise InvalidConfigError(f"orders of a given book must be of dtype GIVEN_ORDER, got {self.orders.dtype}")
        if self.laid not in ("once", "every step"):
            raise InvalidConfigError(f"a given book is laid 'once' or in 'every step', got {self.laid!r}")
        if len(self.orders) and (self.orders["lots"].min() < 1 or self.orders["lots"].max() >= 2**31):
            raise InvalidConfigError("orders of a given book need 1 to 2**31 - 1 lots each; leave out empty ones")

    def describe(self) -> dict:
        """Return what a manifest records."""
        return {"book": f"laid {self.laid}", "orders": len(self.orders)}


@dataclass(frozen=True)
class BlindOrders:
    """Providers without intelligence: limit orders at random distances from the opposite best (Smith and others 2003).

    In every market alike. Half of the orders are bids, uniform over the band below the best ask; half are asks.
    """

    posts_per_s: float  # limit orders of both sides
    band_ticks: int
    lots: int  # of every order
    life_s: float  # mean time until an order is cancelled; far below 4096

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (0 < self.posts_per_s <= 1000 and self.band_ticks >= 1 and self.lots >= 1 and 0 < self.life_s <= 600):
            raise InvalidConfigError(
                f"need posts_per_s in (0, 1000], band_ticks and lots from 1, life_s in (0, 600]; got {self}"
            )

    def describe(self) -> dict:
        """Return what a manifest records."""
        return {"blind_orders": [self.posts_per_s, self.band_ticks, self.lots, self.life_s]}


def check_accounts(accounts: np.ndarray, drawn: bool) -> None:
    """Refuse given accounts that cannot be.

    Raises
    ------
    InvalidConfigError
        If they are of the wrong type, have no size or collateral or more than kernels count, or others are to be drawn
        besides.
    """
    if accounts.dtype != GIVEN_ACCOUNT:
        raise InvalidConfigError(f"accounts must be of dtype GIVEN_ACCOUNT, got {accounts.dtype}")
    if drawn:
        raise InvalidConfigError("accounts are given and also drawn from assumptions; leave out one of the two")
    if not len(accounts):
        return
    if accounts["lots"].min() < 1 or not (accounts["margin_usd"] > 0).all() or not (accounts["entry_usd"] > 0).all():
        raise InvalidConfigError("accounts need at least one lot each, and a positive entry price and margin")
    for name, most in (("lots", 2**31 - 1), ("entry_usd", MOST_USD), ("margin_usd", MOST_USD)):
        k = int(np.argmax(accounts[name]))
        if accounts[name][k] > most:
            raise InvalidConfigError(f"accounts[{k}]: {name} must be at most {most:g}, got {accounts[name][k]:g}")
    if accounts["margin_usd"].sum() > MOST_USD:
        raise InvalidConfigError(f"accounts: margins must sum to at most {MOST_USD:g} USD; give fewer or smaller ones")
    if not np.isin(accounts["side"], (-1, 1)).all():
        raise InvalidConfigError("side of an account must be +1 (long) or -1 (short)")
