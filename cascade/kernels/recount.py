"""Counting what positions hold: the ledger's totals at the start, and a recount against the running ones."""

import numpy as np

from cascade.kernels.jit import kernel, rule
from cascade.kernels.money import stance
from cascade.kernels.winners import is_winning, profit_of, segment_of
from cascade.state import (
    ACCOUNTS_LOTS,
    ACCRUED,
    CLOSED,
    COLLATERAL,
    CROSS_LOTS,
    HOLDERS,
    LEDGER_COLUMNS,
    LIQUIDATED,
    PAID,
    PENDING,
)


@kernel
def count_positions(rows, contracts, cash, lots, sign):
    """Add (`sign` 1) or subtract (-1) what open positions hold to or from cash by purse and lots by market."""
    for i in range(len(rows)):
        row = rows[i]
        status = row["status"]
        if status == PENDING or status == CLOSED or status == LIQUIDATED:
            continue
        market = row["market"]
        first = contracts.purse[market] * LEDGER_COLUMNS
        cash[first + COLLATERAL] += sign * row["margin"]
        cash[first + PAID] += sign * stance(contracts, market, np.int64(row["side"])) * row["cost"]
        lots[HOLDERS * market + ACCOUNTS_LOTS] += sign * row["side"] * row["lots"]


@rule
def purse_of(cross, contracts, p):
    """Return the row of the ledger in which cross account `p` holds its wallet, as the start of its columns."""
    return contracts.purse[cross.legs[cross.portfolios[p]["first_leg"]]["market"]] * LEDGER_COLUMNS


@kernel
def count_portfolios(cross, contracts, cash, lots, sign):
    """Add (`sign` 1) or subtract (-1) what cross accounts hold to or from cash by purse and lots by market."""
    for p in range(len(cross.portfolios)):
        cash[purse_of(cross, contracts, p) + COLLATERAL] += sign * cross.portfolios[p]["wallet"]
    for j in range(len(cross.legs)):
        leg = cross.legs[j]
        market, side = np.int64(leg["market"]), np.int64(leg["side"])
        paid = stance(contracts, market, side) * leg["cost"]
        cash[purse_of(cross, contracts, np.int64(leg["portfolio"])) + PAID] += sign * paid
        lots[HOLDERS * market + CROSS_LOTS] += sign * side * leg["lots"]


@kernel
def count_unsettled(cross, contracts, funding, cash):
    """Add what funding has charged and not yet taken from the wallets of cross accounts, by purse."""
    for j in range(len(cross.legs)):
        leg, p = cross.legs[j], np.int64(cross.legs[j]["portfolio"])
        for hour in range(np.int64(cross.portfolios[p]["settled"]), len(funding)):
            due = np.int64(leg["side"]) * leg["lots"] * funding[hour, leg["market"]]
            cash[purse_of(cross, contracts, p) + ACCRUED] += due


def recount(world) -> int:
    """Return how many running totals of collateral, cost, unsettled funding or contracts differ from their sums."""
    cash, lots = world.ledger.cash.copy(), world.ledger.lots.copy()
    count_positions(world.accounts.rows, world.contracts, cash, lots, -1)
    count_portfolios(world.cross, world.contracts, cash, lots, -1)
    count_unsettled(world.cross, world.contracts, world.records.funding, cash)
    held = cash.reshape(-1, LEDGER_COLUMNS)[:, [COLLATERAL, PAID, ACCRUED]]
    return int((held != 0).sum() + (lots.reshape(-1, HOLDERS)[:, [ACCOUNTS_LOTS, CROSS_LOTS]] != 0).sum())


def winnings(world, purses) -> np.ndarray:
    """Return the unrealised profit of all who are in profit, in quanta by purse; 0 for purses not asked for."""
    profit = np.zeros(len(purses), np.int64)
    if purses.any():
        add_winnings(world, profit)
    return np.where(purses, profit, 0)


@kernel
def add_winnings(world, profit):
    """Add the unrealised profit of every contract in profit, isolated or a leg, to that of its purse."""
    for i in range(len(world.accounts.rows) + len(world.cross.legs)):
        market = segment_of(world, i) // 2
        if world.contracts.is_perpetual[market] and is_winning(world, i):
            profit[world.contracts.purse[market]] += profit_of(world, i)
