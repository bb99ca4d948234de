"""The tables of a venue file that hold its rules: frozen types of few enumerations, and what makes them impossible."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from cascade.reading import Line, Strict, flaw
from cascade.state import BRACKETS
from cascade.units import S_PER_DAY, Fraction, Seconds
from cascade.venues.brackets import BracketUnit

Name = Literal["whole", "brackets", "fraction", "compliance"]
Trigger = Literal["never", "pool_empty", "pool_fall", "equity_negative"]
Ranking = Literal["profit_times_leverage", "return_times_leverage", "profit"]
MOST_ORDERS = 1_000_000  # a second: more than any queue holds
LARGEST_POOL_USD = 1e11  # ledgers count millionths of a dollar in 64 bits: 9.2e12 USD over all venues and accounts
LONGEST_WINDOW_H = 168.0
READ_BY = {  # keys of [liquidation] that only one of its rules reads
    "brackets_down": "brackets",
    "fraction": "fraction",
    "above_usd": "fraction",
    "pause_s": "fraction",
}


class Table(Strict):
    """A table of rules, with where they come from."""

    source: Line = "not stated"

    def _changed(self, key: str) -> bool:
        """Whether a key was given a value that is not its default."""
        return key in self.model_fields_set and getattr(self, key) != type(self).model_fields[key].default


class MarginRules(Table):
    """How the venue measures a position and what it must hold."""

    bracket_unit: BracketUnit  # a notional is in USD, or in coin where the contract is inverse
    deduction: Literal["cumulative", "whole"]  # rate * notional - amount, or one rate for the whole position
    basis: Literal["mark", "entry"]  # the price in the maintenance margin's notional
    fee_in_trigger: bool  # whether the taker fee of closing at the mark is added to the maintenance margin
    source: Line = Field()


class Fees(Table):
    """Fractions of notional."""

    taker: Fraction = Field(ge=0, lt=1)
    clearance: Fraction = Field(default=0.0, ge=0, lt=1)  # of a liquidation, at most what is left of the margin
    clearance_to: Literal["venue", "pool"] = "venue"  # who gets that: its revenue, or its insurance pool


class MarkRule(Table):
    """How the venue marks positions."""

    rule: Literal["median", "index_plus_basis", "last", "index"]  # median: of index with funding, with basis, and last
    basis_window_s: Seconds = Field(default=0.0, ge=0, le=S_PER_DAY)  # over which the basis is averaged


class LiquidationRule(Table):
    """How the venue's engine liquidates: how much of a position in one order, at which price, who keeps what is left.

    "whole" closes the position; "brackets" descends `brackets_down` brackets an order; "fraction" closes `fraction` of
    a position above `above_usd`, and smaller ones, or one breached again within `pause_s`, whole; "compliance" closes
    as little as brings equity back to the requirement.
    """

    rule: Name
    brackets_down: int = Field(default=1, ge=1, lt=BRACKETS)
    fraction: Fraction = Field(default=1.0, gt=0, le=1)
    above_usd: float = Field(default=0.0, ge=0)  # notional at the mark
    pause_s: Seconds = Field(default=0.0, ge=0, le=S_PER_DAY)
    order: Literal["bankruptcy", "market"] = "bankruptcy"  # IOC limit at the bankruptcy price, or at any price
    backstop: Fraction = Field(default=0.0, ge=0, lt=1)  # equity over requirement below which the pool takes it at once
    surplus: Literal["pool", "account"] = "pool"  # who keeps what a fill leaves above the bankruptcy price
    cross_order: Literal["largest_loss", "largest_notional", "largest_margin"] = "largest_loss"
    orders_per_s: int  # in one contract
    published_per_s: float = Field(ge=0)  # in its public feed, of one contract; 0 for all

    @field_validator("orders_per_s", mode="before")
    @classmethod
    def _is_whole_rate(cls, rate: object) -> object:
        if not isinstance(rate, int | float) or not 1 <= rate <= MOST_ORDERS or rate % 1:
            raise flaw(
                f"must be a whole number from 1 to {MOST_ORDERS}, got {rate!r:.60}; 1 is the slowest engine, "
                f"{MOST_ORDERS} one that never waits"
            )
        return rate

    @model_validator(mode="after")
    def _reads_what_is_given(self) -> Self:
        for key, rule in READ_BY.items():
            if self.rule != rule and self._changed(key):
                raise flaw(f"is read only with rule = {rule!r}, got rule = {self.rule!r}; remove one of the two", key)
        if self.rule == "fraction" and "fraction" not in self.model_fields_set:
            raise flaw("is missing; rule = 'fraction' needs the share of the position in one order", "fraction")
        return self


class Insurance(Table):
    """The pool that bears what bankrupt positions owe."""

    pool_usd: float = Field(ge=0, le=LARGEST_POOL_USD)  # at the open; an inverse contract's is the same value in coin
    shortage: Literal["deleverage", "socialise"] = "deleverage"  # where it cannot pay and no trigger says so


class Deleveraging(Table):
    """When winners are closed against bankrupt positions, which of them first, and at what price.

    "pool_empty": the pool cannot pay. "pool_fall": it has fallen by `fall` from its running maximum over `window_h`,
    until the fall is below `stop`; or, with shortage = "deleverage", it cannot pay. "equity_negative": the account
    taken owes more than it has.
    """

    trigger: Trigger = "never"
    fall: Fraction = Field(default=0.3, gt=0, le=1)
    stop: Fraction = Field(default=0.25, gt=0, le=1)
    window_h: float = Field(default=8.0, gt=0, le=LONGEST_WINDOW_H)
    ranking: Ranking | None = None
    price: Literal["bankruptcy", "mark"] | None = None  # of the bankrupt position, or its market's mark

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for key in ("ranking", "price"):
            if self.trigger == "never" and getattr(self, key) is not None:
                raise flaw("is never read with trigger = 'never'; remove it or name a trigger", key)
            if self.trigger != "never" and getattr(self, key) is None:
                other = "winners are ranked" if key == "price" else "winners are closed"
                raise flaw(f"is missing; with trigger = {self.trigger!r} {other}, so give {key}", key)
        for key in ("fall", "stop", "window_h"):
            if self.trigger != "pool_fall" and self._changed(key):
                raise flaw(f"is read only with trigger = 'pool_fall', got {self.trigger!r}; remove one of the two", key)
        if self.stop > self.fall:
            raise flaw(f"must not be above fall {self.fall:g}, got {self.stop:g}; it would end as it begins", "stop")
        return self


class Funding(Table):
    """When longs and shorts pay each other."""

    interval_h: float = Field(default=8.0, gt=0, le=24)  # from 00:00 UTC
    paid_from: Literal["wallet", "margin"] = "wallet"  # margin: an isolated position pays out of its own


class Cross(Table):
    """Cross margin in coin: what is taken off a coin that serves as collateral."""

    haircuts: dict[str, Fraction] = Field(min_length=1)

    @model_validator(mode="after")
    def _are_fractions(self) -> Self:
        for coin, haircut in self.haircuts.items():
            if not 0 <= haircut < 1:
                raise flaw(f"must lie in [0, 1), got {haircut:g}; write 5 % as 0.05", "haircuts", coin)
        return self
