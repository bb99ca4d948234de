"""The slow, plain second half of a step: accounts trade, marks breach, queues drain, pools pay, the ledger adds up.

A full scan of all accounts in place of ladders, lists in place of queues, plain books, margin rules straight from the
venues' files, and a ledger of Python ints. It shares names with `cascade.state` and no code with `cascade.kernels`.
All is in order of time but for one thing, which is no rule of the model: in which order accounts that one and the same
mark has breached (or stopped) stand in line. A caller tells (`stand_in_line`).
"""

import math
from collections import Counter

from reference_market import USD, Account, ReferenceMarket

from cascade import state
from cascade.scenario import Scenario
from cascade.state import BUY, SELL, TICKS


class ReferenceDay:
    """All markets and accounts, and the ledger."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 100_000):
        self.scenario = scenario
        self.markets = [ReferenceMarket(scenario, m, capacity) for m in range(len(world.markets))]
        self.accounts = [_account(number, row) for number, row in enumerate(world.accounts.rows)]
        self.opening = [int(row) for row in world.accounts.opening]
        self.closing = _closings(self.accounts, scenario.seconds)
        self.cash = Counter()  # (purse, column) -> quanta
        self.held = Counter()  # (market, holder) -> lots
        self.tape: list[dict] = []
        for market, usd in zip(self.markets, world.markets["mark_usd"], strict=True):
            market.mark_usd = float(usd)
            pool_usd = market.venue.insurance.pool_usd if market.venue.insurance else 0.0
            if market.is_inverse:
                pool_usd /= len(scenario.coins) * scenario.open_usd[scenario.coins.index(market.coin)]
            self.cash[market.purse, state.POOL] = round(pool_usd * market.unit)
        for account in self.accounts[: self.opening[0]]:
            market = self.markets[account.market]
            self.cash[market.purse, state.COLLATERAL] += account.margin
            self.cash[market.purse, state.PAID] += sign(market, account) * account.cost
            self.held[account.market, state.ACCOUNTS_LOTS] += account.side * account.lots

    # ── accounts trade ───────────────────────────────────────────────────────────────────────────────────────
    def trade(self, step: int) -> None:
        """Close what was stopped by the last mark, open what is opened, close what is closed in this step."""
        for market in self.markets:
            stopped, market.stopping = market.stopping, []
            for account in stopped:
                self.close(market, account)
        if self.scenario.mechanisms.openings:
            for account in self.accounts[self.opening[step] : self.opening[step + 1]]:
                self.open(self.markets[account.market], account)
        for account in self.closing.get(step, []):
            if account.status == state.OPEN:
                self.close(self.markets[account.market], account)

    def open(self, market: ReferenceMarket, account: Account) -> None:
        """Buy or sell short at market, for the notional that is wanted at the last mark."""
        per_lot = USD * market.terms.contract_usd or market.mark_usd / market.tick_usd * market.quanta
        wanted = max(int(account.cost / per_lot + 0.5), 1)
        side, limit = (BUY, TICKS - 1) if account.side > 0 else (SELL, 0)
        filled, value, _ = market.take(side, limit, wanted)
        account.cost, account.status = 0, state.CLOSED
        if filled == 0:
            return
        account.lots, account.cost, account.status = filled, value, state.OPEN
        account.margin = math.ceil(value / account.leverage)
        market.place_stop(account)
        fee = int(value * market.venue.fees.taker)
        self.cash[market.purse, state.PAID] += sign(market, account) * value
        self.cash[market.purse, state.EXTERNAL] += sign(market, account) * value
        self.pay(market, state.FREE, state.COLLATERAL, account.margin)
        self.pay(market, state.FREE, state.FEES, fee)
        self.hand(market, state.EXTERNAL_LOTS, state.ACCOUNTS_LOTS, account.side * filled)

    def close(self, market: ReferenceMarket, account: Account) -> None:
        """Close at market; what the book would not take stays open."""
        side, limit = (SELL, 0) if account.side > 0 else (BUY, TICKS - 1)
        filled, value, _ = market.take(side, limit, account.lots)
        if filled:
            self.bear(market, -self.release(market, account, filled, value, state.EXTERNAL))
            self.hand(market, state.ACCOUNTS_LOTS, state.EXTERNAL_LOTS, account.side * filled)
            self.pay(market, state.FREE, state.FEES, int(value * market.venue.fees.taker))
        account.status = state.OPEN if account.lots else state.CLOSED
        if account.lots:
            market.place_stop(account)

    # ── marks breach, queues drain ───────────────────────────────────────────────────────────────────────────
    def breach(self, step: int, marks: list[float]) -> tuple[set[int], set[int]]:
        """Set the marks; return who is breached and who is stopped by them, of all open accounts."""
        for market, mark_usd in zip(self.markets, marks, strict=True):
            market.mark_usd = mark_usd
        breached, stopped = set(), set()
        for account in self.accounts:
            market = self.markets[account.market]
            if account.status != state.OPEN:
                continue
            if market.is_breached(account):
                account.status, account.breached_at = state.QUEUED, step
                breached.add(account.number)
            elif market.is_stopped(account) and self.scenario.mechanisms.stops:
                account.status = state.STOPPING
                stopped.add(account.number)
            elif market.is_stopped(account):
                account.stop_tick = -1
        return breached, stopped

    def pay_funding(self, step: int) -> None:
        """Longs pay shorts a whole number of quanta a lot, from their margins or their wallets."""
        for market in self.markets:
            terms = market.venue.funding
            if terms is None or (step + 1) % round(3600 * terms.interval_h):
                continue
            rate = self.scenario.priors.funding.rate_8h * terms.interval_h / 8.0
            due = math.floor(rate * self.at_mark(market, 1) + 0.5)
            from_margin = terms.paid_from == "margin"
            for account in self.accounts:
                if account.market == market.number and account.lots and account.status != state.PENDING:
                    paid, own = account.side * account.lots * due, from_margin and not account.is_remainder
                    account.margin -= paid if own else 0
                    self.pay(market, state.COLLATERAL if own else state.FREE, state.EXTERNAL, paid)
            self.pay(market, state.POOL, state.EXTERNAL, due * self.held[market.number, state.POOL_LOTS])
            self.pay(market, state.ABSORBER, state.EXTERNAL, due * self.held[market.number, state.ABSORBER_LOTS])

    def stand_in_line(self, breached: list[int], stopped: list[int]) -> None:
        """Queue accounts at their markets in this order."""
        for number in breached:
            self.markets[self.accounts[number].market].queue.append(self.accounts[number])
        for number in stopped:
            self.markets[self.accounts[number].market].stopping.append(self.accounts[number])

    # ── the ledger ───────────────────────────────────────────────────────────────────────────────────────────
    def release(self, market: ReferenceMarket, account: Account, lots: int, value: int, payer: int) -> int:
        """Give back margin and profit of some lots; return it: below nothing, the wallet is short of it."""
        cost, margin = account.cost * lots // account.lots, account.margin * lots // account.lots
        account.lots, account.cost, account.margin = account.lots - lots, account.cost - cost, account.margin - margin
        self.cash[market.purse, state.PAID] -= sign(market, account) * cost
        self.cash[market.purse, payer] -= sign(market, account) * value
        left = margin + sign(market, account) * (value - cost)
        self.cash[market.purse, state.COLLATERAL] -= margin
        self.cash[market.purse, state.FREE] += left
        return left

    def bear(self, market: ReferenceMarket, loss: int) -> int:
        """The pool pays what a wallet is short of, as far as it can; return what it cannot."""
        if loss <= 0:
            return 0
        paid = min(loss, max(self.worth(market.purse), 0))
        self.pay(market, state.POOL, state.FREE, paid)
        self.pay(market, state.SOCIALISED, state.FREE, loss - paid)
        return loss - paid

    def worth(self, purse: int) -> int:
        """Return what a pool is worth: cash and contracts at the mark."""
        total = self.cash[purse, state.POOL]
        for market in self.markets:
            if market.purse == purse:
                worth = self.at_mark(market, self.held[market.number, state.POOL_LOTS])
                total += -worth if market.is_inverse else worth
        return total

    def pay(self, market: ReferenceMarket, source: int, target: int, quanta: int) -> None:
        self.cash[market.purse, source] -= quanta
        self.cash[market.purse, target] += quanta

    def hand(self, market: ReferenceMarket, giver: int, taker: int, lots: int) -> None:
        self.held[market.number, giver] -= lots
        self.held[market.number, taker] += lots

    @staticmethod
    def at_mark(market: ReferenceMarket, lots: int) -> int:
        return market.value(lots, market.mark_usd / market.tick_usd)


def sign(market: ReferenceMarket, account: Account) -> int:
    """Return +1 where the account wins when its lots are worth more money, -1 where it loses."""
    return -account.side if market.is_inverse else account.side


def _account(number: int, row) -> Account:
    fields = ("market", "side", "lots", "cost", "margin", "status", "stop_tick", "close_step")
    return Account(
        number=number,
        leverage=float(row["leverage"]),
        stop_fraction=float(row["stop_fraction"]),
        is_round=bool(row["round_stop"]),
        is_remainder=bool(row["group"]),
        **{name: int(row[name]) for name in fields},
    )


def _closings(accounts: list[Account], seconds: int) -> dict[int, list[Account]]:
    """Return who closes in each step, those last who were there first."""
    closing: dict[int, list[Account]] = {}
    for account in reversed(accounts):
        if account.close_step < seconds:
            closing.setdefault(account.close_step, []).append(account)
    return closing
