"""Cross accounts between two looks: what they have, what they must have, and how far marks can move before one is due.

An account is breached when its equity, at the marks of all its legs, is below the sum of their requirements. Both are
linear in the marks between brackets' edges, so a move of every mark by the same fraction x *against* its leg, or by
less, costs at most `weight * x`, with the weight the gross notional and a little more. So no account can be breached
before one of its marks has moved against its leg by slack / weight: the account's `reach`. Each leg is filed in a
ladder of its own kind at that edge, a long's below its mark and a short's above it. When a mark crosses the edge of any
leg, the account is looked at anew, at the marks as they then stand. Moves in favour cost nothing.

An account whose slack does not cover what may come at once (the next bracket's rate for the whole position, funding)
has no reach, and is looked at in every step.
"""

import math

import numpy as np

from cascade.kernels.jit import rule
from cascade.kernels.margin import bracket_of, bracketed, maintenance_usd
from cascade.kernels.money import average_quote, size_of, stance, ticks_from, value_of
from cascade.kernels.stops import inner_tick
from cascade.kernels.triggers import direction_of
from cascade.state import (
    ACCRUED,
    BRACKETS,
    COLLATERAL,
    FALLING,
    LEDGER_COLUMNS,
    N_CROSS_CHECKS,
    NO_POSITION,
    ON_ENTRY,
    OPEN,
    QUEUED,
    RISING,
    TICKS,
    WATCHED,
)

QUANTA_PER_USD = 1e6
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
def mark_ticks(world, market):
    """Return a market's mark in ticks, with its fraction."""
    return world.markets[market]["mark_usd"] / world.contracts.tick_usd[market]


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
    leg = world.cross.legs[j]
    return stance(world.contracts, np.int64(leg["market"]), np.int64(leg["side"])) * (
        value_at_mark(world, j) - leg["cost"]
    )


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
    """Return the maintenance margin of leg `j` at its current size, and the fee in the trigger; 0 of a coin. In USD."""
    leg = world.cross.legs[j]
    if leg["is_coin"] == 1 or leg["lots"] == 0:
        return 0.0
    market = np.int64(leg["market"])
    size, mark_usd = size_of(world.contracts, market, leg["lots"]), world.markets[market]["mark_usd"]
    required = maintenance_usd(world.margin, market, size, entry_of(world, j), mark_usd)
    return required + world.margin.trigger_fee[market] * size * mark_usd


@rule
def required_of(world, p):
    """Return the sum of the requirements of account `p`, USD."""
    total = 0.0
    for j in legs_of(world, p):
        total += required_of_leg(world, j)
    return total


@rule
def is_short_of_margin(world, p):
    """Whether the equity of account `p` is below what it must have at the marks."""
    return equity_of(world, p) < QUANTA_PER_USD * required_of(world, p)


# ── how far marks can move ───────────────────────────────────────────────────────────────────────────────────
@rule
def bracket_at(world, j, factor):
    """Return the bracket, as a row of the tables, that holds leg `j` at `factor` times its mark."""
    leg = world.cross.legs[j]
    market = np.int64(leg["market"])
    size, mark_usd = size_of(world.contracts, market, leg["lots"]), factor * world.markets[market]["mark_usd"]
    measure = bracketed(world.margin, market, size, entry_of(world, j), mark_usd)
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
    price = entry_of(world, j) if margin.basis[market] == ON_ENTRY else world.markets[market]["mark_usd"]
    notional = size_of(world.contracts, market, leg["lots"]) * price
    risen = (margin.rate[there] - margin.rate[here]) * notional - (margin.amount_usd[there] - margin.amount_usd[here])
    return QUANTA_PER_USD * max(risen, 0.0)


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
def weight_of(world, j, step):
    """Return what leg `j` costs its account in quanta for a move of its mark against it by its whole price."""
    leg, value = world.cross.legs[j], np.float64(value_at_mark(world, j))
    if leg["side"] > 0:
        return value  # the requirement falls with the mark
    market = np.int64(leg["market"])
    rate = 0.0 if world.margin.basis[market] == ON_ENTRY else world.margin.rate[bracket_at(world, j, 2.0)]
    rate += world.margin.trigger_fee[market]
    rate += abs(world.markets[market]["funding_rate"]) * payments_ahead(world, market, step)
    return value * (1.0 + rate)


@rule
def reach_of(world, p, step):
    """Return the fraction by which marks can move against their legs before account `p` can be breached, at most 1."""
    slack = equity_of(world, p) - QUANTA_PER_USD * required_of(world, p) - ROUNDING_QUANTA
    weight = 1.0
    for j in legs_of(world, p):
        if world.cross.legs[j]["lots"] > 0:
            slack -= jump_of(world, j) + funding_ahead(world, j, step)
            weight += weight_of(world, j, step)
    return min(slack / weight, 1.0) - ROUNDING_REACH


# ── the ladder of edges ──────────────────────────────────────────────────────────────────────────────────────
@rule
def file_leg(world, j, reach):
    """File leg `j` where its mark has moved by `reach` against it: rounded to be met no later. Off the book, nowhere."""
    legs, heads, leg = world.cross.legs, world.cross.heads, world.cross.legs[j]
    market, side = np.int64(leg["market"]), np.int64(leg["side"])
    edge_usd = world.markets[market]["mark_usd"] * (1.0 - side * reach)
    tick = inner_tick(ticks_from(world.contracts, market, edge_usd), side)
    if tick < 0 or tick >= TICKS:
        return
    rung = (2 * market + direction_of(side)) * TICKS + tick
    first = np.int64(heads[rung]) - 1
    leg["filed_tick"], leg["prev"], leg["next"] = tick, NO_POSITION, first
    if first != NO_POSITION:
        legs[first]["prev"] = j
    heads[rung] = j + 1


@rule
def unfile_leg(world, j):
    """Take leg `j` out of its list, if it is in one."""
    legs, heads, leg = world.cross.legs, world.cross.heads, world.cross.legs[j]
    if leg["filed_tick"] < 0:
        return
    before, behind = leg["prev"], leg["next"]
    if before != NO_POSITION:
        legs[before]["next"] = behind
    else:
        rung = 2 * np.int64(leg["market"]) + direction_of(leg["side"])
        heads[rung * TICKS + leg["filed_tick"]] = behind + 1
    if behind != NO_POSITION:
        legs[behind]["prev"] = before
    leg["filed_tick"] = -1


@rule
def watch(world, p):
    """Have account `p` looked at next time."""
    row = world.cross.portfolios[p]
    row["status"], row["next"] = WATCHED, world.cross.watched[0]
    world.cross.watched[0] = p


@rule
def watch_tick(world, market, direction, tick):
    """Have the accounts looked at whose legs are filed at `tick`."""
    j = np.int64(world.cross.heads[(2 * market + direction) * TICKS + tick]) - 1
    while j != NO_POSITION:
        leg = world.cross.legs[j]
        p = np.int64(leg["portfolio"])
        if world.cross.portfolios[p]["status"] == OPEN:
            world.cross.portfolios[p]["moved_by"] = market
            watch(world, p)
        j = np.int64(leg["next"])


@rule
def cross_edges(world, market):
    """Have the accounts looked at whose edges the market's mark has reached since the last step.

    A long's edge is rounded up and a short's down, so those at the mark's own tick are looked at in every step.
    """
    new = np.int64(math.floor(mark_ticks(world, market))) - world.contracts.floor_tick[market]
    new = min(max(new, 0), TICKS - 2)
    old = world.cross.cursor[market]
    world.cross.cursor[market] = new
    for tick in range(new, max(old, new) + 2):
        watch_tick(world, market, FALLING, tick)
    for tick in range(min(old, new), new + 1):
        watch_tick(world, market, RISING, tick)


# ── the look ─────────────────────────────────────────────────────────────────────────────────────────────────
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
    pay(world, np.int64(row["venue"]), COLLATERAL, ACCRUED, due)


@rule
def enqueue_portfolio(world, p, step):
    """Put account `p` at the end of its venue's queue."""
    row = world.cross.portfolios[p]
    engine = world.cross.engines[row["venue"]]
    row["status"], row["trigger_step"], row["next"] = QUEUED, step, NO_POSITION
    if engine["last_queued"] == NO_POSITION:
        engine["first_queued"] = p
    else:
        world.cross.portfolios[engine["last_queued"]]["next"] = p
    engine["last_queued"] = p


@rule
def look_at(world, p, step):
    """Look at account `p` at the marks: queue it for liquidation, file it by its reach, or look again next time."""
    world.counters.n[N_CROSS_CHECKS] += 1
    settle_funding(world, p, step)
    for j in legs_of(world, p):
        unfile_leg(world, j)
    if is_short_of_margin(world, p):
        enqueue_portfolio(world, p, step)
        return
    reach = reach_of(world, p, step)
    if reach <= 0.0:
        watch(world, p)
        return
    world.cross.portfolios[p]["status"] = OPEN
    for j in legs_of(world, p):
        if world.cross.legs[j]["lots"] > 0:
            file_leg(world, j, reach)


@rule
def look_at_watched(world, step):
    """Look at every account on the list."""
    p = world.cross.watched[0]
    world.cross.watched[0] = NO_POSITION
    while p != NO_POSITION:
        behind = np.int64(world.cross.portfolios[p]["next"])
        look_at(world, p, step)
        p = behind
