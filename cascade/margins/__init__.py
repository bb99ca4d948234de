"""Margin rules of venues, for people: what an account must hold, when it is taken, and what that costs whom.

Every function takes a venue's name (or a `Venue`, or the path of a file of one's own) and a coin; those of isolated
positions take arrays of either; and numbers or arrays of numbers, which broadcast. Arrays in, arrays out. The rules are
those of `cascade.kernels`, which the simulation applies to its accounts, and of the files in `cascade/venues`, which
carry the sources. Chains that settle in integers have modules of their own: `dydx`, `drift`; loans are in `lending`.
"""

from cascade.margins import drift, dydx, lending
from cascade.margins.cross import (
    AccountState,
    account_state,
    collateral_value,
    cross_bankruptcy_price,
    cross_liquidation_price,
)
from cascade.margins.isolated import (
    bankruptcy_price,
    initial_margin,
    liquidation_price,
    maintenance_margin,
    max_leverage,
    max_notional,
)
from cascade.margins.ranking import (
    deleveraging_ranking,
    deleveraging_score,
    is_deleveraging,
    loss_beyond_fall,
    pool_fall,
)
from cascade.margins.settlement import Settlement, clearance_fee, pool_flow

__all__ = [
    "AccountState",
    "Settlement",
    "account_state",
    "bankruptcy_price",
    "clearance_fee",
    "collateral_value",
    "cross_bankruptcy_price",
    "cross_liquidation_price",
    "deleveraging_ranking",
    "deleveraging_score",
    "drift",
    "dydx",
    "initial_margin",
    "is_deleveraging",
    "lending",
    "liquidation_price",
    "loss_beyond_fall",
    "maintenance_margin",
    "max_leverage",
    "max_notional",
    "pool_fall",
    "pool_flow",
]
