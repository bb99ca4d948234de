"""How much of a breached position one order closes, by the rule of its venue."""

import numpy as np

from cascade.kernels.accounts import collateral_of, entry_quote
from cascade.kernels.jit import rule
from cascade.kernels.margin import bracket_of, bracketed, equity_usd, maintenance_usd
from cascade.kernels.money import quote, size_of, stance
from cascade.state import BRACKETS, BY_BRACKET, BY_FRACTION, TO_ACCOUNT, WHOLE


@rule
def lots_of_order(world, i, step):
    """Return how many lots of position `i` one order closes; where a part would be nothing, all of them."""
    row = world.accounts.rows[i]
    part, size = world.rules[row["market"]]["part"], np.int64(row["lots"])
    if part == WHOLE:
        return size
    if part == BY_BRACKET:
        kept = kept_by_bracket(world, i)
    elif part == BY_FRACTION:
        kept = kept_by_fraction(world, i, step)
    else:
        kept = kept_in_compliance(world, i)
    return size - kept if kept < size else size


@rule
def mark_quote(world, market):
    """Return the market's mark as a quote."""
    return quote(world.contracts, market, world.markets[market]["mark_usd"])


@rule
def equity_of(world, i):
    """Return the equity of position `i` at the mark, in money of its purse."""
    row = world.accounts.rows[i]
    market = np.int64(row["market"])
    side, size = stance(world.contracts, market, np.int64(row["side"])), size_of(world.contracts, market, row["lots"])
    return equity_usd(side, size, entry_quote(world, i), collateral_of(world, i), mark_quote(world, market))


@rule
def is_backstopped(world, i):
    """Whether the pool takes position `i` over at once: its equity is below a share of its maintenance margin."""
    row = world.accounts.rows[i]
    market = np.int64(row["market"])
    share = world.rules[market]["backstop"]
    if share <= 0.0:
        return False
    size = size_of(world.contracts, market, row["lots"])
    required = maintenance_usd(world.margin, market, size, entry_quote(world, i), mark_quote(world, market))
    return equity_of(world, i) < share * required


# ── by bracket ───────────────────────────────────────────────────────────────────────────────────────────────
@rule
def measure_of(world, i, lots):
    """Return what brackets measure of `lots` of position `i`."""
    market = np.int64(world.accounts.rows[i]["market"])
    size = size_of(world.contracts, market, lots)
    return bracketed(world.margin, market, size, entry_quote(world, i), mark_quote(world, market))


@rule
def lots_within(world, i, bound):
    """Return the most lots of position `i` that brackets measure as no more than `bound`."""
    lots = np.int64(bound / measure_of(world, i, 1))
    return lots - 1 if measure_of(world, i, lots) > bound else lots


@rule
def kept_by_bracket(world, i):
    """Return the lots that fill the bracket some way below; nothing, where there is none so far below."""
    row = world.accounts.rows[i]
    market = np.int64(row["market"])
    k = bracket_of(world.margin, market, measure_of(world, i, np.int64(row["lots"])))
    k -= world.rules[market]["brackets_down"]
    return lots_within(world, i, world.margin.floor[market * BRACKETS + k + 1]) if k >= 0 else np.int64(0)


# ── by fraction ──────────────────────────────────────────────────────────────────────────────────────────────
@rule
def kept_by_fraction(world, i, step):
    """Return what a share leaves of a large position; nothing of a small one, or of one breached again at once."""
    row = world.accounts.rows[i]
    market, size, last = np.int64(row["market"]), np.int64(row["lots"]), world.accounts.last_part[i]
    terms = world.rules[market]
    notional = size_of(world.contracts, market, size)  # an inverse contract's goods are USD
    if world.contracts.payoff[market] > 0:
        notional *= world.markets[market]["mark_usd"]
    if notional <= terms["above_usd"] or (last > 0 and step + 1 - last <= terms["pause"]):
        return np.int64(0)
    return size - np.int64(terms["fraction"] * size)


# ── down to compliance ───────────────────────────────────────────────────────────────────────────────────────
@rule
def kept_in_compliance(world, i):
    """Return the most lots of position `i` that meet their requirement once the others are closed at the mark.

    Within a bracket equity and requirement are linear in the lots kept: from the present one down, each is asked for
    the most that comply in it.
    """
    row = world.accounts.rows[i]
    market, high = np.int64(row["market"]), np.int64(row["lots"]) - 1
    k = bracket_of(world.margin, market, measure_of(world, i, np.int64(row["lots"])))
    while k >= 0 and high > 0:
        low = max(lots_within(world, i, world.margin.floor[market * BRACKETS + k]) + 1, 1)
        kept = most_compliant(world, i, low, high) if low <= high else np.int64(0)
        if kept > 0:
            return kept
        high = min(high, low - 1)
        k -= 1
    return np.int64(0)


@rule
def most_compliant(world, i, low, high):
    """Return the most lots from `low` to `high`, all of one bracket, that comply; 0 for none."""
    if complies(world, i, high):
        return high
    if not complies(world, i, low):
        return np.int64(0)
    while high - low > 1:
        middle = (low + high) // 2
        if complies(world, i, middle):
            low = middle
        else:
            high = middle
    return low


@rule
def complies(world, i, kept):
    """Whether `kept` lots of position `i` meet their requirement once the others are closed at the mark.

    Closing costs the whole clearance fee. Where the surplus goes to the pool, a part of the equity goes with it.
    """
    row = world.accounts.rows[i]
    market, lots = np.int64(row["market"]), np.int64(row["lots"])
    mark, size = mark_quote(world, market), size_of(world.contracts, market, kept)
    equity = equity_of(world, i)
    if world.rules[market]["surplus"] == TO_ACCOUNT:
        closed = size_of(world.contracts, market, lots - kept)
        equity -= world.margin.clearance_fee[market] * closed * mark
    else:
        equity *= kept / lots
    required = maintenance_usd(world.margin, market, size, entry_quote(world, i), mark)
    return equity >= required + world.margin.trigger_fee[market] * size * mark
