"""The frozen type of a venue: its rules and its contracts, and where they contradict each other."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from cascade.errors import UnknownCoinError, did_you_mean
from cascade.reading import Line, Strict, flaw
from cascade.venues.brackets import Bracket, BracketUnit, Coin, cumulative_amounts
from cascade.venues.rules import (
    Cross,
    Deleveraging,
    Fees,
    Funding,
    Insurance,
    LiquidationRule,
    MarginRules,
    MarkRule,
)

AMOUNT_TOLERANCE_USD = 0.01  # venues publish cumulative amounts to the cent
AMOUNT_TOLERANCE_COIN = 0.005  # and in coin to two or three digits
NEEDED, OPTIONAL = ("margin", "mark", "liquidation", "insurance"), ("deleveraging", "funding", "cross")
NAME, COIN_NAME = re.compile("[a-z0-9][a-z0-9_-]{0,39}"), re.compile("[A-Z0-9]{1,20}")
NO_RULE = Deleveraging()


class Venue(Strict):
    """A venue: its rules, and its contracts by coin."""

    name: str  # short; "spot" is that of a spot venue, by which results know it
    title: Line
    contract: Literal["linear", "inverse", "spot"]  # settled in USD; in the coin; no contract
    fees: Fees
    margin: MarginRules | None = None
    mark: MarkRule | None = None
    liquidation: LiquidationRule | None = None
    insurance: Insurance | None = None
    deleveraging: Deleveraging = Deleveraging()
    funding: Funding | None = None  # absent: none is paid
    cross: Cross | None = None  # absent: coins are no collateral
    coins: dict[str, Coin] = Field(min_length=1)

    @field_validator("name")
    @classmethod
    def _is_short(cls, name: str) -> str:
        if not NAME.fullmatch(name):
            raise flaw(f"must be up to 40 lower-case letters, digits, _ and -, got {name!r:.60}; shorten or correct it")
        return name

    @model_validator(mode="after")
    def _coins_have_names(self) -> Self:
        for name in self.coins:
            if not COIN_NAME.fullmatch(name):
                raise flaw("must be named in upper case letters and digits, as in [coins.BTC], up to 20", "coins", name)
        for name in self.cross.haircuts if self.cross else ():
            if name not in self.coins:
                raise flaw(
                    f"there is no [coins.{name}] in this file{did_you_mean(name, self.coins)}",
                    "cross",
                    "haircuts",
                    name,
                )
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for key in (*NEEDED, *OPTIONAL):
            if self.contract == "spot" and key in self.model_fields_set and getattr(self, key) not in (None, NO_RULE):
                raise flaw("has no place in a spot venue, which has no leverage; remove it", key)
        for key in NEEDED:
            if self.contract != "spot" and getattr(self, key) is None:
                raise flaw(f"is missing; {self.contract} contracts need [{key}]", key)
        for name, coin in self.coins.items():
            if self.contract == "spot" and (coin.brackets or coin.stand_in):
                raise flaw("has no brackets at a spot venue; remove them", "coins", name)
            if self.contract != "spot" and not (coin.brackets or coin.stand_in):
                raise flaw("has no brackets; give them, or name the venue that stands in", "coins", name, "brackets")
        return self

    @model_validator(mode="after")
    def _spot_is_named_so(self) -> Self:
        if (self.name == "spot") != (self.contract == "spot"):
            raise flaw(
                f"'spot' is the name of venues with contract = 'spot' and of no other, got {self.name!r} with contract "
                f"= {self.contract!r}; change either",
                "name",
            )
        return self

    @model_validator(mode="after")
    def _fee_has_a_size(self) -> Self:
        if self.fees.clearance_to != "venue" and not self.charges_clearance:
            raise flaw(
                f"is read only with a clearance fee, got {self.fees.clearance_to!r}; give fees.clearance, or remove it",
                *("fees", "clearance_to"),
            )
        return self

    @model_validator(mode="after")
    def _contracts_have_sizes(self) -> Self:
        mine, other = ("contract_usd", "lot_base") if self.contract == "inverse" else ("lot_base", "contract_usd")
        amount = "amount_usd" if self.contract == "inverse" else "amount_coin"
        for name, coin in self.coins.items():
            if not getattr(coin, mine):
                raise flaw(
                    f"is missing; {self.contract} contracts need the size of a lot, above 0", "coins", name, mine
                )
            if getattr(coin, other):
                raise flaw(f"has no place where contracts are {self.contract}; give {mine}", "coins", name, other)
            for k, row in enumerate(coin.brackets):
                if getattr(row, amount) is not None:
                    unit = "coin: amount_coin" if self.contract == "inverse" else "USD: amount_usd"
                    raise flaw(
                        f"amounts of {self.contract} contracts are in {unit}", *("coins", name, "brackets", k, amount)
                    )
        return self

    @model_validator(mode="after")
    def _rules_agree(self) -> Self:
        if self.margin is None or self.insurance is None:
            return self
        if self.insurance.shortage == "socialise" and self.deleveraging.trigger == "pool_empty":
            raise flaw(
                "'socialise' contradicts deleveraging.trigger = 'pool_empty': an empty pool can be followed by one of "
                "them; change either",
                *("insurance", "shortage"),
            )
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
        if row.amount is None:
            return
        due = cumulative_amounts(rows)[-1] if self.margin and self.margin.deduction == "cumulative" else 0.0
        key, tolerance = ("amount_usd", AMOUNT_TOLERANCE_USD)
        if self.contract == "inverse":
            key, tolerance = ("amount_coin", AMOUNT_TOLERANCE_COIN)
        if abs(row.amount - due) > tolerance + 1e-9 * due:
            raise flaw(
                f"must be {due:.12g}, which follows from floors and rates, got {row.amount:.12g}; correct or omit",
                *(*path, key),
            )

    @property
    def trigger_fee(self) -> float:
        """Taker fee inside the trigger, as a fraction of the closing notional."""
        return self.fees.taker if self.margin is not None and self.margin.fee_in_trigger else 0.0

    @property
    def charges_clearance(self) -> bool:
        """Whether a liquidation costs a fee in any coin."""
        return any(self.clearance_fee(name) > 0 for name in self.coins)

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
