"""Which leg of a breached cross account is closed first, and how much of it in one order, by the rule of its venue."""

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.margin import bracket_of, bracketed
from cascade.kernels.money import size_of
from cascade.kernels.slack import (
    entry_of,
    legs_of,
    mark_quote,
    profit_at_mark,
    required_of_leg,
    value_at_mark,
)
from cascade.state import BRACKETS, BY_BRACKET, BY_FRACTION, LARGEST_LOSS, LARGEST_NOTIONAL, NO_POSITION, WHOLE


@rule
def worst_leg(world, p):
    """Return the leg of account `p` that its venue closes first."""
    order = world.cross.engines[world.cross.portfolios[p]["venue"]]["order"]
    worst, most = NO_POSITION, 0.0
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["is_coin"] == 1 or leg["lots"] == 0:
            continue
        if order == LARGEST_LOSS:
            badness = -np.float64(profit_at_mark(world, j))
        elif order == LARGEST_NOTIONAL:
            badness = np.float64(value_at_mark(world, j))
        else:
            badness = required_of_leg(world, j)
        if worst == NO_POSITION or badness > most:
            worst, most = j, badness
    return worst


@rule
def lots_of_leg(world, p, j, slack, step):
    """Return how many lots of leg `j` one order closes; where a part would be nothing, all of them."""
    leg = world.cross.legs[j]
    part, lots = world.rules[leg["market"]]["part"], np.int64(leg["lots"])
    if part == WHOLE:
        return lots
    if part == BY_BRACKET:
        closed = lots_above_bracket(world, j)
    elif part == BY_FRACTION:
        closed = lots_of_fraction(world, p, j, step)
    else:
        closed = lots_to_comply(world, j, slack)
    return closed if 0 < closed < lots else lots


@rule
def lots_above_bracket(world, j):
    """Return the lots of leg `j` above the bracket some way below its own; 0, where there is none so far below."""
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    size, entry, mark = size_of(world.contracts, market, lots), entry_of(world, j), mark_quote(world, market)
    measure = bracketed(world.margin, market, size, entry, mark)
    k = bracket_of(world.margin, market, measure) - world.rules[market]["brackets_down"]
    if k < 0:
        return np.int64(0)
    return lots - np.int64(world.margin.floor[market * BRACKETS + k + 1] / measure * lots)


@rule
def lots_of_fraction(world, p, j, step):
    """Return a share of a large leg; 0 of a small one, or of an account that had an order just before."""
    leg, last = world.cross.legs[j], world.cross.portfolios[p]["last_order"]
    market = np.int64(leg["market"])
    terms = world.rules[market]
    notional = size_of(world.contracts, market, leg["lots"])  # an inverse contract's goods are USD
    if world.contracts.payoff[market] > 0:
        notional *= world.markets[market]["mark_usd"]
    if notional <= terms["above_usd"] or (last > 0 and step + 1 - last <= terms["pause"]):
        return np.int64(0)
    return np.int64(terms["fraction"] * leg["lots"])


@rule
def lots_to_comply(world, j, slack):
    """Return the lots of leg `j` that have to be closed at the mark for its account to meet its requirement.

    Each frees its share of the leg's requirement and costs the clearance fee; 0, where all of them are not enough.
    """
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    fee = world.margin.clearance_fee[market] * value_at_mark(world, j)
    freed = (required_of_leg(world, j) - fee) / lots
    return np.int64(-slack / freed) + 1 if -slack < freed * lots else np.int64(0)
