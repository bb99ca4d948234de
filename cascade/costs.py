"""Whom a day's liquidations cost what, and how far cross margin carried them from coin to coin. Definitions alone."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.frames import PAYERS
from cascade.state import CROSS_GROUP

if TYPE_CHECKING:
    from cascade.result import Result


def describe(result: "Result") -> dict[str, float]:
    """Return who bore the losses of bankrupt positions, USD, and shares of the liquidated value; nan of nothing.

    `paid_by_accounts_usd`, `_pools_`, `_winners_`, `_socialised_`: `Result.losses` over all venues. `pools_change_usd`:
    by how much pools are worth more at the end, by `Result.pools`.
    `deleveraged_share`: what winners were closed against. `cross_share`: legs of cross accounts. `contagion_share`:
    those of them whose account was breached by the move of another coin. `liquidations`, `taken_over`: how many there
    were, and how many of them pools took over, in whole or in part; `taken_over_usd`: what of them, at the mark.
    """
    paid = dict(result.losses.group_by("payer").sum().select("payer", "usd").iter_rows())
    tape, usd = result.tape, result.tape_notional_usd
    worth = result.pools.group_by("time", maintain_order=True).sum().get_column("pool_usd")
    total_usd, left = float(usd.sum()), tape["taken_over_lots"]

    def share(part_usd: float) -> float:
        return float(part_usd / total_usd) if total_usd > 0 else np.nan

    return {f"paid_by_{payer}_usd": float(paid.get(payer, 0.0)) for payer in PAYERS} | {
        "pools_change_usd": float(worth[-1] - worth[0]) if len(worth) else 0.0,
        "deleveraged_share": share(float(result.deleveragings["notional_usd"].sum())),
        "cross_share": share(usd[tape["group"] == CROSS_GROUP].sum()),
        "contagion_share": share(usd[came_from_another_coin(result)].sum()),
        "liquidations": len(tape),
        "taken_over": int(np.count_nonzero(left)),
        "taken_over_usd": float(np.sum(usd * left / np.maximum(tape["lots"], 1))),
    }


def came_from_another_coin(result: "Result") -> np.ndarray:
    """Return which liquidations are of cross accounts that the move of another coin's market breached."""
    coin, by = (result.tape[name].astype(np.int64) // len(result.venues) for name in ("market", "moved_by"))
    return (result.tape["group"] == CROSS_GROUP) & (coin != by)
