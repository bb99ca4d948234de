"""The slow, plain rules of liquidation: parts, backstop, who pays.

Written from the venues' files, with lists, full scans and Python ints, on top of the plain day. What one order closes
is found by trying numbers of lots.
"""

import math
from bisect import bisect_right
from functools import partial

from reference_day import sign
from reference_market import Account, ReferenceMarket
from reference_winners import ReferenceWinners

from cascade import state
from cascade.scenario import Scenario
from cascade.state import BUY, SELL, TICKS
from cascade.venues import Venue

ROUNDED = 1 - 1e-12  # what fills a bracket is in it
COUNTED = ("deleveraged_lots", "taken_over_lots", "filled_lots", "pool", "fee", "socialised")


class ReferenceRules(ReferenceWinners):
    """The plain day, its positions liquidated by each venue's own rules."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 100_000):
        super().__init__(scenario, world, capacity)
        self.last_part: dict[int, int] = {}

    # ── queue ────────────────────────────────────────────────────────────────────────────────────────────────
    def drain(self, step: int) -> None:
        """Liquidate from the front of every queue; who comes back waits for the next step."""
        for market in self.markets:
            if market.venue.liquidation is None:
                continue
            waiting, market.queue = market.queue, []
            rate = market.venue.liquidation.orders_per_s
            for account in waiting[:rate]:
                self.liquidate(market, account, step)
            market.queue = waiting[rate:] + market.queue

    def liquidate(self, market: ReferenceMarket, account: Account, step: int) -> None:
        """Send one order; what the book does not fill goes to winners or to the pool."""
        terms, side, before = market.venue.liquidation, account.side, account.margin
        row = {"account": account.number, "trigger_step": account.breached_at, "step": step}
        row |= dict.fromkeys((*COUNTED, "wallet"), 0) | {"kind": state.ORDER_WHOLE}
        lots, price = account.lots, market.bankruptcy_usd(account) / market.tick_usd
        if not self.scenario.mechanisms.liquidations:
            row["filled_lots"] = lots
            self.settle_order(market, account, lots, self.at_mark(market, lots), state.ABSORBER, row)
            self.hand(market, state.ACCOUNTS_LOTS, state.ABSORBER_LOTS, side * lots)
        elif self.is_backstopped(market, account):
            row["kind"] = state.BACKSTOP
            self.hand_off(market, account, lots, row)
        else:
            equity, shrinks = market.equity(account, market.mark_usd), terms.surplus == "pool"
            lots = self.lots_of_order(market, account, step, equity, shrinks)
            row["kind"] = state.ORDER_PART if lots < account.lots else state.ORDER_WHOLE
            limit = (math.ceil(price) if side > 0 else math.floor(price)) - market.floor
            if terms.order == "market":
                limit = 0 if side > 0 else TICKS - 1
            filled, value, _ = market.take(SELL if side > 0 else BUY, min(max(limit, 0), TICKS - 1), lots)
            if filled:
                row["filled_lots"] = filled
                self.settle_order(market, account, filled, value, state.EXTERNAL, row)
                self.hand(market, state.ACCOUNTS_LOTS, state.EXTERNAL_LOTS, side * filled)
            self.hand_off(market, account, lots - filled, row)
        kept = row.pop("wallet")
        self.tape.append(row | {"lots": lots, "loss": before - account.margin - kept})
        self.conclude(market, account, step)

    def conclude(self, market: ReferenceMarket, account: Account, step: int) -> None:
        """Who has lots left is healthy again, or back in the queue."""
        if account.lots == 0:
            account.status = state.LIQUIDATED
            return
        self.last_part[account.number] = step
        account.status = state.OPEN
        market.place_stop(account)
        if market.is_breached(account):
            account.status, account.breached_at = state.QUEUED, step
            market.queue.append(account)

    # ── how much ─────────────────────────────────────────────────────────────────────────────────────────────
    def is_backstopped(self, market: ReferenceMarket, account: Account) -> bool:
        """Whether equity is below a share of the maintenance margin, without the fee in the trigger."""
        share = market.venue.liquidation.backstop
        fee = market.venue.trigger_fee * market.notional(account.lots, market.mark_usd)
        required = market.required(account, market.mark_usd) - fee
        return share > 0 and market.equity(account, market.mark_usd) < share * required

    def lots_of_order(self, market: ReferenceMarket, held, step: int, equity: float, shrinks: bool) -> int:
        """Return how many lots of a position or leg one order closes."""
        rule = market.venue.liquidation.rule
        kept = 0
        if rule == "brackets":
            kept = self.kept_by_bracket(market, held)
        elif rule == "fraction":
            kept = self.kept_by_fraction(market, held, step)
        elif rule == "compliance":
            kept = self.kept_in_compliance(market, held, equity, shrinks)
        return held.lots - kept if kept < held.lots else held.lots

    def kept_by_bracket(self, market: ReferenceMarket, held) -> int:
        """The most lots that the bracket some way below holds."""
        down = market.venue.liquidation.brackets_down
        k = market.bracket_of(held, ROUNDED * held.lots, market.mark_usd)
        if k < down:
            return 0
        place = partial(market.bracket_of, held, mark_usd=market.mark_usd)
        return bisect_right(range(held.lots), k - down, key=lambda n: place(ROUNDED * n)) - 1

    def kept_by_fraction(self, market: ReferenceMarket, held, step: int) -> int:
        """All but a share, if the position is large and was not cut a moment ago."""
        terms = market.venue.liquidation
        notional = held.lots * (market.terms.contract_usd or market.lot_base * market.mark_usd)
        last = self.last_part.get(held.number)
        is_paused = last is not None and step - last <= terms.pause_s
        if notional <= terms.above_usd or is_paused:
            return 0
        return held.lots - int(terms.fraction * held.lots)

    def kept_in_compliance(self, market: ReferenceMarket, held, equity: float, shrinks: bool) -> int:
        """The most lots that meet their requirement once the others are closed at the mark."""
        mark, fee = market.mark_usd, market.venue.clearance_fee(market.coin)
        for kept in range(held.lots - 1, 0, -1):
            rest = equity * (kept / held.lots) if shrinks else equity - fee * market.notional(held.lots - kept, mark)
            if rest >= market.required(held, mark, kept):
                return kept
        return 0

    # ── who pays ─────────────────────────────────────────────────────────────────────────────────────────────
    def settle_order(self, market, account: Account, lots: int, value: int, payer: int, row: dict) -> None:
        """Release lots; the fee, then the surplus to whom it is due; a loss from the margin, the pool, everybody."""
        terms, purse = market.venue.liquidation, market.purse
        pool = self.cash[purse, state.POOL]
        left = self.release(market, account, lots, value, payer)
        if terms.order == "market" and left < 0:
            drawn = min(-left, account.margin)
            account.margin -= drawn
            self.pay(market, state.COLLATERAL, state.FREE, drawn)
            left += drawn
        row["socialised"] += self.bear(market, -left)
        left = max(left, 0)
        fee = min(left, int(value * market.venue.clearance_fee(market.coin)))
        self.pay(market, state.FREE, fee_column(market.venue), fee)
        if terms.surplus == "pool":
            self.pay(market, state.FREE, state.POOL, left - fee)
        elif account.lots:
            account.margin += left - fee
            self.pay(market, state.FREE, state.COLLATERAL, left - fee)
        else:
            row["wallet"] += left - fee
        row["fee"] += fee
        row["pool"] += self.cash[purse, state.POOL] - pool

    def hand_off(self, market: ReferenceMarket, account: Account, lots: int, row: dict) -> None:
        """Winners, where that is due; then the pool, at the bankruptcy price."""
        if lots == 0:
            return
        good, at_mark = sign(market, account), self.at_mark(market, lots)
        at_ruin = bankruptcy_value(good, account, lots)
        if self.is_due(market, good * (at_ruin - at_mark)):
            value = at_mark if market.venue.deleveraging.price == "mark" else at_ruin
            lots -= self.close_against_winners(market, account, lots, value, row)
        if lots == 0:
            return
        value = bankruptcy_value(good, account, lots)
        self.take_over(market, state.ACCOUNTS_LOTS, account.side * lots, value, row)
        assert self.release(market, account, lots, value, state.POOL) == 0

    def close_against_winners(self, market: ReferenceMarket, account: Account, lots: int, value: int, row) -> int:
        """Close up to so many lots against winners; what the account is short of then is for pool and everybody."""
        done, paid = self.deleverage(market, account, lots, value, row)
        if done:
            pool = self.cash[market.purse, state.POOL]
            left = self.release(market, account, done, paid, state.EXTERNAL)
            self.hand(market, state.ACCOUNTS_LOTS, state.EXTERNAL_LOTS, account.side * done)
            row["socialised"] += self.bear(market, -left)
            self.pay(market, state.FREE, state.POOL, max(left, 0))
            row["pool"] += self.cash[market.purse, state.POOL] - pool
        return done


def fee_column(venue: Venue) -> int:
    """Return who gets the fee of a liquidation: the venue, or its pool."""
    return {"venue": state.CLEARANCE, "pool": state.POOL}[venue.fees.clearance_to]


def bankruptcy_value(good: int, account: Account, lots: int) -> int:
    """Return the quanta at which lots are closed so that nothing is left of their margin."""
    return account.cost * lots // account.lots - good * (account.margin * lots // account.lots)
