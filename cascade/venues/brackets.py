"""Brackets of a contract, and the contract on one coin: frozen types, and what makes them impossible."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from cascade.reading import Line, Strict, flaw
from cascade.state import BRACKETS
from cascade.units import Fraction

LEAST, MOST = 1e-12, 1e9  # of a tick, a lot or a contract, whose numbers are int64
BracketUnit = Literal["mark_notional", "entry_notional", "contracts"]


class Bracket(Strict):
    """One row of a venue's table: positions above `floor` and up to `cap`, in the table's unit.

    The unit is that of `BracketUnit`: a notional is in USD at linear contracts and in coin at inverse ones.
    """

    floor: float = Field(ge=0)
    cap: float = Field(gt=0)
    maintenance_rate: Fraction = Field(gt=0, lt=1)
    max_leverage: float = Field(ge=1)
    amount_usd: float | None = Field(default=None, ge=0)  # cumulative, as published: checked, never read
    amount_coin: float | None = Field(default=None, ge=0)  # the same at an inverse contract

    @property
    def amount(self) -> float | None:
        """Published cumulative amount in the money the contract settles in."""
        return self.amount_coin if self.amount_usd is None else self.amount_usd

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        if self.cap <= self.floor:
            raise flaw(
                f"must be above the floor {self.floor:.15g}, got {self.cap:.15g}; swap or correct the two", "cap"
            )
        if self.maintenance_rate * self.max_leverage >= 1:
            raise flaw(
                f"{self.maintenance_rate:g} is not below the initial margin rate {1 / self.max_leverage:g} of "
                f"max_leverage {self.max_leverage:g}: a position would be liquidated as it opens; lower one of them",
                "maintenance_rate",
            )
        return self


class Coin(Strict):
    """A contract on one coin, or its spot market."""

    tick_usd: float = Field(ge=LEAST, le=MOST)
    lot_base: float = Field(default=0.0, ge=0, le=MOST)  # coins in a lot; not at inverse contracts
    contract_usd: float = Field(default=0.0, ge=0, le=MOST)  # USD in an inverse contract, which is a lot
    contract_base: float = Field(default=1.0, ge=LEAST, le=MOST)  # coins in a contract, where brackets count contracts
    clearance_fee: Fraction | None = Field(default=None, ge=0, lt=1)  # where it differs from the venue's
    bracket_unit: BracketUnit | None = None  # where it differs from the venue's
    stand_in: Line | None = None  # venue whose brackets stand in, above the own ones if there are any
    stand_in_price_usd: float | None = Field(default=None, gt=0)  # turns their USD into coins, or the reverse
    source: Line
    date: Line
    brackets: tuple[Bracket, ...] = Field(default=(), max_length=BRACKETS - 1)

    @model_validator(mode="after")
    def _lots_can_be_told(self) -> Self:
        for key in ("lot_base", "contract_usd"):
            if 0 < getattr(self, key) < LEAST:
                raise flaw(f"must be 0 or at least {LEAST:g}, got {getattr(self, key):g}; take larger lots", key)
        return self

    @model_validator(mode="after")
    def _brackets_join(self) -> Self:
        if self.brackets and self.brackets[0].floor != 0:
            raise flaw(f"must be 0, got {self.brackets[0].floor:.15g}; begin with the smallest", "brackets", 0, "floor")
        for k, (below, row) in enumerate(pairwise(self.brackets), start=1):
            if row.floor != below.cap:
                raise flaw(
                    f"must be {below.cap:.15g}, the cap of the bracket before, got {row.floor:.15g}; leave no gap or "
                    "overlap",
                    *("brackets", k, "floor"),
                )
            if row.max_leverage >= below.max_leverage:
                raise flaw(
                    f"must be below {below.max_leverage:g}, that of the bracket before, got {row.max_leverage:g}; "
                    "larger positions are allowed less",
                    *("brackets", k, "max_leverage"),
                )
            if row.maintenance_rate < below.maintenance_rate:
                raise flaw(
                    f"must be at least {below.maintenance_rate:g}, that of the bracket before, got "
                    f"{row.maintenance_rate:g}; larger positions need more",
                    *("brackets", k, "maintenance_rate"),
                )
        return self


def cumulative_amounts(brackets: tuple[Bracket, ...]) -> list[float]:
    """Return the amounts, in the money of settlement, that make rate * notional - amount continuous."""
    amounts, rate = [0.0], brackets[0].maintenance_rate
    for row in brackets[1:]:
        amounts.append(amounts[-1] + row.floor * (row.maintenance_rate - rate))
        rate = row.maintenance_rate
    return amounts
