"""Liquidation rules of Drift v2, to the integer, in the units of its program.

Money and prices in 1e-6 USD, contracts in 1e-9 coins, fees and shares in parts per million, margin ratios in 1e-4.
Source: github.com/drift-labs/protocol-v2, programs/drift/src/math/liquidation.rs and its tests at 0ae3e3b.
"""

from cascade.errors import InvalidPositionError

MILLION = 1_000_000
BASE = 1_000_000_000  # contracts in a coin
FUNDING_PER_QUOTE = 1_000  # funding rates count in 1e-9
RATIO_TO_PPM = 100
TINY_SHORTAGE = 50 * MILLION  # below it a position goes whole
GRACE_SLOTS = 1_500
FEE_PER_SLOT = 1  # parts per million


def base_to_cover_shortage(
    shortage: int,
    margin_ratio: int,
    liquidation_fee: int,
    insurance_fee: int,
    oracle_price: int,
    quote_price: int = MILLION,
) -> int | None:
    """Return the contracts whose sale to a liquidator makes up for a margin shortage.

    Parameters
    ----------
    shortage : int
        Requirement less collateral, 1e-6 USD.
    margin_ratio : int
        Maintenance margin ratio, 1e-4.
    liquidation_fee, insurance_fee : int
        To the liquidator and to the insurance fund, parts per million.
    oracle_price, quote_price : int
        Of the coin and of the quote currency, 1e-6 USD.

    Returns
    -------
    int or None
        1e-9 coins, rounded down; None where no size does: the fee eats what closing frees.
    """
    freed = margin_ratio * RATIO_TO_PPM - liquidation_fee
    if oracle_price == 0 or freed <= 0:
        return None
    per_coin = oracle_price * quote_price // MILLION * freed // MILLION - oracle_price * insurance_fee // MILLION
    return shortage * BASE // per_coin if per_coin > 0 else None


def liquidation_fee(base_fee: int, max_fee: int, slots_elapsed: int) -> int:
    """Return the liquidator's fee: it grows with the slots since the user was last active, after a grace period.

    Parameters
    ----------
    base_fee, max_fee : int
        Parts per million.
    slots_elapsed : int
        Slots of about 0.4 s.

    Returns
    -------
    int
        Parts per million.
    """
    if slots_elapsed < GRACE_SLOTS:
        return base_fee
    return min(max_fee, base_fee + slots_elapsed * FEE_PER_SLOT)


def insurance_fee(
    shortage: int,
    base: int,
    margin_ratio: int,
    liquidator_fee: int,
    oracle_price: int,
    max_fee: int,
    quote_price: int = MILLION,
) -> int:
    """Return the insurance fund's fee: 95 % of what the shortage and the liquidator's fee leave of the margin ratio.

    Parameters
    ----------
    shortage, margin_ratio, oracle_price, quote_price
        As in `base_to_cover_shortage`.
    base : int
        Size of the position, 1e-9 coins.
    liquidator_fee, max_fee : int
        Parts per million.

    Returns
    -------
    int
        Parts per million, at most `max_fee`; 0 where nothing is left, or there is no price or position.
    """
    value = base * (oracle_price * quote_price // MILLION) // BASE
    if value <= 0:
        return 0
    left = margin_ratio * RATIO_TO_PPM - liquidator_fee - shortage * MILLION // value
    return max(0, min(max_fee, left * 19 // 20))


def socialised_funding(loss: int, long_base: int, short_base: int) -> int:
    """Return the change of the cumulative funding rate by which all open contracts share a loss.

    Parameters
    ----------
    loss : int
        1e-6 USD.
    long_base, short_base : int
        Open contracts of each side, 1e-9 coins, in either sign.

    Returns
    -------
    int
        1e-9 USD per coin, rounded up to 1e-6: longs pay it, and shorts the same per coin.

    Raises
    ------
    InvalidPositionError
        If nobody holds contracts.
    """
    if long_base == short_base == 0:
        raise InvalidPositionError("no open contracts share the loss: give long_base or short_base")
    per_coin = -(-abs(loss) * BASE // (abs(long_base) + abs(short_base)))
    return per_coin * FUNDING_PER_QUOTE


def share_to_liquidate(shortage: int, slots_elapsed: int, initial_share: int, duration: int, freed: int = 0) -> int:
    """Return the share of a margin shortage that may be freed now: a first part at once, the rest as time passes.

    Parameters
    ----------
    shortage : int
        What is still missing, 1e-6 USD.
    slots_elapsed, duration : int
        Slots since the liquidation began, and those after which all may be freed.
    initial_share : int
        Parts per million.
    freed : int, optional
        Margin freed so far, 1e-6 USD.

    Returns
    -------
    int
        Parts per million; all of a shortage below 50 USD.
    """
    if shortage < TINY_SHORTAGE:
        return MILLION
    share = min(MILLION, slots_elapsed * MILLION // duration + initial_share) if duration else MILLION
    freeable = (shortage + freed) * share // MILLION - freed
    return max(0, freeable) * MILLION // shortage
