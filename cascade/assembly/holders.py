"""Who holds what when the day starts: isolated positions, drawn or given, and cross accounts."""

from dataclasses import dataclass

import numpy as np

from cascade.assembly.contracts import make_contracts
from cascade.assembly.given import given_rows
from cascade.assembly.population import draw_population
from cascade.assembly.portfolios import make_cross
from cascade.assembly.sleepers import paces
from cascade.errors import InvalidConfigError
from cascade.memory import empty_ladder
from cascade.scenario import Scenario
from cascade.state import Accounts, Contracts, Cross, Ladder, Margin
from cascade.venues import margin_tables


@dataclass(frozen=True)
class Population:
    """The accounts of a scenario and a seed, drawn once: worlds that differ only in other things start from a copy."""

    scenario: Scenario
    seed: int
    accounts: Accounts
    ladder: Ladder
    cross: Cross
    drawn: dict

    def copy_for(self, scenario: Scenario, seed: int) -> tuple[Accounts, Ladder, Cross, dict]:
        """Return a copy of all that a day changes; refuses a scenario or seed that has other accounts."""
        if seed != self.seed or not has_same_accounts(scenario, self.scenario):
            raise InvalidConfigError(
                f"the accounts given are of {self.scenario.name!r}, seed {self.seed}, not of {scenario.name!r}, "
                f"seed {seed}; draw them with draw_accounts(scenario, seed)"
            )
        last_part = np.zeros(len(self.accounts.rows), np.int32)
        accounts = self.accounts._replace(rows=self.accounts.rows.copy(), last_part=last_part)
        ladder = Ladder(*(array.copy() for array in self.ladder))
        return accounts, ladder, Cross(*(array.copy() for array in self.cross)), self.drawn


def has_same_accounts(one: Scenario, other: Scenario) -> bool:
    """Whether two scenarios draw the same accounts from the same seed."""
    parts = ("coins", "venues", "open_usd", "seconds", "assumptions")
    if any(getattr(one, name) != getattr(other, name) for name in parts):
        return False
    if one.priors.funding != other.priors.funding or not np.array_equal(paces(one), paces(other)):
        return False  # where cross accounts sleep hangs on both
    return _is_same(one.accounts, other.accounts) and _is_same(one.pre_day_usd, other.pre_day_usd)


def _is_same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether two arrays are equal, or none is given."""
    return one is other if one is None or other is None else np.array_equal(one, other)


def draw_accounts(scenario: Scenario, seed: int) -> Population:
    """Return the accounts of a scenario and seed, to build several worlds from."""
    contracts = make_contracts(scenario)
    margin = margin_tables(scenario.venues, scenario.coins)
    return Population(scenario, seed, *make_holders(scenario, contracts, margin, seed))


def make_holders(
    scenario: Scenario, contracts: Contracts, margin: Margin, seed: int
) -> tuple[Accounts, Ladder, Cross, dict]:
    """Return isolated positions with their ladders, cross accounts, and what was drawn."""
    cross, held_lots, drawn_cross = make_cross(scenario, contracts, margin, seed)
    accounts, ladder, drawn = make_accounts(scenario, contracts, margin, seed, held_lots)
    accounts = accounts._replace(last_part=np.zeros(len(accounts.rows), np.int32))
    return accounts, ladder, cross, drawn | drawn_cross


def make_accounts(
    scenario: Scenario, contracts: Contracts, margin: Margin, seed: int, held_lots: np.ndarray
) -> tuple[Accounts, Ladder, dict]:
    """Return positions and ladders, empty ones in a world without leverage, and what was drawn."""
    if scenario.assumptions is not None and scenario.pre_day_usd is not None:
        return draw_population(
            scenario.assumptions, contracts, margin, scenario.pre_day_usd, seed, scenario.seconds, 1.0, held_lots
        )
    rows = given_rows(scenario.accounts, contracts)
    accounts = Accounts(
        rows=rows,
        opening=np.full(scenario.seconds + 1, len(rows)),
        closing=np.full(scenario.seconds, -1, np.int32),
        isolated=np.append([0, len(rows)], np.zeros(2 * len(contracts.coin) - 2, np.int64)),
    )
    return accounts, empty_ladder(len(contracts.coin)), {"positions": len(rows)}
