"""Legs of a breached cross account as its venue sees them: which is closed first, how much of it, at which price."""

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.margin import bankruptcy_price
from cascade.kernels.money import mark_quote, quote, size_of
from cascade.kernels.parts import Held
from cascade.kernels.slack import (
    entry_of,
    equity_of,
    good_side,
    legs_of,
    profit_at_mark,
    required_of_leg,
    slack_of,
    value_at_mark,
)
from cascade.state import LARGEST_LOSS, LARGEST_NOTIONAL, NO_POSITION


@rule
def has_no_contracts(world, p):
    """Whether all contracts of account `p` are closed."""
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["is_coin"] == 0 and leg["lots"] > 0:
            return False
    return True


@rule
def worst_leg(world, p):
    """Return the leg of account `p` that its venue closes first; coin collateral where it has no contracts."""
    order = world.cross.engines[world.cross.portfolios[p]["venue"]]["order"]
    worst, most = NO_POSITION, 0.0
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["lots"] == 0:
            continue
        if leg["is_coin"] == 1:
            badness = -np.inf
        elif order == LARGEST_LOSS:
            badness = -np.float64(profit_at_mark(world, j))
        elif order == LARGEST_NOTIONAL:
            badness = np.float64(value_at_mark(world, j))
        else:
            badness = required_of_leg(world, j)
        if worst == NO_POSITION or badness > most:
            worst, most = j, badness
    return worst


@rule
def held_in_leg(world, p, j):
    """Return leg `j` as its venue's rules of parts see it: with the equity that the other legs leave."""
    market, lots = np.int64(world.cross.legs[j]["market"]), np.int64(world.cross.legs[j]["lots"])
    equity = (slack_of(world, p) + required_of_leg(world, j)) / world.contracts.quantum[market]
    return Held(market, lots, entry_of(world, j), equity, False, np.int64(world.cross.last_part[p]))


@rule
def is_backstopped(world, p, j):
    """Whether the pool takes legs of account `p` over at once: its equity is below a share of its requirement."""
    share = world.rules[world.cross.legs[j]["market"]]["backstop"]
    equity = np.float64(equity_of(world, p))
    return share > 0.0 and equity < share * (equity - slack_of(world, p))


@rule
def bankruptcy_of_leg(world, j, equity):
    """Return the price, USD, of leg `j` at which its account has nothing left, its other legs at their marks."""
    market, contracts = np.int64(world.cross.legs[j]["market"]), world.contracts
    size, left = size_of(contracts, market, world.cross.legs[j]["lots"]), equity / contracts.quantum[market]
    ruin = bankruptcy_price(good_side(world, j), size, mark_quote(world, market), left)
    return quote(contracts, market, ruin)
