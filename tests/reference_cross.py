"""The slow, plain cross margin: a full scan of all accounts at every mark, lists for queues, funding settled at once.

In which order accounts that one and the same mark has breached stand in line is no rule of the model: a caller tells.
"""

import math

from reference_day import sign
from reference_portfolios import Leg, Portfolio, ReferencePortfolios
from reference_rules import COUNTED, fee_column

from cascade import state
from cascade.scenario import Scenario
from cascade.state import BUY, SELL, TICKS


class ReferenceCross(ReferencePortfolios):
    """The plain day, its cross accounts liquidated by each venue's own rules."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 100_000):
        super().__init__(scenario, world, capacity)
        self.lines: list[list[Portfolio]] = [[] for _ in scenario.venues]
        self.parted: dict[int, int] = {}  # account -> step of its last order, if that was for a part

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────────
    def pay_funding(self, step: int) -> None:
        """Isolated positions pay, and cross accounts, from their wallets, at once."""
        super().pay_funding(step)
        for market in self.markets:
            terms = market.venue.funding
            if terms is None or (step + 1) % round(3600 * terms.interval_h):
                continue
            rate = self.scenario.priors.funding.rate_8h * terms.interval_h / 8.0
            per_lot = math.floor(rate * self.at_mark(market, 1) + 0.5)
            for account in self.portfolios:
                for leg in account.contracts:
                    if leg.market == market.number:
                        account.wallet -= leg.side * leg.lots * per_lot
                        self.pay(market, state.COLLATERAL, state.EXTERNAL, leg.side * leg.lots * per_lot)

    def breach_cross(self, step: int) -> list[int]:
        """Return who is breached by the marks, of all cross accounts that are not in a line."""
        breached = [account for account in self.portfolios if account.status == state.OPEN and self.is_short(account)]
        for account in breached:
            account.status, account.breached_at = state.QUEUED, step
        return [account.number for account in breached]

    def stand_in_cross_line(self, breached: list[int]) -> None:
        """Queue cross accounts at their venues in this order."""
        for number in breached:
            account = self.portfolios[number - len(self.accounts)]
            self.lines[account.venue].append(account)

    def drain_cross(self, step: int) -> None:
        """One order after the other, from the front; who is healthy again goes, who lost a part goes to the end."""
        in_book = self.scenario.mechanisms.liquidations
        for venue, line in zip(self.scenario.venues, self.lines, strict=True):
            orders = venue.liquidation.orders_per_s if venue.liquidation else 0
            while orders > 0 and line and self.parted.get(line[0].number) != step:
                account = line[0]
                if in_book and not self.is_short(account):
                    account.status = state.OPEN
                    line.pop(0)
                    continue
                orders -= 1
                self.order(account, step, venue)
                while not in_book and account.status != state.LIQUIDATED:
                    self.order(account, step, venue)
                if account.status == state.LIQUIDATED:
                    line.pop(0)
                elif self.parted.get(account.number) == step:
                    line.append(line.pop(0))

    def worst(self, account: Portfolio, venue) -> Leg:
        """Return the leg that the venue closes first; coin collateral only where there is no contract."""
        measures = {
            "largest_loss": lambda leg: -self.gain(leg),
            "largest_notional": self.value,
            "largest_margin": self.required,
        }
        legs = account.contracts or [leg for leg in account.legs if leg.lots]
        return max(legs, key=measures[venue.liquidation.cross_order])

    def order(self, account: Portfolio, step: int, venue) -> None:
        """Close the worst leg, or a part of it, as the venue does."""
        leg = self.worst(account, venue)
        market, lots, wallet = self.market_of(leg), leg.lots, account.wallet
        row = {"account": account.number, "trigger_step": account.breached_at, "step": step, "group": 2}
        row |= dict.fromkeys((*COUNTED, "loss"), 0) | {"kind": state.ORDER_WHOLE}
        if leg.is_coin:
            lots = 0
        elif not self.scenario.mechanisms.liquidations:
            row["filled_lots"], value = lots, self.at_mark(market, lots)
            self.give_up(leg, lots, value, state.ABSORBER, state.ABSORBER_LOTS)
            self.charge(leg, value, row)
        elif self.is_backstopped_account(account, venue.liquidation.backstop):
            row["kind"] = state.BACKSTOP
            self.hand_off_leg(leg, lots, self.equity(account), row)
        else:
            lots = self.order_in_book(leg, step, row)
        if not account.contracts:
            self.close_account(account, venue, row)
        row["loss"] += wallet - account.wallet
        market = self.home(account) if leg.is_coin else market
        self.tape.append(row | {"market": market.number, "side": leg.side, "lots": lots})

    def is_backstopped_account(self, account: Portfolio, share: float) -> bool:
        """Whether equity is below a share of what the account must have."""
        equity = self.equity(account)
        return share > 0 and equity < share * (equity - self.slack(account))

    def order_in_book(self, leg: Leg, step: int, row: dict) -> int:
        """Send an order for a leg; hand off what the book does not fill. Return the order's lots."""
        market, account, side, size = self.market_of(leg), leg.owner, leg.side, leg.lots
        equity, ticks = self.equity(account), min(self.ruin_usd(leg) / market.tick_usd, 1e9) - market.floor
        spare = (self.slack(account) + self.required(leg)) / market.unit  # what the other legs leave for this one
        lots = self.lots_of_order(market, leg, step, spare, shrinks=False)
        row["kind"] = state.ORDER_PART if lots < size else state.ORDER_WHOLE
        limit = math.ceil(ticks) if side > 0 else math.floor(ticks)
        if market.venue.liquidation.order == "market":
            limit = 0 if side > 0 else TICKS - 1
        filled, value, _ = market.take(SELL if side > 0 else BUY, min(max(limit, 0), TICKS - 1), lots)
        if filled:
            row["filled_lots"] = filled
            self.give_up(leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
            self.charge(leg, value, row)
        rest = lots - filled
        if rest:
            stake = min(equity * rest // size, self.equity(account) * rest // leg.lots)
            self.hand_off_leg(leg, rest, stake, row)
        if lots < size:
            self.parted[account.number] = self.last_part[account.number] = step
        else:
            self.last_part.pop(account.number, None)
        return lots

    def hand_off_leg(self, leg: Leg, lots: int, stake: int, row: dict) -> None:
        """Winners, where that is due; then the pool, at a price that leaves the account without the stake."""
        market, good = self.market_of(leg), sign(self.market_of(leg), leg)
        at_mark = self.at_mark(market, lots)
        value = max(at_mark - good * stake, 0)
        if self.is_due(market, good * (value - at_mark)):
            price = at_mark if market.venue.deleveraging.price == "mark" else value
            done, paid = self.deleverage(market, leg, lots, price, row)
            if done:
                self.give_up(leg, done, paid, state.EXTERNAL, state.EXTERNAL_LOTS)
            value -= value * done // lots
            lots -= done
        if lots:
            self.take_over(market, state.CROSS_LOTS, leg.side * lots, value, row)
            self.give_up(leg, lots, value, state.POOL, state.CROSS_LOTS)

    def close_account(self, account: Portfolio, venue, row: dict) -> None:
        """Sell coins for a wallet below zero; pool and everybody bear the rest, or one keeps what is left."""
        market = self.home(account)
        at = market.purse, state.POOL
        before = self.cash[at]
        for leg in account.legs:
            if leg.lots and account.wallet < 0:
                row["loss"] += self.at_mark(self.market_of(leg), leg.lots)
                self.sell_coin(leg)
        if account.wallet < 0:
            row["socialised"] += self.bear(market, -account.wallet)
            self.pay(market, state.COLLATERAL, state.FREE, account.wallet)
        elif venue.liquidation.surplus == "pool":
            self.pay(market, state.COLLATERAL, state.POOL, account.wallet)
        else:
            self.pay(market, state.COLLATERAL, state.FREE, account.wallet)
            row["loss"] -= account.wallet
        row["pool"] += self.cash[at] - before
        account.wallet, account.status = 0, state.LIQUIDATED

    def sell_coin(self, leg: Leg) -> None:
        """Sell a coin at any price; others buy the rest at its value as collateral."""
        market = self.market_of(leg)
        if not self.scenario.mechanisms.liquidations:
            self.give_up(leg, leg.lots, self.at_mark(market, leg.lots), state.ABSORBER, state.ABSORBER_LOTS)
            return
        filled, value, _ = market.take(SELL, 0, leg.lots)
        if filled:
            self.give_up(leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
        if leg.lots:
            self.give_up(leg, leg.lots, self.value(leg), state.EXTERNAL, state.EXTERNAL_LOTS)

    def charge(self, leg: Leg, value: int, row: dict) -> None:
        """Take the clearance fee, at most what the account has."""
        market, account = self.market_of(leg), leg.owner
        fee = min(max(self.equity(account), 0), int(value * market.venue.clearance_fee(market.coin)))
        account.wallet -= fee
        column = fee_column(market.venue)
        self.pay(self.home(account), state.COLLATERAL, column, fee)
        row["fee"] += fee
        row["pool"] += fee if column == state.POOL else 0
