"""When a cross account is looked at: its legs' edges lie on wheels, by market and by the way that loses.

Each leg is filed at the price to which its mark must move before its account can be breached (`slack.outlook_of`), a
long's below its mark and a short's above it. When a mark enters the rung of a leg's edge, the account is looked at
anew, at the marks as they then stand: queued for liquidation or filed again. An account with hardly any reach is looked
at in every step (`turns`).
"""

import math

import numpy as np

from cascade.kernels.jit import prefetch, rule
from cascade.kernels.money import mark_quote, quote, ticks_from
from cascade.kernels.slack import good_side, legs_of, outlook_of, reach_of_leg, settle_funding
from cascade.kernels.triggers import direction_of
from cascade.kernels.turns import rung_at, wake, watch
from cascade.state import FALLING, N_CROSS_CHECKS, NO_POSITION, OPEN, QUEUED, RISING, SLOTS, TICKS

AT_ONCE = 32  # accounts, whose memory is asked for together
WORTH_FILING = 1e-4  # a shorter reach is used up within seconds: looking each second is faster [measured]


@rule
def slot_of(market, direction, rung):
    """Return where on a market's wheel a rung is: rungs that are a whole turn apart share a slot."""
    return (2 * market + direction) * SLOTS + (rung & (SLOTS - 1))


@rule
def usd_of_rung(world, market, rung):
    """Return the price at which a rung of a market's wheel begins."""
    tick = (rung << world.cross.rung_shift[market]) + world.contracts.floor_tick[market]
    return tick * world.contracts.tick_usd[market]


@rule
def file_leg(world, j, reach):
    """File leg `j` at the rung in which its mark has used up its reach; return False, and do not, if that is its own.

    An edge off the book is filed nowhere.
    """
    legs, heads, leg = world.cross.legs, world.cross.heads, world.cross.legs[j]
    market, side = np.int64(leg["market"]), np.int64(leg["side"])
    moved = 1.0 - good_side(world, j) * reach_of_leg(world, j, reach)
    edge_usd = quote(world.contracts, market, mark_quote(world, market) * moved)
    tick = np.int64(math.floor(ticks_from(world.contracts, market, edge_usd)))
    if tick < 0 or tick >= TICKS:
        return True
    rung = tick >> world.cross.rung_shift[market]
    if rung == world.cross.cursor[market]:
        return False
    slot = slot_of(market, direction_of(side), rung)
    first = np.int64(heads[slot]) - 1
    leg["rung"], leg["prev"], leg["next"] = rung, NO_POSITION, first
    if first != NO_POSITION:
        legs[first]["prev"] = j
    heads[slot] = j + 1
    return True


@rule
def file_account(world, p, reach):
    """File the legs of account `p`; return whether all lie elsewhere than in their marks' own rungs."""
    is_clear = True
    for j in legs_of(world, p):
        if world.cross.legs[j]["lots"] > 0:
            is_clear &= file_leg(world, j, reach)
    return is_clear


@rule
def unfile_leg(world, j):
    """Take leg `j` out of its list, if it is in one."""
    legs, heads, leg = world.cross.legs, world.cross.heads, world.cross.legs[j]
    if leg["rung"] < 0:
        return
    before, behind = leg["prev"], leg["next"]
    if before != NO_POSITION:
        legs[before]["next"] = behind
    else:
        heads[slot_of(np.int64(leg["market"]), direction_of(leg["side"]), np.int64(leg["rung"]))] = behind + 1
    if behind != NO_POSITION:
        legs[behind]["prev"] = before
    leg["rung"] = -1


@rule
def watch_rung(world, market, direction, rung):
    """Have the accounts looked at whose legs are filed at `rung`."""
    j = np.int64(world.cross.heads[slot_of(market, direction, rung)]) - 1
    while j != NO_POSITION:
        leg = world.cross.legs[j]
        p = np.int64(leg["portfolio"])
        if leg["rung"] == rung and world.cross.portfolios[p]["status"] == OPEN:
            world.cross.portfolios[p]["moved_by"] = market
            watch(world, p)
        j = np.int64(leg["next"])


@rule
def cross_edges(world, market):
    """Have the accounts looked at whose edges lie in rungs that the market's mark has entered since the last step."""
    mark_usd, inside = world.markets[market]["mark_usd"], world.cross.inside
    if inside[2 * market] < mark_usd < inside[2 * market + 1]:
        return
    old, new = world.cross.cursor[market], rung_at(world, market, mark_usd)
    world.cross.cursor[market] = new
    inside[2 * market], inside[2 * market + 1] = usd_of_rung(world, market, new), usd_of_rung(world, market, new + 1)
    for rung in range(new, old):
        watch_rung(world, market, FALLING, rung)
    for rung in range(old + 1, new + 1):
        watch_rung(world, market, RISING, rung)
    wake(world, market)


# ── the look ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def enqueue_portfolio(world, p, step):
    """Put account `p`, which is breached, at the end of its venue's queue."""
    row = world.cross.portfolios[p]
    row["status"], row["trigger_step"] = QUEUED, step
    stand_last(world, world.cross.engines[row["venue"]], p)


@rule
def stand_last(world, engine, p):
    """Put account `p` at the end of a venue's queue."""
    world.cross.portfolios[p]["next"] = NO_POSITION
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
    slack, reach = outlook_of(world, p, step)
    if slack < 0.0:
        enqueue_portfolio(world, p, step)
        return
    if reach > WORTH_FILING and file_account(world, p, reach):
        world.cross.portfolios[p]["status"] = OPEN
    else:
        watch(world, p)


@rule
def look_at_watched(world, step):
    """Look at every account on the list, some at once; who is to be watched on is written to the list's front."""
    watched, n = world.cross.watched, world.cross.n_watched[0]
    world.cross.n_watched[0] = 0
    for first in range(0, n, AT_ONCE):
        last = min(first + AT_ONCE, n)
        for i in range(first, last):
            prefetch(world.cross.portfolios, np.int64(watched[i]))
        for i in range(first, last):
            prefetch(world.cross.legs, np.int64(world.cross.portfolios[watched[i]]["first_leg"]))
        for i in range(first, last):
            prefetch_neighbours(world, np.int64(watched[i]))
        for i in range(first, last):
            look_at(world, np.int64(watched[i]), step)


@rule
def prefetch_neighbours(world, p):
    """Ask for those between whom the legs of account `p` are filed."""
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["rung"] >= 0:
            prefetch(world.cross.legs, np.int64(max(leg["prev"], 0)))
            prefetch(world.cross.legs, np.int64(max(leg["next"], 0)))
