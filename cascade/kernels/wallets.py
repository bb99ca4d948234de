"""Wallets of cross accounts: what the closing of a leg brings and costs, and how an emptied account is settled."""

import numpy as np

from cascade.kernels.accounts import part_of
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over
from cascade.kernels.orders import fill_value, take_at_market
from cascade.kernels.pools import bear_loss, fee_column, mark_value, pool_cash
from cascade.kernels.slack import (
    equity_of,
    good_side,
    home_of,
    legs_of,
    pay,
    purse_of,
    value_at_mark,
)
from cascade.state import (
    ABSORBER,
    ABSORBER_LOTS,
    COLLATERAL,
    CROSS_LOTS,
    EXTERNAL,
    EXTERNAL_LOTS,
    FREE,
    LEDGER_COLUMNS,
    LIQUIDATIONS,
    PAID,
    POOL,
    SELL,
    TO_POOL,
)


@rule
def release_leg(world, p, j, lots, value, payer, taker):
    """Close `lots` of leg `j` for `value` quanta paid by a ledger column; the contracts go to `taker`."""
    row, leg = world.cross.portfolios[p], world.cross.legs[j]
    good, size, cost = good_side(world, j), np.int64(leg["lots"]), leg["cost"]
    if lots < size:
        cost = part_of(cost, lots, size)
    leg["cost"] -= cost
    leg["lots"] -= lots
    row["wallet"] += good * (value - cost)
    purse = purse_of(world, p) * LEDGER_COLUMNS
    world.ledger.cash[purse + PAID] -= good * cost
    world.ledger.cash[purse + payer] -= good * value
    world.ledger.cash[purse + COLLATERAL] += good * (value - cost)
    hand_over(world, np.int64(leg["market"]), CROSS_LOTS, taker, np.int64(leg["side"]) * lots)


@rule
def draw_wallet(world, p, target, quanta):
    """Pay `quanta` from the wallet of account `p` to a ledger column."""
    row = world.cross.portfolios[p]
    row["wallet"] -= quanta
    pay(world, purse_of(world, p), COLLATERAL, target, quanta)


@rule
def charge_clearance(world, p, market, value, event):
    """Take the clearance fee on `value` from account `p`, at most what it has."""
    left, before = max(equity_of(world, p), 0), pool_cash(world, purse_of(world, p))
    fee = min(left, np.int64(value * world.margin.clearance_fee[market]))
    draw_wallet(world, p, fee_column(world, market), fee)
    event["fee"] += fee
    event["pool"] += pool_cash(world, purse_of(world, p)) - before


@rule
def settle_account(world, p, event):
    """Settle account `p`, whose contracts are all closed.

    Coins are sold for a wallet below zero, and the pool pays what is missing still. What is above zero the pool keeps
    where the venue's rule says so; else it is its owner's.
    """
    row, before = world.cross.portfolios[p], pool_cash(world, purse_of(world, p))
    for j in legs_of(world, p):
        if row["wallet"] < 0 and world.cross.legs[j]["lots"] > 0:
            sell_coin(world, p, j, event)
    event["socialised"] += bear_loss(world, home_of(world, p), -row["wallet"])
    if row["wallet"] >= 0:
        if world.rules[home_of(world, p)]["surplus"] == TO_POOL:
            draw_wallet(world, p, POOL, row["wallet"])
        else:
            event["loss"] -= row["wallet"]
    draw_wallet(world, p, FREE, row["wallet"])
    event["pool"] += pool_cash(world, purse_of(world, p)) - before


@rule
def sell_coin(world, p, j, event):
    """Sell coin collateral `j` in its spot book; what that does not take, others buy at its value as collateral."""
    leg = world.cross.legs[j]
    market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
    at_mark = mark_value(world, market, lots)
    event["loss"] += at_mark
    if world.settings.switches[LIQUIDATIONS] == 0:
        release_leg(world, p, j, lots, at_mark, ABSORBER, ABSORBER_LOTS)
        return
    filled = take_at_market(world, market, SELL, lots)
    if filled > 0:
        release_leg(world, p, j, filled, fill_value(world, market, filled), EXTERNAL, EXTERNAL_LOTS)
    if filled < lots:
        release_leg(world, p, j, np.int64(leg["lots"]), value_at_mark(world, j), EXTERNAL, EXTERNAL_LOTS)
