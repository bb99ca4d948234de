"""The slow, plain cross margin: a full scan of all accounts at every mark, lists for queues, a ledger of Python ints.

Rules straight from the venues' files; it shares names with `cascade.state` and no code with `cascade.kernels`. In which
order accounts that one and the same mark has breached stand in line is no rule of the model: a caller tells.
"""

import math
from collections import Counter
from dataclasses import dataclass

from reference_market import ReferenceMarket

from cascade import state
from cascade.scenario import Scenario
from cascade.state import BUY, SELL, TICKS


@dataclass
class Leg:
    market: int
    side: int
    lots: int
    cost: int
    is_coin: bool


@dataclass
class Portfolio:
    number: int
    venue: int
    wallet: int
    legs: list[Leg]
    status: int = state.OPEN
    breached_at: int = -1
    settled: int = 0


class ReferenceCross:
    """All markets, all cross accounts, and the ledger."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 20_000):
        self.scenario, self.n_venues = scenario, len(scenario.venues)
        self.markets = [ReferenceMarket(scenario, m, capacity) for m in range(len(world.markets))]
        self.accounts = [_portfolio(p, row, world.cross.legs) for p, row in enumerate(world.cross.portfolios)]
        self.queues: list[list[Portfolio]] = [[] for _ in scenario.venues]
        self.cash = Counter({at: int(quanta) for at, quanta in _table(world.ledger.cash, state.LEDGER_COLUMNS)})
        self.held = Counter({at: int(lots) for at, lots in _table(world.ledger.lots, state.HOLDERS)})
        self.funding: dict[tuple[int, int], int] = {}  # hour, market -> quanta a long lot
        self.tape: list[dict] = []

    # ── the inequality, in the money of an account's purse ───────────────────────────────────────────────────
    def home(self, account: Portfolio) -> ReferenceMarket:
        return self.markets[account.legs[0].market]

    def good(self, leg: Leg) -> int:
        """Return the side of what the leg's money buys: the coin, or the dollar of an inverse contract."""
        return -leg.side if self.markets[leg.market].is_inverse else leg.side

    def at_mark(self, market: int, lots: int) -> int:
        m = self.markets[market]
        return m.value(lots, m.mark_usd / m.tick_usd)

    def value(self, account: Portfolio, leg: Leg) -> int:
        value = self.at_mark(leg.market, leg.lots)
        if leg.is_coin:
            cross = self.scenario.venues[account.venue].cross
            value = int((1.0 - cross.haircuts[self.markets[leg.market].coin]) * value)
        return value

    def profit(self, account: Portfolio, leg: Leg) -> int:
        return self.good(leg) * (self.value(account, leg) - leg.cost)

    def equity(self, account: Portfolio) -> int:
        return account.wallet + sum(self.profit(account, leg) for leg in account.legs)

    def required(self, leg: Leg) -> float:
        """Maintenance margin of one leg at its size and the fee in the trigger, quanta."""
        market = self.markets[leg.market]
        return 0.0 if leg.is_coin or leg.lots == 0 else market.unit * market.required(leg, market.mark_usd)

    def is_short(self, account: Portfolio) -> bool:
        return self.equity(account) < sum(map(self.required, account.legs))

    def ruin_usd(self, account: Portfolio, leg: Leg) -> float:
        """Return the price of a leg at which the account has nothing left, its other legs at their marks."""
        market, equity = self.markets[leg.market], self.equity(account) / self.home(account).unit
        if market.is_inverse:
            dollars = leg.lots * market.terms.contract_usd
            coins = 1.0 / market.mark_usd + leg.side * equity / dollars
            return 1.0 / coins if coins > 0 else math.inf
        return max(0.0, market.mark_usd - leg.side * equity / (leg.lots * market.lot_base))

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────────
    def mark(self, marks_usd: list[float]) -> None:
        """Set the marks."""
        for market, mark_usd in zip(self.markets, marks_usd, strict=True):
            market.mark_usd = mark_usd

    def breach(self, step: int) -> list[int]:
        """Return who is breached by the marks, of all accounts that are not in a queue."""
        breached = []
        for account in self.accounts:
            self.settle_funding(account, step)
            if account.status == state.OPEN and self.is_short(account):
                account.status, account.breached_at = state.QUEUED, step
                breached.append(account.number)
        return breached

    def settle_funding(self, account: Portfolio, step: int) -> None:
        while account.settled < (step + 1) // 3600:
            for leg in account.legs:
                due = leg.side * leg.lots * self.funding.get((account.settled, leg.market), 0)
                account.wallet -= due
                self.pay(account, state.COLLATERAL, state.ACCRUED, due)
            account.settled += 1

    def charge_funding(self, step: int) -> None:
        """Book what is due after this step between the holders of contracts; accounts settle at their next look."""
        for market in self.markets:
            funding = market.venue.funding
            if funding is None or (step + 1) % round(funding.interval_h * 3600):
                continue
            rate = self.scenario.priors.funding.rate_8h * funding.interval_h / 8.0
            per_lot = math.floor(rate * self.at_mark(market.number, 1) + 0.5)
            self.funding[step // 3600, market.number] = per_lot
            for column, holder in (
                (state.ACCRUED, state.CROSS_LOTS),
                (state.POOL, state.POOL_LOTS),
                (state.ABSORBER, state.ABSORBER_LOTS),
            ):
                due = per_lot * self.held[market.number, holder]
                self.cash[market.purse, column] -= due
                self.cash[market.purse, state.EXTERNAL] += due

    def stand_in_line(self, breached: list[int]) -> None:
        for number in breached:
            self.queues[self.accounts[number].venue].append(self.accounts[number])

    def drain(self, step: int) -> None:
        """One order after the other, from the front; who is healthy again goes."""
        in_book = self.scenario.mechanisms.liquidations
        for venue, queue in zip(self.scenario.venues, self.queues, strict=True):
            orders = int(venue.liquidation.orders_per_s) if venue.liquidation else 0
            while orders > 0 and queue:
                account = queue[0]
                if in_book and not self.is_short(account):
                    account.status = state.OPEN
                    queue.pop(0)
                    continue
                orders -= 1
                while True:
                    self.liquidate(account, step, venue, in_book)
                    if in_book or account.status == state.LIQUIDATED:
                        break
                if account.status == state.LIQUIDATED:
                    queue.pop(0)

    def liquidate(self, account: Portfolio, step: int, venue, in_book: bool) -> None:
        """Close the worst leg: into the book, the rest by the pool; or, off the book, at its mark."""
        measures = {
            "largest_loss": lambda leg: -self.profit(account, leg),
            "largest_notional": lambda leg: self.value(account, leg),
            "largest_margin": self.required,
        }
        leg = max(
            (leg for leg in account.legs if not leg.is_coin and leg.lots), key=measures[venue.liquidation.cross_order]
        )
        market, side, lots, equity = self.markets[leg.market], leg.side, leg.lots, self.equity(account)
        row = {"account": account.number, "trigger_step": account.breached_at, "step": step}
        row |= {"market": leg.market, "side": side, "lots": lots, "fee": 0}
        pool, taken_over, filled = (self.home(account).purse, state.POOL), 0, lots
        before = self.cash[pool]
        if in_book:
            ticks = min(self.ruin_usd(account, leg) / market.tick_usd, 1e9) - market.floor
            tick = min(max(math.ceil(ticks) if side > 0 else math.floor(ticks), 0), TICKS - 1)
            filled, value, _ = market.take(SELL if side > 0 else BUY, tick, lots)
            if filled:
                self.release(account, leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
                row["fee"] = self.charge(account, market, value)
            if leg.lots:
                at_mark = self.at_mark(leg.market, leg.lots)
                taken_over = self.good(leg) * at_mark
                value = max(at_mark - self.good(leg) * (equity * leg.lots // lots), 0)
                self.release(account, leg, leg.lots, value, state.POOL, state.POOL_LOTS)
        else:
            value = self.at_mark(leg.market, lots)
            self.release(account, leg, lots, value, state.ABSORBER, state.ABSORBER_LOTS)
            row["fee"] = self.charge(account, market, value)
        if not any(leg.lots for leg in account.legs if not leg.is_coin):
            taken_over += self.close(account, in_book, venue)
        gained = self.cash[pool] - before + taken_over
        self.tape.append(row | {"filled_lots": filled, "pool": gained})

    def close(self, account: Portfolio, in_book: bool, venue) -> int:
        """Sell coins for a wallet below zero; the pool pays the rest, or keeps what is left where that is the rule."""
        taken_over = 0
        for leg in account.legs:
            if leg.lots and account.wallet < 0:
                if not in_book:
                    at_mark = self.at_mark(leg.market, leg.lots)
                    self.release(account, leg, leg.lots, at_mark, state.ABSORBER, state.ABSORBER_LOTS)
                    continue
                filled, value, _ = self.markets[leg.market].take(SELL, 0, leg.lots)
                if filled:
                    self.release(account, leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
                if leg.lots:
                    taken_over += self.at_mark(leg.market, leg.lots)
                    self.release(account, leg, leg.lots, self.value(account, leg), state.POOL, state.POOL_LOTS)
        to_pool = account.wallet < 0 or venue.liquidation.surplus == "pool"
        self.pay(account, state.COLLATERAL, state.POOL if to_pool else state.FREE, account.wallet)
        account.wallet, account.status = 0, state.LIQUIDATED
        return taken_over

    # ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────
    def release(self, account: Portfolio, leg: Leg, lots: int, value: int, payer: int, taker: int) -> None:
        cost, purse = leg.cost * lots // leg.lots, self.home(account).purse
        leg.cost, leg.lots = leg.cost - cost, leg.lots - lots
        gain = self.good(leg) * (value - cost)
        account.wallet += gain
        self.cash[purse, state.PAID] -= self.good(leg) * cost
        self.cash[purse, state.COLLATERAL] += gain
        self.cash[purse, payer] -= self.good(leg) * value
        self.held[leg.market, state.CROSS_LOTS] -= leg.side * lots
        self.held[leg.market, taker] += leg.side * lots

    def charge(self, account: Portfolio, market: ReferenceMarket, value: int) -> int:
        fee = min(max(self.equity(account), 0), int(value * market.venue.clearance_fee(market.coin)))
        account.wallet -= fee
        self.pay(account, state.COLLATERAL, state.CLEARANCE, fee)
        return fee

    def pay(self, account: Portfolio, source: int, target: int, quanta: int) -> None:
        purse = self.home(account).purse
        self.cash[purse, source] -= quanta
        self.cash[purse, target] += quanta


def _portfolio(number: int, row, legs) -> Portfolio:
    first, n = int(row["first_leg"]), int(row["n_legs"])
    own = [
        Leg(int(leg["market"]), int(leg["side"]), int(leg["lots"]), int(leg["cost"]), bool(leg["is_coin"]))
        for leg in legs[first : first + n]
    ]
    return Portfolio(number, int(row["venue"]), int(row["wallet"]), own)


def _table(flat, columns: int):
    """Return ((row, column), number) of a flat table."""
    return [(divmod(i, columns), number) for i, number in enumerate(flat)]
