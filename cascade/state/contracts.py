"""Markets as contracts: units, places, margin tables."""

from typing import NamedTuple

import numpy as np

BRACKETS = 128  # rows in a market's table: its brackets (OKX has 99 for BTC), then one row that ends the last
BY_MARK_NOTIONAL, BY_ENTRY_NOTIONAL, BY_SIZE = 0, 1, 2  # what a bracket's bounds measure (bracket_unit)
ON_MARK, ON_ENTRY = 0, 1  # what the maintenance rate multiplies (basis)


class Margin(NamedTuple):
    """Margin rules of all markets, as flat tables."""

    floor: np.ndarray  # float64, shape (markets * BRACKETS,): lower bound of each bracket, in bracket_unit
    rate: np.ndarray  # float64, maintenance margin rate
    amount_usd: np.ndarray  # float64, deducted from notional * rate (cumulative amount);
    # 0 where the rate holds for the whole
    initial_rate: np.ndarray  # float64, initial margin rate: 1 / highest leverage
    n_brackets: np.ndarray  # int64, shape (markets,)
    bracket_unit: np.ndarray  # int64, shape (markets,): BY_MARK_NOTIONAL, BY_ENTRY_NOTIONAL or BY_SIZE
    basis: np.ndarray  # int64, shape (markets,): ON_MARK or ON_ENTRY
    trigger_fee: np.ndarray  # float64, shape (markets,): taker fee inside the trigger, of the closing notional;
    # 0 for none
    clearance_fee: np.ndarray  # float64, shape (markets,): fee of a liquidation, of notional,
    # at most what is left of the margin
    taker_fee: np.ndarray  # float64, shape (markets,)


class Contracts(NamedTuple):
    """Units and place of every market.

    An inverse contract is a linear one in which the coin is money and the dollar the good. So margin rules know one
    kind of contract only, in which a `size` of goods is worth size * quote in money; see `kernels.money`.
    """

    coin: np.ndarray  # int64, shape (markets,)
    venue: np.ndarray  # int64, shape (markets,)
    purse: np.ndarray  # int64, shape (markets,): row of the ledger in which the market settles, one currency each
    is_perpetual: np.ndarray  # int64, shape (markets,): 1, or 0 for spot
    payoff: np.ndarray  # int64, shape (markets,): +1 linear, -1 inverse: what the side of the good is worth in money
    tick_usd: np.ndarray  # float64, shape (markets,)
    lot_base: np.ndarray  # float64, shape (markets,): coins in a lot; of an inverse contract, at the opening price
    lot_size: np.ndarray  # float64, shape (markets,): goods in a lot: coins, or USD of an inverse contract
    quanta: np.ndarray  # int64, shape (markets,): quanta (1e-6 USD) in one lot times one tick, exact; 0 if inverse
    lot_quanta: np.ndarray  # float64, shape (markets,): quanta (1e-8 coin) in one inverse lot, times the price in ticks
    quantum: np.ndarray  # float64, shape (markets,): quanta in one unit of money: 1e6 in a USD, 1e8 in a coin
    floor_tick: np.ndarray  # int64, shape (markets,): price in ticks of the book's tick 0
    # (a book holds TICKS prices from there)
