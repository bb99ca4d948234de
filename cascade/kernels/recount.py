"""Counting what positions hold: the ledger's totals at the start, and a recount against the running ones."""

import numpy as np

from cascade.kernels.deleveraging import is_winning, profit_of
from cascade.kernels.jit import kernel
from cascade.kernels.money import stance
from cascade.state import ACCOUNTS_LOTS, CLOSED, COLLATERAL, HOLDERS, LEDGER_COLUMNS, LIQUIDATED, PAID, PENDING


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


def recount(world) -> int:
    """Return how many running totals of collateral, cost or contracts differ from the sum over all positions."""
    cash, lots = world.ledger.cash.copy(), world.ledger.lots.copy()
    count_positions(world.accounts.rows, world.contracts, cash, lots, -1)
    held = cash.reshape(-1, LEDGER_COLUMNS)[:, [COLLATERAL, PAID]]
    return int((held != 0).sum() + (lots.reshape(-1, HOLDERS)[:, ACCOUNTS_LOTS] != 0).sum())


def winnings(world, purses) -> np.ndarray:
    """Return the unrealised profit of all positions in profit, in quanta by purse; 0 for purses not asked for."""
    profit = np.zeros(len(purses), np.int64)
    if purses.any():
        add_winnings(world, profit)
    return np.where(purses, profit, 0)


@kernel
def add_winnings(world, profit):
    """Add the unrealised profit of every position in profit to that of its purse."""
    for i in range(len(world.accounts.rows)):
        if is_winning(world, i):
            profit[world.contracts.purse[world.accounts.rows[i]["market"]]] += profit_of(world, i)
