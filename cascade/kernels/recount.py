"""Counting what positions hold: the ledger's totals at the start, and a recount against the running ones."""

import numpy as np

from cascade.kernels.jit import kernel
from cascade.kernels.money import stance
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


@kernel
def count_portfolios(cross, contracts, cash, lots, sign):
    """Add (`sign` 1) or subtract (-1) what cross accounts hold to or from cash by purse and lots by market."""
    for p in range(len(cross.portfolios)):
        row = cross.portfolios[p]
        cash[row["venue"] * LEDGER_COLUMNS + COLLATERAL] += sign * row["wallet"]
    for j in range(len(cross.legs)):
        leg = cross.legs[j]
        market = np.int64(leg["market"])
        cash[cross.portfolios[leg["portfolio"]]["venue"] * LEDGER_COLUMNS + PAID] += sign * leg["side"] * leg["cost"]
        lots[HOLDERS * market + CROSS_LOTS] += sign * leg["side"] * leg["lots"]


@kernel
def count_unsettled(cross, funding, cash):
    """Add the funding that was charged and not yet taken from wallets of cross accounts, by purse."""
    for j in range(len(cross.legs)):
        leg = cross.legs[j]
        row = cross.portfolios[leg["portfolio"]]
        for hour in range(np.int64(row["settled"]), len(funding)):
            due = leg["side"] * leg["lots"] * funding[hour, leg["market"]]
            cash[row["venue"] * LEDGER_COLUMNS + ACCRUED] += due


def recount(world) -> int:
    """Return how many running totals of collateral, cost, unsettled funding or contracts differ from their sums."""
    cash, lots = world.ledger.cash.copy(), world.ledger.lots.copy()
    count_positions(world.accounts.rows, world.contracts, cash, lots, -1)
    count_portfolios(world.cross, world.contracts, cash, lots, -1)
    count_unsettled(world.cross, world.records.funding, cash)
    held = cash.reshape(-1, LEDGER_COLUMNS)[:, [COLLATERAL, PAID, ACCRUED]]
    return int((held != 0).sum() + (lots.reshape(-1, HOLDERS)[:, [ACCOUNTS_LOTS, CROSS_LOTS]] != 0).sum())
