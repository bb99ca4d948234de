"""When loans are liquidated, and how much of them: Aave v3 and Compound III (Comet)."""

import numpy as np
from numpy.typing import ArrayLike

from cascade.margins.claims import finite, fitting, not_nan, positive

CLOSE_FACTOR = 0.5
CLOSE_FACTOR_HEALTH = 0.95  # at or below, all of the debt
SMALL_POSITION_USD = 2_000.0  # either side below, all of the debt


def aave_close_factor(health_factor: ArrayLike, collateral_usd: ArrayLike, debt_usd: ArrayLike) -> float | np.ndarray:
    """Return the share of the total debt that one liquidation may repay on Aave v3.3 and later.

    Parameters
    ----------
    health_factor : float or array
        Sum of collateral times liquidation threshold, over debt; a loan is liquidated below 1.
    collateral_usd, debt_usd : float or array
        Of the pair that is liquidated, USD.

    Returns
    -------
    float or ndarray of float64
        0.5, or 1 where the health factor is not above 0.95 or either side is below 2,000 USD; 0 for a healthy loan.

    Raises
    ------
    InvalidPositionError
        If a health factor is nan, an amount is not finite, or shapes do not fit together.

    Notes
    -----
    Source: github.com/aave-dao/aave-v3-origin at fd1fbd9, LiquidationLogic.sol and
    tests/protocol/pool/Pool.Liquidations.CloseFactor.t.sol.
    """
    health, collateral, debt = fitting(
        health_factor=not_nan("health_factor", health_factor),
        collateral_usd=finite("collateral_usd", collateral_usd),
        debt_usd=finite("debt_usd", debt_usd),
    )
    small = (collateral < SMALL_POSITION_USD) | (debt < SMALL_POSITION_USD)
    share = np.where(small | (health <= CLOSE_FACTOR_HEALTH), 1.0, CLOSE_FACTOR)
    return np.where(health < 1.0, share, 0.0)[()]


def comet_is_liquidatable(
    debt_usd: ArrayLike, collateral: ArrayLike, price_usd: ArrayLike, liquidation_factor: ArrayLike
) -> bool | np.ndarray:
    """Whether a loan on Compound III is liquidated.

    Parameters
    ----------
    debt_usd : float or array
        Of each account, shape (...).
    collateral, price_usd, liquidation_factor : float or array
        Coins, their prices, and the share of the value that counts before liquidation; shape (..., coins), or numbers
        for one coin.

    Returns
    -------
    bool or ndarray of bool
        Shape (...): whether the debt is above what the collateral counts.

    Raises
    ------
    InvalidPositionError
        If a number is not finite, or shapes do not fit together.

    Notes
    -----
    Source: github.com/compound-finance/comet at d5a30b0, isLiquidatable and test/is-liquidatable-test.ts.
    """
    coins, price, factor = fitting(
        collateral=finite("collateral", collateral),
        price_usd=finite("price_usd", price_usd),
        liquidation_factor=finite("liquidation_factor", liquidation_factor),
    )
    counted = coins * price * factor
    debt, counts = fitting(
        debt_usd=finite("debt_usd", debt_usd), accounts=counted.sum(axis=-1) if counted.ndim else counted
    )
    return (debt > counts)[()]


def comet_quote_collateral(
    base_amount: ArrayLike,
    price: ArrayLike,
    store_front_price_factor: ArrayLike,
    liquidation_factor: ArrayLike,
    base_price: ArrayLike = 1.0,
) -> float | np.ndarray:
    """Return the collateral that a buyer gets from Compound III, at its discount, for what it seized.

    Parameters
    ----------
    base_amount : float or array
        Paid, in the base currency.
    price, base_price : float or array
        Of the collateral and of the base currency, USD.
    store_front_price_factor : float or array
        Share of the liquidation penalty that buyers get as a discount.
    liquidation_factor : float or array
        1 less the liquidation penalty.

    Returns
    -------
    float or ndarray of float64
        Coins.

    Raises
    ------
    InvalidPositionError
        If a number is not finite, a price is not positive, or shapes do not fit together.

    Notes
    -----
    Source: github.com/compound-finance/comet at d5a30b0, quoteCollateral and test/quote-collateral-test.ts.
    """
    amount, dollars, share, factor, unit = fitting(
        base_amount=finite("base_amount", base_amount),
        price=positive("price", price),
        store_front_price_factor=finite("store_front_price_factor", store_front_price_factor),
        liquidation_factor=finite("liquidation_factor", liquidation_factor),
        base_price=finite("base_price", base_price),
    )
    return (amount * unit / (dollars * (1.0 - share * (1.0 - factor))))[()]
