"""Whose turn it is: cross accounts that are looked at in the next step, and those that sleep from the day's start.

An account that was never looked at lies in a bed, by a bound of its reach that was drawn with it: bed b is not due
before some market has moved by b / BEDS of a whole move, at its coin's pace, from the day's first price.
"""

import math

import numpy as np

from cascade.kernels.jit import prefetch, rule
from cascade.kernels.money import ticks_from
from cascade.state import BEDS, SLEEPING, TICKS, WATCHED

AHEAD = 32  # accounts, whose memory is asked for


@rule
def rung_at(world, market, usd):
    """Return the rung of a market's wheel that holds a price; off the book, the book's last."""
    tick = np.int64(math.floor(ticks_from(world.contracts, market, usd)))
    return min(max(tick, 0), TICKS - 2) >> world.cross.rung_shift[market]


@rule
def watch(world, p):
    """Have account `p`, which is not on the list, looked at next time."""
    n = world.cross.n_watched[0]
    world.cross.portfolios[p]["status"], world.cross.watched[n] = WATCHED, p
    world.cross.n_watched[0] = n + 1


@rule
def wake(world, market):
    """Have the sleepers looked at whose beds are due, now that a market's mark has entered another rung."""
    while is_due(world, market):
        sleepers, bed = world.cross.sleepers, world.cross.woken[0]
        for i in range(world.cross.beds[bed], world.cross.beds[bed + 1]):
            prefetch(world.cross.portfolios, np.int64(sleepers[min(i + AHEAD, len(sleepers) - 1)]))
            p = np.int64(sleepers[i])
            if world.cross.portfolios[p]["status"] == SLEEPING:
                watch(world, p)
        world.cross.woken[0] = bed + 1
        set_alarms(world, (bed + 1) / BEDS)


@rule
def is_due(world, market):
    """Whether a market's mark has reached the rung in which the next bed is due."""
    rung, alarms = world.cross.cursor[market], world.cross.alarms
    is_reached = rung <= alarms[2 * market] or rung >= alarms[2 * market + 1]
    return is_reached and world.cross.woken[0] < BEDS


@rule
def set_alarms(world, move):
    """Set the alarms to a move of every market at its pace: of its price or of 1 / price, whichever is nearer."""
    for market in range(len(world.markets)):
        opening, factor = world.cross.opening_usd[market], 1.0 + move * world.cross.pace[market]
        world.cross.alarms[2 * market] = rung_at(world, market, opening / factor)
        world.cross.alarms[2 * market + 1] = rung_at(world, market, opening * factor)
