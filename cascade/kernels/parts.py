"""How much of a breached position one order closes, by the rule of its venue."""

from typing import NamedTuple

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.margin import ROUNDED, bracket_of, bracketed, maintenance_usd
from cascade.kernels.money import mark_quote, size_of
from cascade.state import BRACKETS, BY_BRACKET, BY_FRACTION, WHOLE


class Held(NamedTuple):
    """What is held in one market: an isolated position, or a leg of a cross account."""

    market: np.int64
    lots: np.int64
    entry: float  # average, as a quote
    equity: float  # money of its purse, at the marks: its own, or what the account's other legs leave of all
    shrinks: bool  # whether equity goes as lots are closed: to the pool
    last_part: np.int64  # step after that of its last part, or 0


@rule
def lots_of_order(world, held, step):
    """Return how many of the lots one order closes; where a part would be nothing, all of them."""
    part, lots = world.rules[held.market]["part"], held.lots
    if part == WHOLE:
        return lots
    if part == BY_BRACKET:
        kept = kept_by_bracket(world, held)
    elif part == BY_FRACTION:
        kept = kept_by_fraction(world, held, step)
    else:
        kept = kept_in_compliance(world, held)
    return lots - kept if kept < lots else lots


@rule
def required_of(world, market, lots, entry):
    """Return the maintenance margin of lots at the mark, without any fee, in money of the purse."""
    size = size_of(world.contracts, market, lots)
    return maintenance_usd(world.margin, market, size, entry, mark_quote(world, market))


# ── by bracket ───────────────────────────────────────────────────────────────────────────────────────────────
@rule
def measure_of(world, market, lots, entry):
    """Return what the market's brackets measure of lots: of what fills a bracket, no more than the bracket holds."""
    size, mark = size_of(world.contracts, market, lots), mark_quote(world, market)
    return ROUNDED * bracketed(world.margin, market, size, entry, mark)


@rule
def lots_within(world, market, entry, bound):
    """Return the most lots that brackets measure as no more than `bound`."""
    lots = np.int64(bound / measure_of(world, market, 1, entry))
    return lots - 1 if measure_of(world, market, lots, entry) > bound else lots


@rule
def kept_by_bracket(world, held):
    """Return the lots that fill the bracket some way below; nothing, where there is none so far below."""
    market, measure = held.market, measure_of(world, held.market, held.lots, held.entry)
    k = bracket_of(world.margin, market, measure) - world.rules[market]["brackets_down"]
    if k < 0:
        return np.int64(0)
    return lots_within(world, market, held.entry, world.margin.floor[market * BRACKETS + k + 1])


# ── by fraction ──────────────────────────────────────────────────────────────────────────────────────────────
@rule
def kept_by_fraction(world, held, step):
    """Return what a share leaves of a large position; nothing of a small one, or of one breached again at once."""
    market, lots = held.market, held.lots
    terms = world.rules[market]
    notional = size_of(world.contracts, market, lots)  # an inverse contract's goods are USD
    if world.contracts.payoff[market] > 0:
        notional *= world.markets[market]["mark_usd"]
    if notional <= terms["above_usd"] or (held.last_part > 0 and step + 1 - held.last_part <= terms["pause"]):
        return np.int64(0)
    return lots - np.int64(terms["fraction"] * lots)


# ── down to compliance ───────────────────────────────────────────────────────────────────────────────────────
@rule
def kept_in_compliance(world, held):
    """Return the most lots that meet their requirement once the others are closed at the mark.

    Within a bracket equity and requirement are linear in the lots kept: from the present one down, each is asked for
    the most that comply in it.
    """
    market, entry, high = held.market, held.entry, held.lots - 1
    k = bracket_of(world.margin, market, measure_of(world, market, held.lots, entry))
    while k >= 0 and high > 0:
        low = max(lots_within(world, market, entry, world.margin.floor[market * BRACKETS + k]) + 1, 1)
        if low <= high:
            kept = most_compliant(world, held, low, high)
            if kept > 0:
                return kept
        high = min(high, low - 1)
        k -= 1
    return np.int64(0)


@rule
def most_compliant(world, held, low, high):
    """Return the most lots from `low` to `high`, all of one bracket, that comply; 0 for none."""
    if complies(world, held, high):
        return high
    if not complies(world, held, low):
        return np.int64(0)
    while high - low > 1:
        middle = (low + high) // 2
        if complies(world, held, middle):
            low = middle
        else:
            high = middle
    return low


@rule
def complies(world, held, kept):
    """Whether `kept` of the lots meet their requirement once the others are closed at the mark.

    Closing costs the whole clearance fee; where the surplus goes to the pool, a part of the equity goes with it.
    """
    market, mark, equity = held.market, mark_quote(world, held.market), held.equity
    if held.shrinks:
        equity *= kept / held.lots
    else:
        equity -= world.margin.clearance_fee[market] * size_of(world.contracts, market, held.lots - kept) * mark
    fee = world.margin.trigger_fee[market] * size_of(world.contracts, market, kept) * mark
    return equity >= required_of(world, market, kept, held.entry) + fee
