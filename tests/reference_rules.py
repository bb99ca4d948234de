"""The slow, plain rules of liquidation: parts, backstop, pools, deleveraging, socialised losses.

Written from the venues' files, with lists, full scans and Python ints, on top of the plain day. What one order closes
is found by trying every number of lots; who is deleveraged, by sorting everybody.
"""

import math
from collections import Counter

from reference_day import ReferenceDay, sign
from reference_market import Account, ReferenceMarket

from cascade import state
from cascade.scenario import Scenario
from cascade.state import BUY, SELL, TICKS

REFRESH_S = 60  # for which a ranking is kept


class ReferenceRules(ReferenceDay):
    """The plain day, its positions liquidated by each venue's own rules."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 100_000):
        super().__init__(scenario, world, capacity)
        self.last_part: dict[int, int] = {}
        self.rankings: dict[tuple[int, int], tuple[int, list[int]]] = {}
        self.peak = {market.purse: self.cash[market.purse, state.POOL] for market in self.markets}
        self.windows = {m.purse: round(m.venue.deleveraging.window_h * 60) + 1 for m in self.markets}
        self.alarmed: set[int] = set()
        self.pools = [dict(self.peak)]
        self.deleveraged: list[dict] = []

    # ── queue ────────────────────────────────────────────────────────────────────────────────────────────────
    def drain(self, step: int) -> None:
        """Liquidate from the front of every queue; who comes back waits for the next step."""
        for market in self.markets:
            if market.venue.liquidation is None:
                continue
            waiting, market.queue = market.queue, []
            rate = int(market.venue.liquidation.orders_per_s)
            for account in waiting[:rate]:
                self.liquidate(market, account, step)
            market.queue = waiting[rate:] + market.queue
        if (step + 1) % 60 == 0:
            self.note_pools()

    def liquidate(self, market: ReferenceMarket, account: Account, step: int) -> None:
        """Send one order; what the book does not fill goes to winners or to the pool."""
        terms, side, before = market.venue.liquidation, account.side, account.margin
        row = Counter(account=account.number, trigger_step=account.breached_at, step=step, kind=state.ORDER_WHOLE)
        row |= {name: 0 for name in ("deleveraged_lots", "taken_over_lots", "filled_lots", "pool", "fee", "socialised")}
        lots, price = account.lots, market.bankruptcy_usd(account) / market.tick_usd
        if not self.scenario.mechanisms.liquidations:
            row["filled_lots"] = lots
            self.settle_order(market, account, lots, self.at_mark(market, lots), state.ABSORBER, row)
            self.hand(market, state.ACCOUNTS_LOTS, state.ABSORBER_LOTS, side * lots)
        elif self.is_backstopped(market, account):
            row["kind"] = state.BACKSTOP
            self.hand_off(market, account, lots, row)
        else:
            lots = self.lots_of_order(market, account, step)
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
        kept = row.pop("wallet", 0)
        self.tape.append(dict(row) | {"lots": lots, "loss": before - account.margin - kept})
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

    def lots_of_order(self, market: ReferenceMarket, account: Account, step: int) -> int:
        """Return how many lots one order closes."""
        rule = market.venue.liquidation.rule
        of = {"brackets": self.kept_by_bracket, "compliance": self.kept_in_compliance, "whole": lambda *_: 0}
        kept = self.kept_by_fraction(market, account, step) if rule == "fraction" else of[rule](market, account)
        return account.lots - kept if kept < account.lots else account.lots

    def kept_by_bracket(self, market: ReferenceMarket, account: Account) -> int:
        """The most lots that the bracket some way below holds."""
        down = market.venue.liquidation.brackets_down
        k = market.bracket_of(account, account.lots, market.mark_usd)
        if k < down:
            return 0
        return max(n for n in range(account.lots) if market.bracket_of(account, n, market.mark_usd) <= k - down)

    def kept_by_fraction(self, market: ReferenceMarket, account: Account, step: int) -> int:
        """All but a share, if the position is large and was not cut a moment ago."""
        terms = market.venue.liquidation
        notional = account.lots * (market.terms.contract_usd or market.lot_base * market.mark_usd)
        last = self.last_part.get(account.number)
        is_paused = last is not None and step - last <= terms.pause_s
        if notional <= terms.above_usd or is_paused:
            return 0
        return account.lots - int(terms.fraction * account.lots)

    def kept_in_compliance(self, market: ReferenceMarket, account: Account) -> int:
        """The most lots that meet their requirement once the others are closed at the mark."""
        equity, mark = market.equity(account, market.mark_usd), market.mark_usd
        for kept in range(account.lots - 1, 0, -1):
            if market.venue.liquidation.surplus == "account":
                fee = market.venue.clearance_fee(market.coin)
                rest = equity - fee * market.notional(account.lots - kept, mark)
            else:
                rest = equity * (kept / account.lots)
            if rest >= market.required(account, mark, kept):
                return kept
        return 0

    # ── who pays ─────────────────────────────────────────────────────────────────────────────────────────────
    def settle_order(self, market, account: Account, lots: int, value: int, payer: int, row: Counter) -> None:
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
        self.pay(market, state.FREE, state.CLEARANCE, fee)
        if terms.surplus == "pool":
            self.pay(market, state.FREE, state.POOL, left - fee)
        elif account.lots:
            account.margin += left - fee
            self.pay(market, state.FREE, state.COLLATERAL, left - fee)
        else:
            row["wallet"] += left - fee
        row["fee"] += fee
        row["pool"] += self.cash[purse, state.POOL] - pool

    def hand_off(self, market: ReferenceMarket, account: Account, lots: int, row: Counter) -> None:
        """Winners, where that is due; then the pool, at the bankruptcy price."""
        if lots == 0:
            return
        good = sign(market, account)
        loss = good * (bankruptcy_value(good, account, lots) - self.at_mark(market, lots))
        if self.is_due(market, loss):
            lots -= self.deleverage(market, account, lots, row)
        if lots == 0:
            return
        value = bankruptcy_value(good, account, lots)
        gain = good * (self.at_mark(market, lots) - value)
        missing = max(-gain - max(self.worth(market.purse), 0), 0)
        self.pay(market, state.SOCIALISED, state.POOL, missing)
        assert self.release(market, account, lots, value, state.POOL) == 0
        self.hand(market, state.ACCOUNTS_LOTS, state.POOL_LOTS, account.side * lots)
        row["taken_over_lots"] += lots
        row["pool"] += gain + missing
        row["socialised"] += missing

    # ── pools ────────────────────────────────────────────────────────────────────────────────────────────────
    def note_pools(self) -> None:
        """Remember what every pool is worth at the minute's end, and the most it was worth in the window."""
        self.pools.append({purse: self.worth(purse) for purse in self.peak})
        for purse, window in self.windows.items():
            self.peak[purse] = max(minute[purse] for minute in self.pools[-window:])

    def is_due(self, market: ReferenceMarket, loss: int) -> bool:
        """Whether winners are closed rather than the pool asked."""
        rule, purse = market.venue.deleveraging, market.purse
        if loss <= 0 or rule.trigger == "never":
            return False
        if rule.trigger == "pool_fall":
            worth = self.worth(purse)
            self.peak[purse] = peak = max(self.peak[purse], worth)
            fallen = 1 - worth / peak if peak > 0 else 1.0
            alarmed = fallen >= (rule.stop if purse in self.alarmed else rule.fall)
            (self.alarmed.add if alarmed else self.alarmed.discard)(purse)
            if alarmed:
                return True
        is_short = loss > max(self.worth(purse), 0)
        can_follow = rule.trigger == "pool_empty" or market.venue.insurance.shortage == "deleverage"
        return rule.trigger == "equity_negative" or (is_short and can_follow)

    # ── deleveraging ─────────────────────────────────────────────────────────────────────────────────────────
    def deleverage(self, market: ReferenceMarket, account: Account, lots: int, row: Counter) -> int:
        """Close winners against the account, first ranked first; return how many lots they took."""
        at_mark = market.venue.deleveraging.price == "mark"
        value = self.at_mark(market, lots) if at_mark else bankruptcy_value(sign(market, account), account, lots)
        done, paid, ranking = 0, 0, self.ranking(market, -account.side, row["step"])
        while done < lots and ranking:
            winner = self.accounts[ranking[0]]
            if not self.is_winning(market, winner):
                ranking.pop(0)
                continue
            closed = min(lots - done, winner.lots)
            part = value * (done + closed) // lots - paid
            cost, margin = winner.cost * closed // winner.lots, winner.margin * closed // winner.lots
            profit = sign(market, winner) * (part - cost)
            if margin + profit < 0:
                ranking.pop(0)
                continue
            note = {"account": account.number, "counterparty": winner.number, "liquidation": len(self.tape)}
            forgone = sign(market, winner) * (self.at_mark(market, closed) - part)
            note |= {"step": row["step"], "lots": closed, "profit": profit, "forgone": forgone}
            self.deleveraged.append(note)
            assert self.release(market, winner, closed, part, state.EXTERNAL) == margin + profit
            if winner.lots == 0:
                winner.status = state.CLOSED
            elif winner.status == state.OPEN:
                market.place_stop(winner)
            done, paid = done + closed, paid + part
        if done:
            pool = self.cash[market.purse, state.POOL]
            left = self.release(market, account, done, paid, state.EXTERNAL)
            row["socialised"] += self.bear(market, -left)
            self.pay(market, state.FREE, state.POOL, max(left, 0))
            row["pool"] += self.cash[market.purse, state.POOL] - pool
            row["deleveraged_lots"] = done
        return done

    def ranking(self, market: ReferenceMarket, side: int, step: int) -> list[int]:
        """Return who is deleveraged first: everybody in profit, sorted, anew every minute."""
        built, ranking = self.rankings.get((market.number, side), (-REFRESH_S, []))
        if step - built >= REFRESH_S:
            winners = [a for a in self.accounts if a.market == market.number and a.side == side]
            winners = [a for a in winners if self.is_winning(market, a)]
            built, ranking = step, [a.number for a in sorted(winners, key=lambda a: (-self.score(market, a), a.number))]
            self.rankings[market.number, side] = built, ranking
        return ranking

    def is_winning(self, market: ReferenceMarket, account: Account) -> bool:
        return account.status in (state.OPEN, state.STOPPING) and self.profit(market, account) > 0

    def profit(self, market: ReferenceMarket, account: Account) -> int:
        return sign(market, account) * (self.at_mark(market, account.lots) - account.cost)

    def score(self, market: ReferenceMarket, account: Account) -> float:
        profit, worth, cost = self.profit(market, account), self.at_mark(market, account.lots), account.cost
        leverage = worth / max(account.margin + profit, 1.0)
        gained = worth / cost if sign(market, account) > 0 else 1 / (worth / cost)
        by = {"profit": profit, "profit_times_leverage": profit / cost * leverage}
        return by.get(market.venue.deleveraging.ranking, gained * leverage)


def bankruptcy_value(good: int, account: Account, lots: int) -> int:
    """Return the quanta at which lots are closed so that nothing is left of their margin."""
    return account.cost * lots // account.lots - good * (account.margin * lots // account.lots)
