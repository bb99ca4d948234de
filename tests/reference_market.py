"""The slow, plain market: a contract's terms straight from its venue's file, margin rules, a plain book, two lines."""

import math
from dataclasses import dataclass
from itertools import count, pairwise

from reference import ReferenceBook

from cascade.scenario import Scenario
from cascade.state import Kind, Status

USD = 1e6  # quanta


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


class ReferenceMarket:
    """One contract at one venue: its terms, its book, its queue."""

    def __init__(self, scenario: Scenario, number: int, capacity: int):
        self.venue = scenario.venues[number % len(scenario.venues)]
        self.coin = scenario.coins[number // len(scenario.venues)]
        self.number, self.venue_number = number, number % len(scenario.venues)
        self.terms = self.venue.coin(self.coin)
        self.tick_usd, self.lot_base, self.floor = scenario.grid[number // len(scenario.venues)]
        self.quanta = round(self.tick_usd * self.lot_base * USD)
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
        value = sum(fill.lots * (fill.tick + self.floor) * self.quanta for fill in fills)
        return sum(fill.lots for fill in fills), value, fills[-1].tick if fills else -1

    # ── margin ───────────────────────────────────────────────────────────────────────────────────────────────
    def entry_usd(self, account: Account) -> float:
        return account.cost / (USD * account.lots * self.lot_base)

    def equity_usd(self, account: Account, mark_usd: float) -> float:
        size = account.lots * self.lot_base
        return account.margin / USD + account.side * size * (mark_usd - self.entry_usd(account))

    def bracket_of(self, account: Account, lots: int, mark_usd: float | None = None) -> int:
        """Return the bracket that holds so many lots of a position."""
        size, mark_usd = lots * self.lot_base, self.mark_usd if mark_usd is None else mark_usd
        measure = {
            "contracts": size / self.terms.contract_base,
            "mark_notional": size * mark_usd,
            "entry_notional": size * self.entry_usd(account),
        }[self.venue.bracket_unit(self.coin)]
        rows = self.terms.brackets
        return next((k for k, row in enumerate(rows) if measure <= row.cap), len(rows) - 1)

    def required_usd(self, account: Account, mark_usd: float, lots: int | None = None) -> float:
        """Maintenance margin of all or so many lots, and the fee that the venue counts in its trigger."""
        lots = account.lots if lots is None else lots
        size, entry_usd, rules = lots * self.lot_base, self.entry_usd(account), self.venue.margin
        rows, k, amount = self.terms.brackets, self.bracket_of(account, lots, mark_usd), 0.0
        if rules.deduction == "cumulative":
            steps = pairwise(rows[: k + 1])
            amount = sum(above.floor * (above.maintenance_rate - below.maintenance_rate) for below, above in steps)
        base_usd = entry_usd if rules.basis == "entry" else mark_usd
        fee = self.venue.fees.taker * size * mark_usd if rules.fee_in_trigger else 0.0
        return size * base_usd * rows[k].maintenance_rate - amount + fee

    def is_breached(self, account: Account) -> bool:
        return self.equity_usd(account, self.mark_usd) < self.required_usd(account, self.mark_usd)

    def is_stopped(self, account: Account) -> bool:
        mark_tick = self.mark_usd / self.tick_usd - self.floor
        return account.stop_tick >= 0 and account.side * (account.stop_tick - mark_tick) >= 0

    def bankruptcy_usd(self, account: Account) -> float:
        size = account.lots * self.lot_base
        return max(0.0, self.entry_usd(account) - account.side * (account.margin / USD) / size)

    def liquidation_usd(self, account: Account) -> float:
        """The first price on the way to ruin at which the account is breached, by halving."""
        safe, ruined = self.entry_usd(account), self.bankruptcy_usd(account)
        for _ in range(200):
            middle = 0.5 * (safe + ruined)
            if self.equity_usd(account, middle) < self.required_usd(account, middle):
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
