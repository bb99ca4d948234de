"""The slow, plain cross accounts: what they have, what they must have, and legs that win beside positions."""

import math
from collections import Counter
from dataclasses import dataclass, field

from reference_day import sign
from reference_market import ReferenceMarket
from reference_rules import ReferenceRules

from cascade import state
from cascade.scenario import Scenario


@dataclass
class Portfolio:
    number: int  # in the tape: behind the isolated positions
    venue: int
    wallet: int
    legs: list["Leg"] = field(default_factory=list)
    status: int = state.OPEN
    breached_at: int = -1

    @property
    def contracts(self) -> list["Leg"]:
        """The legs that are open contracts."""
        return [leg for leg in self.legs if leg.lots and not leg.is_coin]


@dataclass
class Leg:
    owner: Portfolio
    market: int
    side: int
    lots: int
    cost: int
    is_coin: bool

    @property
    def number(self) -> int:
        return self.owner.number


class ReferencePortfolios(ReferenceRules):
    """The plain day with cross accounts beside the isolated positions."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 100_000):
        super().__init__(scenario, world, capacity)
        self.portfolios = [_portfolio(p, world) for p in range(len(world.cross.portfolios))]
        self.cash = Counter(_table(world.ledger.cash, state.LEDGER_COLUMNS))
        self.held = Counter(_table(world.ledger.lots, state.HOLDERS))

    # ── the inequality, in the money of an account's purse ───────────────────────────────────────────────────
    def market_of(self, leg: Leg) -> ReferenceMarket:
        return self.markets[leg.market]

    def home(self, account: Portfolio) -> ReferenceMarket:
        return self.market_of(account.legs[0])

    def value(self, leg: Leg) -> int:
        """Return what a leg is worth at its mark; coin collateral, less its haircut."""
        value = self.at_mark(self.market_of(leg), leg.lots)
        if leg.is_coin:
            taken = self.scenario.venues[leg.owner.venue].cross
            haircut = taken.haircuts.get(self.market_of(leg).coin, 1.0) if taken else 1.0
            value = int((1.0 - haircut) * value)
        return value

    def gain(self, leg: Leg) -> int:
        return sign(self.market_of(leg), leg) * (self.value(leg) - leg.cost)

    def equity(self, account: Portfolio) -> int:
        return account.wallet + sum(map(self.gain, account.legs))

    def required(self, leg: Leg) -> float:
        """Maintenance margin of one leg at its size and the fee in the trigger, quanta."""
        market = self.market_of(leg)
        return 0.0 if leg.is_coin or leg.lots == 0 else market.unit * market.required(leg, market.mark_usd)

    def slack(self, account: Portfolio) -> float:
        slack = float(self.equity(account))
        for leg in account.legs:
            slack -= self.required(leg)
        return slack

    def is_short(self, account: Portfolio) -> bool:
        return self.slack(account) < 0

    def ruin_usd(self, leg: Leg) -> float:
        """Return the price of a leg at which its account has nothing left, the other legs at their marks."""
        market, equity = self.market_of(leg), self.equity(leg.owner) / self.home(leg.owner).unit
        if market.is_inverse:
            dollars = leg.lots * market.terms.contract_usd
            coins = 1.0 / market.mark_usd + leg.side * equity / dollars
            return 1.0 / coins if coins > 0 else math.inf
        return max(0.0, market.mark_usd - leg.side * equity / (leg.lots * market.lot_base))

    def give_up(self, leg: Leg, lots: int, value: int, payer: int, taker: int) -> None:
        """Close lots of a leg for a value; profit or loss goes to the wallet."""
        cost, good, home = leg.cost * lots // leg.lots, sign(self.market_of(leg), leg), self.home(leg.owner)
        leg.cost, leg.lots = leg.cost - cost, leg.lots - lots
        leg.owner.wallet += good * (value - cost)
        self.cash[home.purse, state.PAID] -= good * cost
        self.pay(home, payer, state.COLLATERAL, good * value)
        self.cash[home.purse, state.COLLATERAL] -= good * cost
        self.hand(self.market_of(leg), state.CROSS_LOTS, taker, leg.side * lots)

    # ── legs as winners ──────────────────────────────────────────────────────────────────────────────────────
    def holders(self, market: ReferenceMarket, side: int) -> list:
        """Isolated positions first, then legs."""
        legs = [leg for account in self.portfolios for leg in account.legs if not leg.is_coin]
        own = [leg for leg in legs if leg.market == market.number and leg.side == side]
        return super().holders(market, side) + own

    def is_winning(self, market: ReferenceMarket, winner) -> bool:
        if not isinstance(winner, Leg):
            return super().is_winning(market, winner)
        return winner.owner.status == state.OPEN and winner.lots > 0 and self.gain(winner) > 0

    def equity_behind(self, market: ReferenceMarket, winner) -> int:
        return self.equity(winner.owner) if isinstance(winner, Leg) else super().equity_behind(market, winner)

    def equity_after(self, market: ReferenceMarket, winner, lots: int, value: int) -> int:
        if not isinstance(winner, Leg):
            return super().equity_after(market, winner, lots, value)
        return self.equity(winner.owner) + sign(market, winner) * (value - self.at_mark(market, lots))

    def close_winner(self, market: ReferenceMarket, winner, lots: int, value: int) -> None:
        if isinstance(winner, Leg):
            self.give_up(winner, lots, value, state.EXTERNAL, state.EXTERNAL_LOTS)
        else:
            super().close_winner(market, winner, lots, value)


def _portfolio(p: int, world: state.World) -> Portfolio:
    """Return cross account `p` and its legs."""
    row, fields = world.cross.portfolios[p], ("market", "side", "lots", "cost")
    account = Portfolio(len(world.accounts.rows) + p, int(row["venue"]), int(row["wallet"]))
    first = int(row["first_leg"])
    for leg in world.cross.legs[first : first + int(row["n_legs"])]:
        account.legs.append(Leg(account, *(int(leg[name]) for name in fields), is_coin=bool(leg["is_coin"])))
    return account


def _table(flat, columns: int):
    """Return the numbers of a flat table by row and column."""
    return {divmod(i, columns): int(number) for i, number in enumerate(flat)}
