"""Isolated margin on linear contracts: brackets, requirement, trigger, liquidation and bankruptcy price.

Every rule takes the tables of all markets and one position as plain numbers: `side` +1 long or -1 short, size in
coins, prices and collateral in USD. The trigger is `is_underwater`, an inequality at the mark. `liquidation_price`
solves it, and is only a sort key.

Row `market * BRACKETS + k` describes bracket k, which holds what is above `floor[k]` and up to `floor[k + 1]`; the
row behind the last bracket carries the bound above which no position may be opened.
"""

import numpy as np

from cascade.kernels.jit import kernel, rule
from cascade.state import BRACKETS, BY_MARK_NOTIONAL, BY_SIZE, ON_ENTRY

LIQUIDATION_PRICE, BANKRUPTCY_PRICE, MAINTENANCE, INITIAL, IS_UNDERWATER = 0, 1, 2, 3, 4  # what `evaluate` returns
HIGHEST_LEVERAGE, HIGHEST_NOTIONAL, HIGHEST_LEVERAGE_OF_COLLATERAL = 5, 6, 7
SLACK = 1.0 + 1e-6  # leverage is kept as float32
ROUNDED = 1.0 - 1e-12  # a notional on a bound stays below it after division and multiplication by a price

CLAIM = np.dtype(  # one position, as `evaluate` reads it; fields that nothing asks for are 0
    [
        ("market", np.int64),
        ("side", np.int64),
        ("size_base", np.float64),
        ("entry_usd", np.float64),
        ("collateral_usd", np.float64),
        ("leverage", np.float64),
        ("notional_usd", np.float64),
        ("mark_usd", np.float64),
    ]
)


# ── brackets ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def bracketed(margin, market, size_base, entry_usd, mark_usd):
    """Return what the market's brackets measure of a position: coins, or USD at the mark or at entry."""
    unit = margin.bracket_unit[market]
    if unit == BY_SIZE:
        return size_base
    return size_base * (mark_usd if unit == BY_MARK_NOTIONAL else entry_usd)


@rule
def bracket_of(margin, market, measure):
    """Return the bracket that holds `measure`; the last one for anything above it."""
    first, k = market * BRACKETS, 0
    while k + 1 < margin.n_brackets[market] and margin.floor[first + k + 1] < measure:
        k += 1
    return k


@rule
def highest_leverage(margin, market, size_base, entry_usd):
    """Return the highest leverage at which a position may be opened; 0 where it is too large for any."""
    measure = ROUNDED * bracketed(margin, market, size_base, entry_usd, entry_usd)
    row = market * BRACKETS + bracket_of(margin, market, measure)
    return 1.0 / margin.initial_rate[row] if measure <= margin.floor[row + 1] else 0.0


@rule
def highest_notional(margin, market, leverage, entry_usd):
    """Return the largest notional, USD, that may be opened with `leverage`; 0 where no bracket allows it."""
    first, k = market * BRACKETS, 0
    while k < margin.n_brackets[market] and leverage * margin.initial_rate[first + k] <= SLACK:
        k += 1
    bound = margin.floor[first + k] if k > 0 else 0.0
    return bound * entry_usd if margin.bracket_unit[market] == BY_SIZE else bound


@rule
def highest_leverage_of_collateral(margin, market, collateral_usd, entry_usd):
    """Return the highest leverage that collateral of this size, USD, can be opened with."""
    first, best = market * BRACKETS, 0.0
    per_unit_usd = entry_usd if margin.bracket_unit[market] == BY_SIZE else 1.0
    for k in range(margin.n_brackets[market]):
        filled = margin.floor[first + k + 1] * per_unit_usd / collateral_usd
        best = max(best, min(1.0 / margin.initial_rate[first + k], filled))
    return best


# ── what a position has, and what it must have ───────────────────────────────────────────────────────────────
@rule
def equity_usd(side, size_base, entry_usd, collateral_usd, mark_usd):
    """Return collateral and unrealised profit, USD."""
    return collateral_usd + side * size_base * (mark_usd - entry_usd)


@rule
def initial_usd(margin, market, size_base, entry_usd):
    """Return the least collateral, USD, with which a position may be opened; inf where it is too large."""
    leverage = highest_leverage(margin, market, size_base, entry_usd)
    return size_base * entry_usd / leverage if leverage > 0.0 else np.inf


@rule
def maintenance_usd(margin, market, size_base, entry_usd, mark_usd):
    """Return the maintenance margin, USD, without any fee."""
    row = market * BRACKETS + bracket_of(margin, market, bracketed(margin, market, size_base, entry_usd, mark_usd))
    price_usd = entry_usd if margin.basis[market] == ON_ENTRY else mark_usd
    return size_base * price_usd * margin.rate[row] - margin.amount_usd[row]


@rule
def is_underwater(margin, market, side, size_base, entry_usd, collateral_usd, mark_usd):
    """Whether equity is below the maintenance margin and the fee that the venue counts in its trigger."""
    required_usd = maintenance_usd(margin, market, size_base, entry_usd, mark_usd)
    required_usd += margin.trigger_fee[market] * size_base * mark_usd
    return equity_usd(side, size_base, entry_usd, collateral_usd, mark_usd) < required_usd


# ── prices ───────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def bankruptcy_price(side, size_base, entry_usd, collateral_usd):
    """Return the price, USD, at which the collateral is exactly lost; 0 for a long with leverage up to 1."""
    return max(0.0, entry_usd - side * collateral_usd / size_base)


@rule
def price_in_bracket(margin, row, market, side, size_base, entry_usd, collateral_usd):
    """Return the price, USD, at which equity meets the requirement of one bracket; it may lie outside of it."""
    rate, on_entry = margin.rate[row], margin.basis[market] == ON_ENTRY
    slope = side - margin.trigger_fee[market] - (0.0 if on_entry else rate)
    lost_usd = (side + (rate if on_entry else 0.0)) * entry_usd
    return (lost_usd - (collateral_usd + margin.amount_usd[row]) / size_base) / slope


@rule
def liquidation_price(margin, market, side, size_base, entry_usd, collateral_usd):
    """Return the first price, USD, on the way from entry to ruin past which `is_underwater` holds; 0 for none.

    Where brackets measure notional at the mark, the position passes from bracket to bracket on that way: a long
    downwards, a short upwards, and a short is liquidated on the edge if the next bracket asks for more than it has.
    """
    first = market * BRACKETS
    k = bracket_of(margin, market, bracketed(margin, market, size_base, entry_usd, entry_usd))
    price = price_in_bracket(margin, first + k, market, side, size_base, entry_usd, collateral_usd)
    moves = margin.bracket_unit[market] == BY_MARK_NOTIONAL
    while moves and side > 0 and k > 0 and price * size_base <= margin.floor[first + k]:
        k -= 1
        price = price_in_bracket(margin, first + k, market, side, size_base, entry_usd, collateral_usd)
    while moves and side < 0 and k + 1 < margin.n_brackets[market] and price * size_base > margin.floor[first + k + 1]:
        k += 1
        price = price_in_bracket(margin, first + k, market, side, size_base, entry_usd, collateral_usd)
        price = max(price, margin.floor[first + k] / size_base)
    return max(0.0, price)


# ── the entry for Python ─────────────────────────────────────────────────────────────────────────────────────
@rule
def quantity_of(margin, quantity, claim):
    """Return one quantity of one position; see the names at the top."""
    market, side, size_base = claim["market"], claim["side"], claim["size_base"]
    entry_usd, collateral_usd, mark_usd = claim["entry_usd"], claim["collateral_usd"], claim["mark_usd"]
    if quantity == LIQUIDATION_PRICE:
        return liquidation_price(margin, market, side, size_base, entry_usd, collateral_usd)
    if quantity == BANKRUPTCY_PRICE:
        return bankruptcy_price(side, size_base, entry_usd, collateral_usd)
    if quantity == MAINTENANCE:
        return maintenance_usd(margin, market, size_base, entry_usd, mark_usd)
    if quantity == INITIAL:
        return initial_usd(margin, market, size_base, entry_usd)
    if quantity == IS_UNDERWATER:
        return 1.0 if is_underwater(margin, market, side, size_base, entry_usd, collateral_usd, mark_usd) else 0.0
    if quantity == HIGHEST_LEVERAGE:
        return highest_leverage(margin, market, size_base, entry_usd)
    if quantity == HIGHEST_NOTIONAL:
        return highest_notional(margin, market, claim["leverage"], entry_usd)
    return highest_leverage_of_collateral(margin, market, collateral_usd, entry_usd)


@kernel
def evaluate(margin, quantity, claims, out):
    """Write one quantity of every claim to `out`, float64."""
    for i in range(len(claims)):
        out[i] = quantity_of(margin, quantity, claims[i])
