"""Margin, liquidation and deleveraging of dYdX v4, to the integer: quantums, quote quantums and parts per million.

Everything is a Python int, as the chain's `big.Int`. A quote quantum is 1e-6 USDC; what a base quantum is follows from
the perpetual's resolution. Sizes and changes are signed: long positive. Source: github.com/dydxprotocol/v4-chain,
protocol/x/clob/keeper/liquidations.go and deleveraging.go, x/perpetuals/lib and types, x/subaccounts/lib.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from cascade.errors import InvalidPositionError

MILLION, QUOTE_RESOLUTION = 1_000_000, -6


class Tier(NamedTuple):
    """A liquidity tier: margin in parts per million, and the open interest over which the initial margin grows."""

    initial_ppm: int
    maintenance_fraction_ppm: int  # of the initial margin
    lower_cap: int = 0  # quote quantums; 0 with upper_cap 0: it does not grow
    upper_cap: int = 0


class Perpetual(NamedTuple):
    """A market: oracle price `price * 10**exponent` USDC, base quantums of `10**resolution` coins."""

    price: int
    exponent: int
    resolution: int
    tier: Tier
    open_interest: int = 0  # base quantums


class Subaccount(NamedTuple):
    """A cross account: quote balance in quote quantums, and positions in base quantums by perpetual."""

    quote: int
    positions: Mapping[str, int]


class Risk(NamedTuple):
    """Net collateral and the two requirements, quote quantums."""

    collateral: int
    initial: int
    maintenance: int


# ── requirements ─────────────────────────────────────────────────────────────────────────────────────────────
def maintenance_ppm(tier: Tier) -> int:
    """Return the maintenance margin rate in parts per million, rounded down."""
    return tier.initial_ppm * tier.maintenance_fraction_ppm // MILLION


def initial_ppm(tier: Tier, open_notional: int) -> int:
    """Return the initial margin rate in parts per million, rounded down.

    Open interest, quote quantums, raises it to 1, linearly between the tier's caps.
    """
    if tier.upper_cap == 0 or open_notional <= tier.lower_cap:
        return tier.initial_ppm
    passed = min(open_notional, tier.upper_cap) - tier.lower_cap
    growth = passed * (MILLION - tier.initial_ppm) // (tier.upper_cap - tier.lower_cap)
    return min(tier.initial_ppm + growth, MILLION)


def initial_margin(tier: Tier, notional: int, open_notional: int = 0) -> int:
    """Return the initial margin of a notional, quote quantums, rounded up."""
    return _ceil(Fraction(notional * initial_ppm(tier, open_notional), MILLION))


def quote_quantums(market: Perpetual, quantums: int) -> int:
    """Return the value of base quantums at the oracle price, quote quantums, rounded towards 0."""
    power = market.exponent + market.resolution - QUOTE_RESOLUTION
    value = abs(quantums) * market.price
    value = value * 10**power if power >= 0 else value // 10**-power
    return value if quantums >= 0 else -value


def margin_requirements(market: Perpetual, quantums: int) -> tuple[int, int]:
    """Return initial and maintenance margin of a position, quote quantums, both rounded up.

    The maintenance margin is a share of the initial margin before that grows with open interest.
    """
    notional = abs(quote_quantums(market, quantums))
    base = _ceil(Fraction(notional * market.tier.initial_ppm, MILLION))
    maintenance = _ceil(Fraction(base * market.tier.maintenance_fraction_ppm, MILLION))
    return initial_margin(market.tier, notional, quote_quantums(market, market.open_interest)), maintenance


def risk_of(account: Subaccount, markets: Mapping[str, Perpetual]) -> Risk:
    """Return net collateral and requirements of a subaccount."""
    collateral, initial, maintenance = account.quote, 0, 0
    for name, quantums in account.positions.items():
        collateral += quote_quantums(markets[name], quantums)
        requirements = margin_requirements(markets[name], quantums)
        initial, maintenance = initial + requirements[0], maintenance + requirements[1]
    return Risk(collateral, initial, maintenance)


def is_liquidatable(account: Subaccount, markets: Mapping[str, Perpetual]) -> bool:
    """Whether net collateral is below the maintenance margin of the positions."""
    risk = risk_of(account, markets)
    return risk.maintenance > 0 and risk.collateral < risk.maintenance


# ── liquidation ──────────────────────────────────────────────────────────────────────────────────────────────
def bankruptcy_quote(account: Subaccount, markets: Mapping[str, Perpetual], name: str, delta: int) -> int:
    """Return the quote quantums received (-: paid) at the bankruptcy price when a position changes by `delta`.

    Parameters
    ----------
    account : Subaccount
        To be liquidated.
    markets : mapping of str to Perpetual
        Of all its positions.
    name : str
        The position that is closed, in part or whole.
    delta : int
        Its change, base quantums: against the position, and no more than it.

    Returns
    -------
    int
        - (change of notional) - floor(net collateral * released maintenance margin / all maintenance margin).

    Raises
    ------
    InvalidPositionError
        If `delta` is 0, adds to the position, or is larger than it.
    """
    held = _closable(account, name, delta)
    market, risk = markets[name], risk_of(account, markets)
    change = quote_quantums(market, held + delta) - quote_quantums(market, held)
    released = margin_requirements(market, held)[1] - margin_requirements(market, held + delta)[1]
    return -change - risk.collateral * released // risk.maintenance


def fillable_price(
    account: Subaccount,
    markets: Mapping[str, Perpetual],
    name: str,
    delta: int,
    bankruptcy_adjustment_ppm: int = MILLION,
    spread_to_maintenance_ppm: int = 1_500_000,
) -> Fraction:
    """Return the worst price of a liquidation order, quote quantums per base quantum.

    Parameters
    ----------
    account, markets, name, delta
        As in `bankruptcy_quote`.
    bankruptcy_adjustment_ppm, spread_to_maintenance_ppm : int, optional
        How fast the price leaves the oracle's as collateral shrinks, and how far at most, in maintenance margins; by
        default as at genesis.

    Returns
    -------
    Fraction
        (notional - share * spread * maintenance margin) / size; share = adjustment * (1 - collateral / requirement),
        within [0, 1].

    Raises
    ------
    InvalidPositionError
        As in `bankruptcy_quote`.
    """
    held = _closable(account, name, delta)
    risk = risk_of(account, markets)
    share = (1 - Fraction(risk.collateral, risk.maintenance)) * bankruptcy_adjustment_ppm / MILLION
    spread = Fraction(margin_requirements(markets[name], held)[1] * spread_to_maintenance_ppm, MILLION)
    return (quote_quantums(markets[name], held) - min(max(share, Fraction(0)), Fraction(1)) * spread) / held


def liquidatable_notional(notional: int, least: int, portion_ppm: int) -> tuple[int, int]:
    """Return the least and the largest notional of a position that one block may liquidate, quote quantums."""
    low = min(least, abs(notional))
    return low, max(low, abs(notional) * portion_ppm // MILLION)


def insurance_delta(
    account: Subaccount,
    markets: Mapping[str, Perpetual],
    name: str,
    delta: int,
    fill_quote: int,
    max_fee_ppm: int = 15_000,
) -> int:
    """Return what the insurance fund gets (+) or pays (-) when a liquidation order is filled, quote quantums.

    Parameters
    ----------
    account, markets, name, delta
        As in `bankruptcy_quote`.
    fill_quote : int
        Quote quantums received (-: paid) for it; see `fill_quote_quantums`.
    max_fee_ppm : int, optional
        Highest fee, of the value filled; 1.5 % by default, as at genesis.

    Returns
    -------
    int
        What is left above the bankruptcy price, at most the fee; all of what is missing below it.

    Raises
    ------
    InvalidPositionError
        As in `bankruptcy_quote`.
    """
    left = fill_quote - bankruptcy_quote(account, markets, name, delta)
    return left if left <= 0 else min(abs(fill_quote) * max_fee_ppm // MILLION, left)


def fill_quote_quantums(quantums: int, subticks: int, conversion_exponent: int) -> int:
    """Return the quote quantums of a fill of base quantums at a price in subticks, rounded down."""
    value = quantums * subticks
    return value * 10**conversion_exponent if conversion_exponent >= 0 else value // 10**-conversion_exponent


def is_insurance_sufficient(balance: int, delta: int) -> bool:
    """Whether an insurance fund can pay a delta; what it gets it can always take."""
    return delta >= 0 or balance + delta >= 0


# ── deleveraging ─────────────────────────────────────────────────────────────────────────────────────────────
def deleveraging_price(
    account: Subaccount, markets: Mapping[str, Perpetual], is_final_settlement: bool = False
) -> str | None:
    """Return at which price an account may be deleveraged: "bankruptcy", "oracle", or None for not at all."""
    if risk_of(account, markets).collateral < 0:
        return "bankruptcy"
    return "oracle" if is_final_settlement else None


def deleverage(
    liquidated: Subaccount, offsetting: Subaccount, markets: Mapping[str, Perpetual], name: str, delta: int
) -> tuple[Subaccount, Subaccount]:
    """Return both accounts after the position of one is closed against that of the other at its bankruptcy price.

    Parameters
    ----------
    liquidated, offsetting : Subaccount
        Positions on opposite sides.
    markets, name, delta
        As in `bankruptcy_quote`, of the liquidated account.

    Returns
    -------
    Subaccount, Subaccount
        The liquidated account, the offsetting one.

    Raises
    ------
    InvalidPositionError
        If either position cannot change by that, or either account would be riskier than before: their bankruptcy
        prices do not overlap.
    """
    _closable(offsetting, name, -delta)
    quote = bankruptcy_quote(liquidated, markets, name, delta)
    after = _changed(liquidated, name, delta, quote), _changed(offsetting, name, -delta, -quote)
    for before, then in zip((liquidated, offsetting), after, strict=True):
        if not _is_allowed(risk_of(before, markets), risk_of(then, markets)):
            raise InvalidPositionError(
                f"{name}: bankruptcy prices do not overlap at {quote:,} quote quantums for {delta:,}; take another"
            )
    return after


def _is_allowed(before: Risk, after: Risk) -> bool:
    """Whether an account is well collateralised, or no riskier than it was."""
    if after.collateral >= after.initial:
        return True
    if after.maintenance > before.maintenance or after.maintenance == 0:
        return after.maintenance == before.maintenance == 0 and after.collateral > before.collateral
    return after.collateral * before.maintenance >= before.collateral * after.maintenance


def _changed(account: Subaccount, name: str, delta: int, quote: int) -> Subaccount:
    """Return an account after a fill."""
    positions = dict(account.positions)
    positions[name] += delta
    return Subaccount(account.quote + quote, {key: quantums for key, quantums in positions.items() if quantums})


def _closable(account: Subaccount, name: str, delta: int) -> int:
    """Return the size of a position that a change closes, in part or whole."""
    held = account.positions.get(name, 0)
    if delta == 0 or held * delta >= 0 or abs(delta) > abs(held):
        raise InvalidPositionError(
            f"{name}: a position of {held:,} quantums cannot be closed by {delta:,}; give a change of the other sign, "
            "no larger than it"
        )
    return held


def _ceil(value: Fraction) -> int:
    """Return a fraction rounded up."""
    return -(-value.numerator // value.denominator)
