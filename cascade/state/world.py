"""All of a world."""

from typing import NamedTuple

import numpy as np

from cascade.state.accounts import Accounts, Ladder
from cascade.state.book import Book
from cascade.state.contracts import Contracts, Margin
from cascade.state.cross import Cross
from cascade.state.ledger import Counters, Ledger
from cascade.state.liquidity import Liquidity
from cascade.state.records import Records
from cascade.state.rules import Winners
from cascade.state.settings import Settings


class World(NamedTuple):
    """Everything that a compiled day sees."""

    book: Book
    contracts: Contracts
    margin: Margin
    accounts: Accounts
    ladder: Ladder
    coins: np.ndarray  # COIN
    markets: np.ndarray  # MARKET
    liquidity: Liquidity
    settings: Settings
    rules: np.ndarray  # RULE, shape (markets,)
    pools: np.ndarray  # INSURANCE, shape (purses,)
    winners: Winners
    ledger: Ledger
    counters: Counters
    records: Records
    cross: Cross
