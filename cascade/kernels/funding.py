"""Funding: what longs pay to shorts, or shorts to longs, at the hours of their venue.

A payment is one whole number of quanta for each lot, so that payer and receiver book the same. Whoever holds
contracts pays for the sum of them in one booking. Accounts pay from their wallets, or from the margin of the position
where the venue says so: then each position is visited, and its triggers move. Cross accounts are settled when they are
next looked at, from `records.funding`.
"""

import math

import numpy as np

from cascade.kernels.accounts import file_ahead
from cascade.kernels.jit import rule
from cascade.kernels.ledger import move
from cascade.kernels.money import value_of
from cascade.kernels.stops import set_triggers
from cascade.kernels.triggers import unfile
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    ACCOUNTS_LOTS,
    ACCRUED,
    CLOSED,
    COLLATERAL,
    CROSS_LOTS,
    EXTERNAL,
    FREE,
    FROM_MARGIN,
    HOLDERS,
    LIQUIDATED,
    OPEN,
    PENDING,
    POOL,
    POOL_LOTS,
)

SECONDS_PER_HOUR = 3600


@rule
def pay_funding(world, step):
    """Pay what is due at the end of this step, in all markets."""
    from_margins = False
    for market in range(len(world.markets)):
        state = world.markets[market]
        state["funding_due"] = 0
        every = state["funding_every"]
        if every > 0 and (step + 1) % every == 0:
            state["funding_due"] = charge(world, market, step // SECONDS_PER_HOUR)
            from_margins |= state["funding_from"] == FROM_MARGIN and state["funding_due"] != 0
    if from_margins:
        charge_margins(world)


@rule
def charge(world, market, hour):
    """Book a market's payment between the holders of its contracts; return the quanta that a long lot pays."""
    state = world.markets[market]
    ticks = state["mark_usd"] / world.contracts.tick_usd[market]
    lot = np.float64(value_of(world.contracts, market, 1, ticks))
    per_lot = np.int64(math.floor(state["funding_rate"] * lot + 0.5))
    world.records.funding[hour, market] += per_lot
    lots = world.ledger.lots
    first = HOLDERS * market
    move(world, market, FREE, EXTERNAL, per_lot * lots[first + ACCOUNTS_LOTS])
    move(world, market, ACCRUED, EXTERNAL, per_lot * lots[first + CROSS_LOTS])
    move(world, market, POOL, EXTERNAL, per_lot * lots[first + POOL_LOTS])
    move(world, market, ABSORBER, EXTERNAL, per_lot * lots[first + ABSORBER_LOTS])
    return per_lot


@rule
def charge_margins(world):
    """Take the payment out of the margin of isolated positions whose venue does so; the remainder's is in wallets."""
    blocks = world.accounts.isolated
    for market in range(len(world.markets)):
        for i in range(blocks[2 * market], blocks[2 * market + 1]):
            charge_margin(world, i)
    for i in range(world.accounts.opening[0], len(world.accounts.rows)):
        charge_margin(world, i)


@rule
def charge_margin(world, i):
    """Take the payment of position `i` out of its margin rather than its wallet, and move its triggers."""
    row = world.accounts.rows[i]
    state, status = world.markets[row["market"]], row["status"]
    if state["funding_due"] == 0 or state["funding_from"] != FROM_MARGIN:
        return
    if status == PENDING or status == CLOSED or status == LIQUIDATED:
        return
    due = row["side"] * row["lots"] * state["funding_due"]
    row["margin"] -= due
    move(world, np.int64(row["market"]), COLLATERAL, FREE, due)
    if status == OPEN:
        unfile(world.accounts, world.ladder, i)
        set_triggers(world, i)
        file_ahead(world, i)
