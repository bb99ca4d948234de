"""The slow, plain pools and deleveraging: who cannot be paid, and which winners are closed instead.

Winners are sorted anew every minute, all of a market's side at once. Here they are isolated positions; what else may
win, `ReferenceCross` says.
"""

from reference_day import ReferenceDay, sign
from reference_market import Account, ReferenceMarket

from cascade import state
from cascade.scenario import Scenario

REFRESH_S = 60  # for which a ranking is kept


class ReferenceWinners(ReferenceDay):
    """The plain day, its pools with a memory, its winners in a ranking."""

    def __init__(self, scenario: Scenario, world: state.World, capacity: int = 100_000):
        super().__init__(scenario, world, capacity)
        self.rankings: dict[tuple[int, int], tuple[int, list]] = {}
        self.peak = {market.purse: self.cash[market.purse, state.POOL] for market in self.markets}
        self.windows = {m.purse: round(m.venue.deleveraging.window_h * 60) + 1 for m in self.markets}
        self.alarmed: set[int] = set()
        self.pools = [dict(self.peak)]
        self.deleveraged: list[dict] = []

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

    def take_over(self, market: ReferenceMarket, holder: int, lots: int, value: int, row: dict) -> None:
        """Give lots (signed) to the pool for a value; everybody makes good what it cannot afford."""
        good = (-1 if market.is_inverse else 1) * (1 if lots > 0 else -1)
        gain = good * (self.at_mark(market, abs(lots)) - value)
        missing = max(-gain - max(self.worth(market.purse), 0), 0)
        self.pay(market, state.SOCIALISED, state.POOL, missing)
        self.hand(market, holder, state.POOL_LOTS, lots)
        row["taken_over_lots"] += abs(lots)
        row["pool"] += gain + missing
        row["socialised"] += missing

    # ── deleveraging ─────────────────────────────────────────────────────────────────────────────────────────
    def deleverage(self, market: ReferenceMarket, bankrupt, lots: int, value: int, row: dict) -> tuple[int, int]:
        """Close winners against lots worth a value, first ranked first; return how many lots they took, for what."""
        done, paid, ranking = 0, 0, self.ranking(market, -bankrupt.side, row["step"])
        while done < lots and ranking:
            winner = ranking[0]
            if not self.is_winning(market, winner):
                ranking.pop(0)
                continue
            closed = min(lots - done, winner.lots)
            part = value * (done + closed) // lots - paid
            if self.equity_after(market, winner, closed, part) < 0:
                ranking.pop(0)
                continue
            profit = sign(market, winner) * (part - winner.cost * closed // winner.lots)
            note = {"account": row["account"], "counterparty": self.number_of(winner), "liquidation": len(self.tape)}
            forgone = sign(market, winner) * (self.at_mark(market, closed) - part)
            note |= {"step": row["step"], "lots": closed, "profit": profit, "forgone": forgone}
            self.deleveraged.append(note)
            self.close_winner(market, winner, closed, part)
            done, paid = done + closed, paid + part
        row["deleveraged_lots"] += done
        return done, paid

    def ranking(self, market: ReferenceMarket, side: int, step: int) -> list:
        """Return who is deleveraged first: everybody in profit, sorted, anew every minute."""
        built, ranking = self.rankings.get((market.number, side), (-REFRESH_S, []))
        if step - built >= REFRESH_S:
            winners = [holder for holder in self.holders(market, side) if self.is_winning(market, holder)]
            built, ranking = step, sorted(winners, key=lambda winner: -self.score(market, winner))
            self.rankings[market.number, side] = built, ranking
        return ranking

    def profit(self, market: ReferenceMarket, winner) -> int:
        return sign(market, winner) * (self.at_mark(market, winner.lots) - winner.cost)

    def score(self, market: ReferenceMarket, winner) -> float:
        profit, worth, cost = self.profit(market, winner), self.at_mark(market, winner.lots), winner.cost
        leverage = worth / max(self.equity_behind(market, winner), 1.0)
        gained = worth / cost if sign(market, winner) > 0 else 1 / (worth / cost)
        by = {"profit": profit, "profit_times_leverage": profit / cost * leverage}
        return by.get(market.venue.deleveraging.ranking, gained * leverage)

    # ── what a winner is ─────────────────────────────────────────────────────────────────────────────────────
    def holders(self, market: ReferenceMarket, side: int) -> list:
        """Return all who hold a market's side, in the order of their numbers."""
        return [account for account in self.accounts if account.market == market.number and account.side == side]

    def number_of(self, winner: Account) -> int:
        return winner.number

    def is_winning(self, market: ReferenceMarket, winner: Account) -> bool:
        return winner.status in (state.OPEN, state.STOPPING) and self.profit(market, winner) > 0

    def equity_behind(self, market: ReferenceMarket, winner: Account) -> int:
        return winner.margin + self.profit(market, winner)

    def equity_after(self, market: ReferenceMarket, winner: Account, lots: int, value: int) -> int:
        """Return what lots leave of their margin, closed for a value."""
        cost, margin = winner.cost * lots // winner.lots, winner.margin * lots // winner.lots
        return margin + sign(market, winner) * (value - cost)

    def close_winner(self, market: ReferenceMarket, winner: Account, lots: int, value: int) -> None:
        """Close lots of a winner: what is left of their margin is its owner's."""
        self.release(market, winner, lots, value, state.EXTERNAL)
        self.hand(market, state.ACCOUNTS_LOTS, state.EXTERNAL_LOTS, winner.side * lots)
        if winner.lots == 0:
            winner.status = state.CLOSED
        elif winner.status == state.OPEN:
            market.place_stop(winner)
