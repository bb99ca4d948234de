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
    last_order: int = 0
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

    def slack(self, account: Portfolio) -> float:
        slack = float(self.equity(account))
        for leg in account.legs:
            slack -= self.required(leg)
        return slack

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
            if account.status == state.OPEN and self.slack(account) < 0:
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
                if in_book and self.slack(account) >= 0:
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
                elif venue.liquidation.rule != "whole":
                    account.status = state.OPEN
                    queue.pop(0)

    def liquidate(self, account: Portfolio, step: int, venue, in_book: bool) -> None:
        """Close the worst leg or a part of it: into the book, the rest by the pool; or, off the book, at its mark."""
        measures = {
            "largest_loss": lambda leg: -self.profit(account, leg),
            "largest_notional": lambda leg: self.value(account, leg),
            "largest_margin": self.required,
        }
        terms = venue.liquidation
        leg = max((leg for leg in account.legs if not leg.is_coin and leg.lots), key=measures[terms.cross_order])
        market, side, lots, equity = self.markets[leg.market], leg.side, leg.lots, self.equity(account)
        row = Counter(account=account.number, trigger_step=account.breached_at, step=step, market=leg.market, side=side)
        row |= {name: 0 for name in ("fee", "pool", "socialised", "taken_over_lots", "filled_lots", "kind")}
        wallet, price = account.wallet, self.ruin_usd(account, leg) / market.tick_usd
        if not in_book:
            row["filled_lots"] = lots
            value = self.at_mark(leg.market, lots)
            self.release(account, leg, lots, value, state.ABSORBER, state.ABSORBER_LOTS)
            row["fee"] = self.charge(account, market, value)
        elif equity < terms.backstop * (equity - self.slack(account)):
            row["kind"] = state.BACKSTOP
            self.take_over(account, leg, lots, equity, row)
        else:
            wanted = self.lots_of_order(account, leg, step)
            row["kind"] = state.ORDER_WHOLE if wanted == lots else state.ORDER_PART
            tick = (math.ceil if side > 0 else math.floor)(min(price, 1e9) - market.floor)
            if terms.order == "market":
                tick = 0 if side > 0 else TICKS - 1
            filled, value, _ = market.take(SELL if side > 0 else BUY, min(max(tick, 0), TICKS - 1), wanted)
            row["filled_lots"] = filled
            if filled:
                self.release(account, leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
                row["fee"] = self.charge(account, market, value)
            self.take_over(account, leg, wanted - filled, equity * (wanted - filled) // lots, row)
            lots = wanted
        account.last_order, kept = step + 1, 0
        if not any(leg.lots for leg in account.legs if not leg.is_coin):
            kept = self.close(account, in_book, venue, row)
        self.tape.append(dict(row) | {"lots": lots, "loss": row.pop("coins", 0) + wallet - account.wallet - kept})
        self.tape[-1].pop("coins", None)

    def lots_of_order(self, account: Portfolio, leg: Leg, step: int) -> int:
        """Return what one order closes of a leg, by the venue's rule; all of it where that would be nothing."""
        market, terms = self.markets[leg.market], self.scenario.venues[account.venue].liquidation
        closed = leg.lots
        if terms.rule == "brackets":
            rows, unit = market.terms.brackets, market.venue.bracket_unit(market.coin)
            price = market.entry_usd(leg) if unit == "entry_notional" else market.mark_usd
            size = leg.lots * market.lot_base / (market.terms.contract_base or 1.0)
            measure = size if unit == "contracts" else market.notional(leg.lots, price)
            k = next((k for k, row in enumerate(rows) if measure <= row.cap), len(rows) - 1) - terms.brackets_down
            closed = leg.lots - int(rows[k].cap / measure * leg.lots) if k >= 0 else leg.lots
        elif terms.rule == "fraction":
            usd = leg.lots * (market.terms.contract_usd if market.is_inverse else market.lot_base * market.mark_usd)
            is_soon = account.last_order > 0 and step + 1 - account.last_order <= terms.pause_s
            closed = leg.lots if usd <= terms.above_usd or is_soon else int(terms.fraction * leg.lots)
        elif terms.rule == "compliance":
            fee = market.venue.clearance_fee(market.coin) * self.value(account, leg)
            freed = (self.required(leg) - fee) / leg.lots
            closed = int(-self.slack(account) / freed) + 1 if -self.slack(account) < freed * leg.lots else leg.lots
        return closed if 0 < closed < leg.lots else leg.lots

    def take_over(self, account: Portfolio, leg: Leg, lots: int, stake: int, row: Counter) -> None:
        """Give lots to the pool at the mark less the equity at stake; what that costs it too much is socialised."""
        if lots == 0:
            return
        good, at_mark, pool = self.good(leg), self.at_mark(leg.market, lots), (self.home(account).purse, state.POOL)
        value = max(at_mark - good * stake, 0)
        gain = good * (at_mark - value)
        missing = max(-gain - max(self.worth(pool[0]), 0), 0) if gain < 0 else 0
        self.cash[pool] += missing
        self.cash[pool[0], state.SOCIALISED] -= missing
        self.release(account, leg, lots, value, state.POOL, state.POOL_LOTS)
        row["taken_over_lots"] += lots
        row["pool"] += gain + missing
        row["socialised"] += missing

    def worth(self, purse: int) -> int:
        """Return a pool's cash, and its contracts at the mark."""
        worth = self.cash[purse, state.POOL]
        for market in self.markets:
            lots = self.held[market.number, state.POOL_LOTS]
            if market.purse == purse and lots:
                worth += (-1 if market.is_inverse else 1) * self.at_mark(market.number, lots)
        return worth

    def close(self, account: Portfolio, in_book: bool, venue, row: Counter) -> int:
        """Sell coins for a wallet below zero; the pool bears the rest. Return what is left to the owner."""
        for leg in account.legs:
            if leg.lots and account.wallet < 0:
                at_mark, lots = self.at_mark(leg.market, leg.lots), leg.lots
                row["coins"] += at_mark
                if not in_book:
                    self.release(account, leg, lots, at_mark, state.ABSORBER, state.ABSORBER_LOTS)
                    continue
                filled, value, _ = self.markets[leg.market].take(SELL, 0, lots)
                if filled:
                    self.release(account, leg, filled, value, state.EXTERNAL, state.EXTERNAL_LOTS)
                if leg.lots:
                    value = self.value(account, leg)
                    self.release(account, leg, leg.lots, value, state.EXTERNAL, state.EXTERNAL_LOTS)
        left, purse = account.wallet, self.home(account).purse
        account.wallet, account.status = 0, state.LIQUIDATED
        self.pay(account, state.COLLATERAL, state.FREE, left)
        missing = max(-left - max(self.worth(purse), 0), 0) if left < 0 else 0
        from_pool = max(-left, 0) - missing
        if left > 0 and venue.liquidation.surplus == "pool":
            from_pool, left = -left, 0
        self.pay(account, state.POOL, state.FREE, from_pool)
        self.pay(account, state.SOCIALISED, state.FREE, missing)
        row["pool"] -= from_pool
        row["socialised"] += missing
        return max(left, 0)

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
