"""The ledger at the start: what accounts, pools and all others hold."""

import numpy as np

from cascade.errors import InvalidConfigError
from cascade.kernels.recount import count_portfolios, count_positions
from cascade.scenario import Scenario
from cascade.state import EXTERNAL_LOTS, HOLDERS, LEDGER_COLUMNS, PAID, POOL, Accounts, Contracts, Cross, Ledger

MOST_QUANTA = 1e18  # in one pool: leaves room below 9.2e18, where int64 ends


def make_ledger(scenario: Scenario, contracts: Contracts, accounts: Accounts, cross: Cross) -> Ledger:
    """Return the ledger at the start: what open positions and cross accounts hold, and the pools; all else from zero.

    Whoever trades without leverage holds the other side: of coins that serve as collateral, which have come out of the
    spot books, and of accounts that are given; those that are drawn hold as many longs as shorts.
    """
    cash = np.zeros((contracts.purse.max() + 1, LEDGER_COLUMNS), np.int64)
    lots = np.zeros((len(contracts.coin), HOLDERS), np.int64)
    add_positions(accounts.rows[: accounts.opening[0]], contracts, cash, lots)
    count_portfolios(cross, contracts, cash.reshape(-1), lots.reshape(-1), 1)
    lots[:, EXTERNAL_LOTS] -= lots.sum(axis=1)
    cash[:, POOL] += pools(scenario, contracts)
    signs = np.ones(LEDGER_COLUMNS, np.int64)
    signs[PAID] = -1
    return Ledger(cash=cash.ravel(), lots=lots.ravel(), start=(cash * signs).sum(axis=1), broken=np.zeros(2, np.int64))


def pools(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return the insurance pool of every purse in quanta; a venue's is split evenly among its inverse contracts."""
    held = np.zeros(contracts.purse.max() + 1, np.int64)
    for market, (coin, venue) in enumerate(zip(contracts.coin, contracts.venue, strict=True)):
        insurance = scenario.venues[venue].insurance
        pool_usd = insurance.pool_usd if insurance else 0.0
        if contracts.payoff[market] < 0:
            pool_usd /= len(scenario.coins) * scenario.open_usd[coin]
        held[contracts.purse[market]] = _quanta_of_pool(
            pool_usd * contracts.quantum[market], scenario.venues[venue].name
        )
    return held


def _quanta_of_pool(quanta: float, venue: str) -> int:
    """Return a pool in quanta, if the ledger has room for it."""
    if not quanta <= MOST_QUANTA:
        raise InvalidConfigError(
            f"{venue}: insurance.pool_usd comes to {quanta:.3g} quanta of the ledger, above "
            f"{MOST_QUANTA:.0e}, the most that it counts; lower it"
        )
    return round(quanta)


def add_positions(rows: np.ndarray, contracts: Contracts, cash: np.ndarray, lots: np.ndarray) -> None:
    """Add what open positions hold to running totals."""
    count_positions(rows, contracts, cash.reshape(-1), lots.reshape(-1), 1)
