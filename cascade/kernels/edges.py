"""When a cross account is looked at: a ladder of its legs' edges, and a list of those whose turn it is.

Each leg is filed at the price to which its mark must move before its account can be breached (`slack.outlook_of`), a
long's below its mark and a short's above it. When a mark crosses the edge of any leg, the account is looked at anew, at
the marks as they then stand: queued for liquidation or filed again. An account with hardly any reach is looked at in
every step; so is every account in the first one.
"""

import math

import numpy as np

from cascade.kernels.jit import prefetch, rule
from cascade.kernels.money import mark_quote, quote, ticks_from
from cascade.kernels.slack import (
    good_side,
    legs_of,
    mark_ticks,
    outlook_of,
    reach_of_leg,
    settle_funding,
)
from cascade.kernels.triggers import direction_of
from cascade.state import FALLING, N_CROSS_CHECKS, NO_POSITION, OPEN, QUEUED, RISING, SLOTS, TICKS, WATCHED

AHEAD = 8  # accounts on the list, whose memory is asked for
WORTH_FILING = 1e-4  # a shorter reach is used up within seconds: looking each second is faster [measured]


@rule
def slot_of(market, direction, rung):
    """Return where on a market's wheel a rung is: rungs that are a whole turn apart share a slot."""
    return (2 * market + direction) * SLOTS + (rung & (SLOTS - 1))


@rule
def file_leg(world, j, reach):
    """File leg `j` at the tick in which its mark has used up its reach; off the book, nowhere."""
    legs, heads, leg = world.cross.legs, world.cross.heads, world.cross.legs[j]
    market, side = np.int64(leg["market"]), np.int64(leg["side"])
    moved = 1.0 - good_side(world, j) * reach_of_leg(world, j, reach)
    edge_usd = quote(world.contracts, market, mark_quote(world, market) * moved)
    tick = np.int64(math.floor(ticks_from(world.contracts, market, edge_usd)))
    if tick < 0 or tick >= TICKS:
        return
    rung = tick >> world.cross.rung_shift[market]
    slot = slot_of(market, direction_of(side), rung)
    first = np.int64(heads[slot]) - 1
    leg["rung"], leg["prev"], leg["next"] = rung, NO_POSITION, first
    if first != NO_POSITION:
        legs[first]["prev"] = j
    heads[slot] = j + 1


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
def watch(world, p):
    """Have account `p` looked at next time."""
    row = world.cross.portfolios[p]
    row["status"], row["next"] = WATCHED, world.cross.watched[0]
    world.cross.watched[0] = p


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
    """Have the accounts looked at whose edges the market's mark has reached since the last step.

    Those whose edge lies in the mark's own rung are looked at in every step.
    """
    tick = np.int64(math.floor(mark_ticks(world, market))) - world.contracts.floor_tick[market]
    new = min(max(tick, 0), TICKS - 2) >> world.cross.rung_shift[market]
    old = world.cross.cursor[market]
    world.cross.cursor[market] = new
    for rung in range(new, max(old, new) + 1):
        watch_rung(world, market, FALLING, rung)
    for rung in range(min(old, new), new + 1):
        watch_rung(world, market, RISING, rung)


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
    if reach <= WORTH_FILING:
        watch(world, p)
        return
    world.cross.portfolios[p]["status"] = OPEN
    for j in legs_of(world, p):
        if world.cross.legs[j]["lots"] > 0:
            file_leg(world, j, reach)


@rule
def look_at_watched(world, step):
    """Look at every account on the list; ask for the memory of those that follow."""
    p = world.cross.watched[0]
    world.cross.watched[0] = NO_POSITION
    far = p
    for _ in range(AHEAD):
        far = prefetch_next(world, far)
    near = p
    for _ in range(AHEAD // 2):
        near = prefetch_neighbours(world, near)
    while p != NO_POSITION:
        behind = following(world, p)
        far = prefetch_next(world, far)
        near = prefetch_neighbours(world, near)
        look_at(world, p, step)
        p = behind


@rule
def following(world, p):
    """Return who is behind account `p` on the list."""
    return np.int64(world.cross.portfolios[p]["next"])


@rule
def prefetch_next(world, p):
    """Ask for the legs of account `p`, if it is one; return who is behind it."""
    if p == NO_POSITION:
        return p
    prefetch(world.cross.legs, np.int64(world.cross.portfolios[p]["first_leg"]))
    return following(world, p)


@rule
def prefetch_neighbours(world, p):
    """Ask for those between whom the legs of account `p` are filed, if it is one; return who is behind it."""
    if p == NO_POSITION:
        return p
    for j in legs_of(world, p):
        leg = world.cross.legs[j]
        if leg["rung"] >= 0:
            prefetch(world.cross.legs, np.int64(max(leg["prev"], 0)))
            prefetch(world.cross.legs, np.int64(max(leg["next"], 0)))
    return following(world, p)
