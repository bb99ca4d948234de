"""Cross accounts: what they have, what they must have, and how far marks can move before one can be breached.

An account is breached when its equity, at the marks of all its legs, is below the sum of their requirements. Both are
linear in the quotes (`kernels.money`) between brackets' edges, so a move of every quote by the same fraction x
*against* its leg, or by less, costs at most `weight * x`, with the weight the gross notional and a little more. So no
account can be breached before one of its quotes has moved against its leg by slack / weight: the account's `reach`.
Moves in favour cost nothing. An account whose slack does not cover what may come at once (the next bracket's rate for
the whole position, funding) has no reach.
"""

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.margin import bracket_of, bracketed, maintenance_usd
from cascade.kernels.money import average_quote, mark_quote, size_of, stance, value_of
from cascade.state import (
    ACCRUED,
    BRACKETS,
    COLLATERAL,
    LEDGER_COLUMNS,
    ON_ENTRY,
)

SECONDS_PER_HOUR = 3600
ROUNDING_QUANTA = 16.0  # values of legs are whole quanta, each rounded down
ROUNDING_REACH = 1e-12  # of prices computed from a reach
STEEP = 0.5  # a doubled mark pays for any bracket at up to this rate; beyond it, only the top one is a bound


# ── what an account has ──────────────────────────────────────────────────────────────────────────────────────
@rule
def legs_of(world, p):
    """Return the rows of the legs of account `p`."""
    row = world.cross.portfolios[p]
    first = np.int64(row["first_leg"])
    return range(first, first + np.int64(row["n_legs"]))


@rule
def home_of(world, p):
    """Return the market of the first contract of account `p`: its purse is the account's, and so is its money."""
    return np.int64(world.cross.legs[world.cross.portfolios[p]["first_leg"]]["market"])


@rule
def purse_of(world, p):
    """Return the row of the ledger in which account `p` holds its wallet."""
    return world.contracts.purse[home_of(world, p)]


@rule
def mark_ticks(world, market):
    """Return a market's mark in ticks, with its fraction."""
    return world.markets[market]["mark_usd"] / world.contracts.tick_usd[market]


@rule
def good_side(world, j):
    """Return the side of the good of leg `j`."""
    leg = world.cross.legs[j]
    return stance(world.contracts, np.int64(leg["market"]), np.int64(leg["side"]))


@rule
def haircut_of(world, j):
    """Return what the venue takes off coin collateral `j`."""
    leg = world.cross.legs[j]
    n_venues = world.settings.layout[1]
    venue = np.int64(world.cross.portfolios[leg["portfolio"]]["venue"])
    return world.cross.haircut[world.contracts.coin[leg["market"]] * n_venues + venue]


@rule
def value_at_mark(world, j):
    """Return the value of leg `j` at its mark in quanta; of coin collateral, less its haircut."""
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    value = value_of(world.contracts, market, lots, mark_ticks(world, market))
    return np.int64((1.0 - haircut_of(world, j)) * value) if leg["is_coin"] == 1 else value


@rule
def profit_at_mark(world, j):
    """Return the unrealised profit of leg `j` in quanta; of coin collateral, its value."""
    return good_side(world, j) * (value_at_mark(world, j) - world.cross.legs[j]["cost"])


@rule
def equity_of(world, p):
    """Return wallet, unrealised profits and collateral of account `p` in quanta."""
    total = world.cross.portfolios[p]["wallet"]
    for j in legs_of(world, p):
        total += profit_at_mark(world, j)
    return total


# ── what it must have ────────────────────────────────────────────────────────────────────────────────────────
@rule
def entry_of(world, j):
    """Return the average entry of leg `j`, as a quote."""
    leg = world.cross.legs[j]
    return average_quote(world.contracts, np.int64(leg["market"]), np.int64(leg["lots"]), leg["cost"])


@rule
def required_of_leg(world, j):
    """Return maintenance margin at the current size and fee in the trigger of leg `j`, in quanta; nothing of a coin."""
    leg = world.cross.legs[j]
    if leg["is_coin"] == 1 or leg["lots"] == 0:
        return 0.0
    market = np.int64(leg["market"])
    size, mark = size_of(world.contracts, market, leg["lots"]), mark_quote(world, market)
    required = maintenance_usd(world.margin, market, size, entry_of(world, j), mark)
    return world.contracts.quantum[market] * (required + world.margin.trigger_fee[market] * size * mark)


@rule
def slack_of(world, p):
    """Return the equity of account `p` less all that it must have, in quanta: below zero, it is breached."""
    required = 0.0
    for j in legs_of(world, p):
        required += required_of_leg(world, j)
    return equity_of(world, p) - required


# ── how far marks can move ───────────────────────────────────────────────────────────────────────────────────
@rule
def bracket_at(world, j, factor):
    """Return the bracket, as a row of the tables, that holds leg `j` at `factor` times its quote."""
    leg = world.cross.legs[j]
    market = np.int64(leg["market"])
    size, mark = size_of(world.contracts, market, leg["lots"]), factor * mark_quote(world, market)
    measure = bracketed(world.margin, market, size, entry_of(world, j), mark)
    return market * BRACKETS + bracket_of(world.margin, market, measure)


@rule
def farthest_bracket(world, j):
    """Return the bracket whose rate bounds what leg `j` meets on the way: a reach is at most the whole price.

    A long gains on the way up. Once its mark has doubled, that pays for any later bracket.
    """
    market = np.int64(world.cross.legs[j]["market"])
    last = market * BRACKETS + world.margin.n_brackets[market] - 1
    return last if world.margin.rate[last] > STEEP else bracket_at(world, j, 2.0)


@rule
def jump_of(world, j):
    """Return by how much the requirement of leg `j` can rise at brackets' edges alone, in quanta; 0 if they join."""
    leg, margin = world.cross.legs[j], world.margin
    if leg["is_coin"] == 1:
        return 0.0
    market, here, there = np.int64(leg["market"]), bracket_at(world, j, 1.0), farthest_bracket(world, j)
    price = entry_of(world, j) if margin.basis[market] == ON_ENTRY else mark_quote(world, market)
    notional = size_of(world.contracts, market, leg["lots"]) * price
    risen = (margin.rate[there] - margin.rate[here]) * notional - (margin.amount_usd[there] - margin.amount_usd[here])
    return world.contracts.quantum[market] * max(risen, 0.0)


@rule
def payments_ahead(world, market, step):
    """Return how often the market may still charge funding before an account that is looked at now has settled it."""
    every, settled = world.markets[market]["funding_every"], (step + 1) // SECONDS_PER_HOUR * SECONDS_PER_HOUR
    return len(world.records.mark) // every - settled // every if every > 0 else 0


@rule
def funding_ahead(world, j, step):
    """Return what funding may still charge leg `j` at today's rate and this mark, in quanta; 0 for who receives it."""
    leg = world.cross.legs[j]
    market = np.int64(leg["market"])
    rate = world.markets[market]["funding_rate"] * leg["side"]
    if leg["is_coin"] == 1 or rate <= 0.0:
        return 0.0
    one = np.float64(value_of(world.contracts, market, 1, mark_ticks(world, market)))
    return payments_ahead(world, market, step) * leg["lots"] * (rate * one + 1.0)


@rule
def slope_of(world, j, row):
    """Return what the requirement of leg `j` moves by with its value in a bracket: rate and fee in the trigger."""
    market = np.int64(world.cross.legs[j]["market"])
    rate = 0.0 if world.margin.basis[market] == ON_ENTRY else world.margin.rate[row]
    return rate + world.margin.trigger_fee[market]


@rule
def weight_of(world, j, step):
    """Return what leg `j` costs its account in quanta for a move of its quote against it by the whole of it."""
    market, value = np.int64(world.cross.legs[j]["market"]), np.float64(value_at_mark(world, j))
    if world.cross.legs[j]["is_coin"] == 1:
        return value
    if good_side(world, j) > 0:
        return value * (1.0 - slope_of(world, j, market * BRACKETS))  # the requirement falls with the quote
    charged = abs(world.markets[market]["funding_rate"]) * payments_ahead(world, market, step)
    return value * (1.0 + slope_of(world, j, bracket_at(world, j, 2.0)) + charged)


@rule
def pace_of(world, j):
    """Return how far the coin of leg `j` moves while the first coin moves by one: legs meet their edges together."""
    return world.cross.pace[world.cross.legs[j]["market"]]


@rule
def outlook_of(world, p, step):
    """Return slack and reach of account `p`: how far quotes can move against their legs, in moves of their pace.

    One pass over its legs for both.
    """
    equity, required, ahead, weight = world.cross.portfolios[p]["wallet"], 0.0, ROUNDING_QUANTA, 1.0
    for j in legs_of(world, p):
        equity += profit_at_mark(world, j)
        required += required_of_leg(world, j)
        if world.cross.legs[j]["lots"] > 0:
            ahead += jump_of(world, j) + funding_ahead(world, j, step)
            weight += pace_of(world, j) * weight_of(world, j, step)
    slack = equity - required
    return slack, (slack - ahead) / weight - ROUNDING_REACH


@rule
def reach_of_leg(world, j, reach):
    """Return by which fraction the quote of leg `j` can move against it: the reach at its pace, at most all."""
    return min(reach * pace_of(world, j), 1.0 - ROUNDING_REACH)


# ── funding ──────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def pay(world, purse, source, target, quanta):
    """Pay `quanta` from one column of a purse to another."""
    world.ledger.cash[purse * LEDGER_COLUMNS + source] -= quanta
    world.ledger.cash[purse * LEDGER_COLUMNS + target] += quanta


@rule
def settle_funding(world, p, step):
    """Take from the wallet of account `p` what funding has charged its legs since it was last looked at."""
    row, due = world.cross.portfolios[p], 0
    now = (step + 1) // SECONDS_PER_HOUR
    for hour in range(np.int64(row["settled"]), now):
        for j in legs_of(world, p):
            leg = world.cross.legs[j]
            due += np.int64(leg["side"]) * leg["lots"] * world.records.funding[hour, leg["market"]]
    row["settled"] = now
    row["wallet"] -= due
    pay(world, purse_of(world, p), COLLATERAL, ACCRUED, due)
