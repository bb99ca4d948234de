"""The slow, plain cross margin: a full scan of all accounts at every mark, lists for queues, a ledger of Python ints.

Rules straight from the venues' files; it shares names with `cascade.state` and no code with `cascade.kernels`. In which
order accounts that one and the same mark has breached stand in line is no rule of the model: a caller tells.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from reference_market import ReferenceMarket

from cascade import state
from cascade.scenario import Scenario
from cascade.state import BUY, SELL, TICKS

USD = 1e6  # quanta


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
    events: list = field(default_factory=list)


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

    # ── the inequality ───────────────────────────────────────────────────────────────────────────────────────
    def at_mark(self, market: int, lots: int) -> int:
        m = self.markets[market]
        return int(lots * m.quanta * (m.mark_usd / m.tick_usd))

    def value(self, account: Portfolio, leg: Leg) -> int:
        value = self.at_mark(leg.market, leg.lots)
        if leg.is_coin:
            cross = self.scenario.venues[account.venue].cross
            value = int((1.0 - cross.haircuts[self.markets[leg.market].coin]) * value)
        return value

    def profit(self, account: Portfolio, leg: Leg) -> int:
        return leg.side * (self.value(account, leg) - leg.cost)

    def equity(self, account: Portfolio) -> int:
        return account.wallet + sum(self.profit(account, leg) for leg in account.legs)

    def required_usd(self, leg: Leg) -> float:
        """Maintenance margin of one leg at its size, and the fee that the venue counts in its trigger."""
        if leg.is_coin or leg.lots == 0:
            return 0.0
        market = self.markets[leg.market]
        rules, terms, rows = market.venue.margin, market.terms, market.terms.brackets
        size, entry_usd = leg.lots * market.lot_base, leg.cost / (USD * leg.lots * market.lot_base)
        unit = market.venue.bracket_unit(market.coin)
        if unit == "contracts":
            measure = size / terms.contract_base
        else:
            measure = size * (market.mark_usd if unit == "mark_notional" else entry_usd)
        k = next((k for k, row in enumerate(rows) if measure <= row.cap), len(rows) - 1)
        amount = 0.0
        if rules.deduction == "cumulative":
            amount = sum(b.floor * (b.maintenance_rate - a.maintenance_rate) for a, b in pairwise(rows[: k + 1]))
        base_usd = entry_usd if rules.basis == "entry" else market.mark_usd
        fee = market.venue.fees.taker * size * market.mark_usd if rules.fee_in_trigger else 0.0
        return size * base_usd * rows[k].maintenance_rate - amount + fee

    def is_short(self, account: Portfolio) -> bool:
        return self.equity(account) < USD * sum(map(self.required_usd, account.legs))

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────────
    def breach(self, step: int, marks: list[float]) -> list[int]:
        """Set the marks; return who is breached by them, of all accounts that are not in a queue."""
        for market, mark_usd in zip(self.markets, marks, strict=True):
            market.mark_usd = mark_usd
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
                self.pay(account.venue, state.COLLATERAL, state.ACCRUED, due)
            account.settled += 1

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
            "largest_margin": self.required_usd,
        }
        leg = max(
            (leg for leg in account.legs if not leg.is_coin and leg.lots), key=measures[venue.liquidation.cross_order]
        )
        market, side, lots, equity = self.markets[leg.market], leg.side, leg.lots, self.equity(account)
        row = {"account": account.number, "trigger_step": account.breached_at, "step": step}
        row |= {"market": leg.market, "side": side, "lots": lots, "fee": 0}
        before, taken_over, filled = self.cash[account.venue, state.POOL], 0, lots
        if in_book:
            ruin_usd = max(0.0, market.mark_usd - side * (equity / USD) / (lots * market.lot_base))
            ticks = min(ruin_usd / market.tick_usd, 1e9) - market.floor
            tick = min(max(math.ceil(ticks) if side > 0 else math.floor(ticks), 0), TICKS - 1)
            filled, value, _ = market.take(SELL if side > 0 else BUY, tick, lots)
            if filled:
                self.release(account, leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
                row["fee"] = self.charge(account, market, value)
            if leg.lots:
                at_mark = self.at_mark(leg.market, leg.lots)
                value = max(at_mark - side * (equity * leg.lots // lots), 0)
                self.release(account, leg, leg.lots, value, state.POOL, state.POOL_LOTS)
                taken_over = side * at_mark
        else:
            value = self.at_mark(leg.market, lots)
            self.release(account, leg, lots, value, state.ABSORBER, state.ABSORBER_LOTS)
            row["fee"] = self.charge(account, market, value)
        if not any(leg.lots for leg in account.legs if not leg.is_coin):
            taken_over += self.close(account, in_book, venue)
        gained = self.cash[account.venue, state.POOL] - before + taken_over
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
        self.pay(account.venue, state.COLLATERAL, state.POOL if to_pool else state.FREE, account.wallet)
        account.wallet, account.status = 0, state.LIQUIDATED
        return taken_over

    # ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────
    def release(self, account: Portfolio, leg: Leg, lots: int, value: int, payer: int, taker: int) -> None:
        cost = leg.cost * lots // leg.lots
        leg.cost, leg.lots = leg.cost - cost, leg.lots - lots
        gain = leg.side * (value - cost)
        account.wallet += gain
        self.cash[account.venue, state.PAID] -= leg.side * cost
        self.cash[account.venue, state.COLLATERAL] += gain
        self.cash[account.venue, payer] -= leg.side * value
        self.held[leg.market, state.CROSS_LOTS] -= leg.side * lots
        self.held[leg.market, taker] += leg.side * lots

    def charge(self, account: Portfolio, market: ReferenceMarket, value: int) -> int:
        fee = min(max(self.equity(account), 0), int(value * market.venue.clearance_fee(market.coin)))
        account.wallet -= fee
        self.pay(account.venue, state.COLLATERAL, state.CLEARANCE, fee)
        return fee

    def pay(self, venue: int, source: int, target: int, quanta: int) -> None:
        self.cash[venue, source] -= quanta
        self.cash[venue, target] += quanta


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
