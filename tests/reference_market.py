"""The slow, plain market: a contract's terms straight from its venue's file, margin rules, a plain book, two lines."""

import math
from dataclasses import dataclass
from itertools import count, pairwise

from reference import ReferenceBook

from cascade.scenario import Scenario
from cascade.state import Kind, Status

USD, COIN = 1e6, 1e8  # quanta


@dataclass
class Account:
    """One isolated position."""

    number: int
    market: int
    side: int  # +1 long, -1 short
    lots: int
    cost: int  # quanta; while pending, what it will spend
    margin: int
    leverage: float
    status: int
    stop_fraction: float
    is_round: bool
    stop_tick: int
    close_step: int
    breached_at: int = -1
    is_remainder: bool = False


class ReferenceMarket:
    """One contract at one venue: its terms, its book, its queue."""

    def __init__(self, scenario: Scenario, number: int, capacity: int):
        self.venue = scenario.venues[number % len(scenario.venues)]
        self.coin = scenario.coins[number // len(scenario.venues)]
        self.number, self.venue_number = number, number % len(scenario.venues)
        self.terms = self.venue.coin(self.coin)
        self.tick_usd, self.lot_base, self.floor = scenario.grid[number // len(scenario.venues)]
        self.quanta = round(self.tick_usd * self.lot_base * USD)
        self.is_inverse = self.venue.contract == "inverse"
        inverse_before = sum(scenario.venues[m % len(scenario.venues)].contract == "inverse" for m in range(number))
        self.purse = len(scenario.venues) + inverse_before if self.is_inverse else self.venue_number
        self.unit = COIN if self.is_inverse else USD  # quanta in one of its money
        self.book = ReferenceBook(capacity)
        self.queue: list[Account] = []
        self.stopping: list[Account] = []
        self.names = count(1)
        self.mark_usd = 0.0

    def rest(self, side: int, tick: int, lots: int) -> bool:
        """Put a limit order into the book unless it would cross; whether it is there."""
        return self.book.apply(next(self.names), Kind.POST_ONLY, side, tick, lots, 0)[0] == Status.OK

    def take(self, side: int, tick: int, lots: int) -> tuple[int, int, int]:
        """Send an IOC; return lots filled, their value in quanta, and the worst price tick."""
        seen = len(self.book.events)
        self.book.apply(next(self.names), Kind.IOC, side, tick, lots, 0)
        fills = self.book.events[seen:]
        value = sum(self.value(fill.lots, fill.tick + self.floor) for fill in fills)
        return sum(fill.lots for fill in fills), value, fills[-1].tick if fills else -1

    def value(self, lots: int, ticks: float) -> int:
        """Return what lots are worth at a price in ticks, in quanta: USD, or coins of an inverse contract."""
        if self.is_inverse:
            return int(lots * (self.terms.contract_usd / self.tick_usd / 1e-8) / ticks)
        return int(lots * self.quanta * ticks)

    # ── margin: all in USD, or in coins where the contract is inverse ────────────────────────────────────────
    def notional(self, lots: int, price_usd: float) -> float:
        if self.is_inverse:
            return lots * self.terms.contract_usd / price_usd
        return lots * self.lot_base * price_usd

    def entry_usd(self, account: Account) -> float:
        if self.is_inverse:
            return COIN * account.lots * self.terms.contract_usd / account.cost
        return account.cost / (USD * account.lots * self.lot_base)

    def equity(self, account: Account, mark_usd: float) -> float:
        """Collateral and what is won: an inverse long wins what its dollars cost less in coins than at entry."""
        sign = -account.side if self.is_inverse else account.side
        return account.margin / self.unit + sign * (self.notional(account.lots, mark_usd) - account.cost / self.unit)

    def bracket_of(self, account: Account, lots: int, mark_usd: float) -> int:
        """Return the bracket that holds so many lots of a position."""
        measure = {
            "contracts": lots * self.lot_base / self.terms.contract_base,
            "mark_notional": self.notional(lots, mark_usd),
            "entry_notional": self.notional(lots, self.entry_usd(account)),
        }[self.venue.bracket_unit(self.coin)]
        rows = self.terms.brackets
        return next((k for k, row in enumerate(rows) if measure <= row.cap), len(rows) - 1)

    def required(self, account: Account, mark_usd: float, lots: int | None = None) -> float:
        """Maintenance margin of all or so many lots, and the fee that the venue counts in its trigger."""
        lots, entry_usd, rules = account.lots if lots is None else lots, self.entry_usd(account), self.venue.margin
        rows, k, amount = self.terms.brackets, self.bracket_of(account, lots, mark_usd), 0.0
        if rules.deduction == "cumulative":
            steps = pairwise(rows[: k + 1])
            amount = sum(above.floor * (above.maintenance_rate - below.maintenance_rate) for below, above in steps)
        base_usd = entry_usd if rules.basis == "entry" else mark_usd
        fee = self.venue.fees.taker * self.notional(lots, mark_usd) if rules.fee_in_trigger else 0.0
        return self.notional(lots, base_usd) * rows[k].maintenance_rate - amount + fee

    def is_breached(self, account: Account) -> bool:
        return self.equity(account, self.mark_usd) < self.required(account, self.mark_usd)

    def is_stopped(self, account: Account) -> bool:
        mark_tick = self.mark_usd / self.tick_usd - self.floor
        return account.stop_tick >= 0 and account.side * (account.stop_tick - mark_tick) >= 0

    def bankruptcy_usd(self, account: Account) -> float:
        """The price at which the collateral is lost: none for a long, infinity for a short that cannot lose it."""
        if self.is_inverse:
            coins = account.cost / self.unit + account.side * account.margin / self.unit
            return account.lots * self.terms.contract_usd / coins if coins > 0 else math.inf
        size = account.lots * self.lot_base
        return max(0.0, self.entry_usd(account) - account.side * (account.margin / USD) / size)

    def liquidation_usd(self, account: Account) -> float:
        """The first price on the way to ruin at which the account is breached, by halving."""
        safe, ruined = self.entry_usd(account), min(self.bankruptcy_usd(account), 1e12)
        for _ in range(200):
            middle = 0.5 * (safe + ruined)
            if self.equity(account, middle) < self.required(account, middle):
                ruined = middle
            else:
                safe = middle
        return ruined

    def place_stop(self, account: Account) -> None:
        """Set the stop where the owner wants it, rounded towards the entry."""
        account.stop_tick = -1
        if account.stop_fraction <= 0:
            return
        entry_usd = self.entry_usd(account)
        stop = entry_usd * (1.0 - account.side * account.stop_fraction)
        if account.is_round:
            units = [m * 10.0**k for k in range(-9, 9) for m in (1.0, 2.0, 5.0)]
            unit = max(u for u in units if u <= 0.01 * entry_usd)
            near = math.floor(stop / unit + 0.5) * unit
            if account.side * (entry_usd - near) > 0 and account.side * (near - self.liquidation_usd(account)) > 0:
                stop = near
        ticks = stop / self.tick_usd
        account.stop_tick = (math.ceil(ticks) if account.side > 0 else math.floor(ticks)) - self.floor
