"""Cash and contracts by who holds them, and what a run counts."""

from typing import NamedTuple

import numpy as np

(
    FREE,  # wallets of accounts outside positions
    COLLATERAL,  # margin of open positions
    PAID,  # what was paid for the open contracts of accounts (long +, short -)
    EXTERNAL,  # providers and all takers without leverage
    POOL,  # insurance
    CLEARANCE,  # liquidation fees that venues keep
    FEES,  # taker fees
    ABSORBER,  # who closes positions at the mark when liquidation orders are kept out of the book
    ACCRUED,  # funding of cross accounts that is not settled with them yet
    SOCIALISED,  # losses that neither margins nor pools covered
) = range(10)
LEDGER_COLUMNS = 10
ACCOUNTS_LOTS, EXTERNAL_LOTS, POOL_LOTS, ABSORBER_LOTS, CROSS_LOTS = range(5)  # who holds contracts
HOLDERS = 5


class Ledger(NamedTuple):
    """Cash and contracts, as exact integers. Cash is what was paid and received: contracts are held beside it."""

    cash: np.ndarray  # int64, shape (purses * LEDGER_COLUMNS,): quanta (1e-6 USD or 1e-8 coin)
    lots: np.ndarray  # int64, shape (markets * HOLDERS,): net lots by holder
    start: np.ndarray  # int64, shape (purses,): sum that must not change
    broken: np.ndarray  # int64, shape (2,): steps at which cash, contracts did not add up


class Counters(NamedTuple):
    """What the run counts."""

    n: np.ndarray  # int64, shape (24,): by the names below
    fills: np.ndarray  # int64, shape (4,): tally of the taker order or the deleveraging under way
    inverse: np.ndarray  # float64, shape (2,): of its market, lot_quanta (0: linear) and floor_tick


# n
(
    N_POSTS,
    N_EXPIRED,
    N_PULLED,
    N_TAKER_ORDERS,
    N_TRADES,
    N_NOISE,
    N_INFORMED,
    N_ARBITRAGE,
    N_OPENED,
    N_CLOSED,
    N_STOPPED,
    N_LIQUIDATED,
    N_TAPE,
    N_POOL_FULL,
    N_UNFILLED_OPENINGS,
    N_TRIGGER_CHECKS,
    N_PROGRAMME,
    N_OFF_BOOK,
    N_DELEVERAGED,
    N_CROSS_CHECKS,
    N_CROSS_LIQUIDATED,
) = range(21)
# fills
TALLY_NOTIONAL, TALLY_TRADES, TALLY_LAST_TICK = range(3)  # notional in lots * ticks above floor_tick; quanta if inverse
TALLY_DELEVERAGED = 3  # quanta at which winners were closed
