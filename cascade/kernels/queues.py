"""Breached positions: from the ladder into the venue's queue of those to be liquidated; stopped ones beside them."""

import math

import numpy as np

from cascade.kernels.accounts import file_ahead, is_breached
from cascade.kernels.jit import rule
from cascade.kernels.money import ticks_from
from cascade.kernels.triggers import trigger_tick, unfile
from cascade.state import (
    FALLING,
    N_TRIGGER_CHECKS,
    NO_POSITION,
    QUEUED,
    RISING,
    STOPPING,
    STOPS,
    TICKS,
)


@rule
def enqueue(world, i, step):
    """Put position `i` at the end of its market's liquidation queue; its `prev` keeps the step of the breach."""
    row = world.accounts.rows[i]
    market = world.markets[row["market"]]
    row["status"] = QUEUED
    row["prev"] = step
    row["next"] = NO_POSITION
    if market["last_queued"] == NO_POSITION:
        market["first_queued"] = i
    else:
        world.accounts.rows[market["last_queued"]]["next"] = i
    market["last_queued"] = i


@rule
def ticks_of(world, market):
    """Return the mark in ticks of the market's book, with its fraction."""
    return ticks_from(world.contracts, market, world.markets[market]["mark_usd"])


@rule
def is_stopped(world, i):
    """Whether the mark has reached the stop of position `i`."""
    row = world.accounts.rows[i]
    return row["stop_tick"] >= 0 and (row["stop_tick"] - ticks_of(world, np.int64(row["market"]))) * row["side"] >= 0


@rule
def check_position(world, i, step):
    """Look at position `i` at the mark: liquidate it, stop it, or leave it where it is filed."""
    world.counters.n[N_TRIGGER_CHECKS] += 1
    row = world.accounts.rows[i]
    if is_breached(world, i):
        unfile(world.accounts, world.ladder, i)
        enqueue(world, i, step)
    elif is_stopped(world, i):
        unfile(world.accounts, world.ladder, i)
        if world.settings.switches[STOPS] == 0:
            row["stop_tick"] = -1
            file_ahead(world, i)
            return
        row["status"] = STOPPING
        row["next"] = world.markets[row["market"]]["first_stopped"]
        world.markets[row["market"]]["first_stopped"] = i
    elif row["filed_tick"] != trigger_tick(row):
        unfile(world.accounts, world.ladder, i)  # filed at the mark when it opened past its price; the mark came back
        file_ahead(world, i)


@rule
def check_tick(world, market, direction, tick, step):
    """Look at every position filed at `tick`."""
    i = np.int64(world.ladder.heads[(2 * market + direction) * TICKS + tick]) - 1
    while i != NO_POSITION:
        behind = np.int64(world.accounts.rows[i]["next"])
        check_position(world, i, step)
        i = behind


@rule
def fire_ladders(world, market, step):
    """Look at the positions whose ticks the mark has reached since the last step.

    A long is filed at its price rounded up, a short at its price rounded down: at the mark's own tick, and for longs
    one above, a position may not be breached yet, so these are looked at in every step.
    """
    new = min(max(np.int64(math.floor(ticks_of(world, market))), 0), TICKS - 2)
    old = world.markets[market]["cursor"]
    world.markets[market]["cursor"] = new
    for tick in range(max(old, new) + 1, new - 1, -1):
        check_tick(world, market, FALLING, tick, step)
    for tick in range(min(old, new), new + 1):
        check_tick(world, market, RISING, tick, step)
    for tick in range(old, min(old + 2, new)):  # the mark rose from here: longs that opened since, past their price
        check_tick(world, market, FALLING, tick, step)
    if new < old:  # shorts likewise
        check_tick(world, market, RISING, old, step)
