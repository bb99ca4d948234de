"""The frozen type of a venue: its contract terms as data, and what makes them impossible."""

from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from cascade.errors import UnknownCoinError, did_you_mean
from cascade.reading import Strict, flaw
from cascade.state import BRACKETS
from cascade.units import Fraction, Seconds

BracketUnit = Literal["mark_notional", "entry_notional", "contracts"]
AMOUNT_TOLERANCE_USD = 0.01  # venues publish cumulative amounts to the cent


class Bracket(Strict):
    """One row of a venue's table: positions above `floor` and up to `cap`, in the table's unit (USD or contracts)."""

    floor: float = Field(ge=0)
    cap: float = Field(gt=0)
    maintenance_rate: Fraction = Field(gt=0, lt=1)
    max_leverage: float = Field(ge=1)
    amount_usd: float | None = Field(default=None, ge=0)  # as published: checked, never read

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        if self.cap <= self.floor:
            raise flaw(f"must be above the floor {self.floor:g}, got {self.cap:g}; swap or correct the two", "cap")
        if self.maintenance_rate * self.max_leverage >= 1:
            raise flaw(
                f"{self.maintenance_rate:g} is not below the initial margin rate {1 / self.max_leverage:g} of "
                f"max_leverage {self.max_leverage:g}: a position would be liquidated as it opens; lower one of them",
                "maintenance_rate",
            )
        return self


class Coin(Strict):
    """A contract on one coin, or its spot market."""

    tick_usd: float = Field(gt=0)
    lot_base: float = Field(gt=0)  # coins
    contract_base: float = Field(default=1.0, gt=0)  # coins in a contract
    clearance_fee: Fraction | None = Field(default=None, ge=0, lt=1)  # where it differs from the venue's
    bracket_unit: BracketUnit | None = None  # where it differs from the venue's
    stand_in: str | None = None  # venue whose brackets stand in, above the own ones if there are any
    stand_in_price_usd: float | None = Field(default=None, gt=0)  # turns their USD into contracts
    source: str = Field(min_length=1)
    date: str = Field(min_length=1)
    brackets: tuple[Bracket, ...] = Field(default=(), max_length=BRACKETS - 1)

    @model_validator(mode="after")
    def _brackets_join(self) -> Self:
        if self.brackets and self.brackets[0].floor != 0:
            raise flaw(f"must be 0, got {self.brackets[0].floor:g}; begin with the smallest", "brackets", 0, "floor")
        for k, (below, row) in enumerate(pairwise(self.brackets), start=1):
            if row.floor != below.cap:
                raise flaw(
                    f"must be {below.cap:g}, the cap of the bracket before, got {row.floor:g}; leave no gap or overlap",
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


class MarginRules(Strict):
    """How the venue measures a position and what it must hold."""

    bracket_unit: BracketUnit
    deduction: Literal["cumulative", "whole"]  # rate * notional - amount, or one rate for the whole position
    basis: Literal["mark", "entry"]  # the price in the maintenance margin's notional
    fee_in_trigger: bool  # whether the taker fee of closing at the mark is added to the maintenance margin
    source: str = Field(min_length=1)


class Fees(Strict):
    """Fractions of notional."""

    taker: Fraction = Field(ge=0, lt=1)
    clearance: Fraction = Field(default=0.0, ge=0, lt=1)  # of a liquidation, at most what is left of the margin


class MarkRule(Strict):
    """How the venue marks positions."""

    rule: Literal["median", "index_plus_basis", "last", "index"]  # median: of index with funding, with basis, and last
    basis_window_s: Seconds = Field(default=0.0, ge=0)  # over which the basis is averaged


class LiquidationRule(Strict):
    """How the venue's engine liquidates."""

    rule: Literal["whole", "compliance"]  # the whole position in one order, or as little as meets the requirement again
    order: Literal["bankruptcy", "market"] = "bankruptcy"  # IOC limit at the bankruptcy price, or at any price
    orders_per_s: float = Field(gt=0)  # in one contract
    published_per_s: float = Field(ge=0)  # in its public feed, of one contract; 0 for all


class Insurance(Strict):
    """The pool that bears what bankrupt positions owe."""

    pool_usd: float = Field(ge=0)


class Venue(Strict):
    """A venue: contract terms, and brackets by coin."""

    name: str = Field(min_length=1)
    title: str
    contract: Literal["linear", "spot"]
    fees: Fees
    margin: MarginRules | None = None
    mark: MarkRule | None = None
    liquidation: LiquidationRule | None = None
    insurance: Insurance | None = None
    coins: dict[str, Coin] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for key in ("margin", "mark", "liquidation", "insurance"):
            if self.contract == "spot" and getattr(self, key) is not None:
                raise flaw("has no place in a spot venue, which has no leverage; remove it", key)
            if self.contract != "spot" and getattr(self, key) is None:
                raise flaw(f"is missing; a {self.contract} venue needs [{key}]", key)
        for name, coin in self.coins.items():
            if self.contract == "spot" and (coin.brackets or coin.stand_in):
                raise flaw("has no brackets at a spot venue; remove them", "coins", name)
            if self.contract != "spot" and not (coin.brackets or coin.stand_in):
                raise flaw("has no brackets; give them, or name the venue that stands in", "coins", name, "brackets")
        return self

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        if self.margin is None:
            return self
        for name, coin in self.coins.items():
            unit = self.bracket_unit(name)
            if self.margin.deduction == "cumulative" and unit != f"{self.margin.basis}_notional":
                raise flaw(
                    f"cumulative amounts follow only from brackets by {self.margin.basis}_notional, got {unit} for "
                    f"{name}; change bracket_unit or basis, or take deduction = 'whole'",
                    *("margin", "deduction"),
                )
            for k, row in enumerate(coin.brackets):
                self._check_row(row, ("coins", name, "brackets", k), coin.brackets[: k + 1])
        return self

    def _check_row(self, row: Bracket, path: tuple[str | int, ...], rows: tuple[Bracket, ...]) -> None:
        """Raise the flaw of a row that contradicts the venue's rules."""
        fee = self.trigger_fee
        if (row.maintenance_rate + fee) * row.max_leverage >= 1:
            raise flaw(
                f"{row.maintenance_rate:g} and the fee in the trigger, {fee:g}, are not below the initial margin rate "
                f"{1 / row.max_leverage:g}; lower max_leverage",
                *(*path, "maintenance_rate"),
            )
        if row.amount_usd is None:
            return
        due = cumulative_amounts(rows)[-1] if self.margin and self.margin.deduction == "cumulative" else 0.0
        if abs(row.amount_usd - due) > AMOUNT_TOLERANCE_USD + 1e-9 * due:
            raise flaw(
                f"must be {due:.12g}, which follows from floors and rates, got {row.amount_usd:.12g}; correct or omit",
                *(*path, "amount_usd"),
            )

    @property
    def trigger_fee(self) -> float:
        """Taker fee inside the trigger, as a fraction of the closing notional."""
        return self.fees.taker if self.margin is not None and self.margin.fee_in_trigger else 0.0

    def coin(self, name: str) -> Coin:
        """Return the contract on a coin.

        Raises
        ------
        UnknownCoinError
            If the venue has none.
        """
        if name not in self.coins:
            raise UnknownCoinError(f"{self.name} has no contract on {name!r}{did_you_mean(name, self.coins)}")
        return self.coins[name]

    def bracket_unit(self, name: str) -> BracketUnit | None:
        """Return what the brackets of a coin measure; None at a spot venue."""
        return self.coin(name).bracket_unit or (self.margin.bracket_unit if self.margin else None)

    def clearance_fee(self, name: str) -> float:
        """Return the fee of a liquidation in a coin, as a fraction of its notional."""
        own = self.coin(name).clearance_fee
        return self.fees.clearance if own is None else own


def cumulative_amounts(brackets: tuple[Bracket, ...]) -> list[float]:
    """Return the amounts, USD, that make rate * notional - amount continuous from bracket to bracket."""
    amounts, rate = [0.0], brackets[0].maintenance_rate
    for row in brackets[1:]:
        amounts.append(amounts[-1] + row.floor * (row.maintenance_rate - rate))
        rate = row.maintenance_rate
    return amounts
