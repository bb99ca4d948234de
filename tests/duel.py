"""Both engines side by side: the compiled rules and the plain ones in the same world, compared after every step."""

import numpy as np
from reference_rules import ReferenceRules
from worlds import end_minute, let_accounts_trade, let_longs_pay, liquidate, rest_order

from cascade.assembly import build_world
from cascade.kernels.recount import recount
from cascade.scenario import Scenario
from cascade.state import (
    BUY,
    HOLDERS,
    LEDGER_COLUMNS,
    N_DELEVERAGED,
    N_TAPE,
    NO_ORDER,
    NO_POSITION,
    SELL,
    TICKS,
    World,
)

FIELDS = ("status", "lots", "cost", "margin")


class Duel:
    """The compiled rules and the reference in the same world, with marks and resting orders that a test gives."""

    def __init__(self, scenario: Scenario, seed: int, orders: int = 20):
        self.orders = orders  # that come into each book in a step
        self.world, _ = build_world(scenario, seed)
        self.reference = ReferenceRules(scenario, self.world)
        self.random = np.random.default_rng(seed)
        self.marks = self.world.markets["mark_usd"].copy()
        self.breached = self.stopped = 0

    def step(self, step: int, jump: float = 0.0) -> None:
        """Play one step on random orders and marks, and compare everything."""
        self.rest_orders()
        let_accounts_trade(self.world, step)
        self.reference.trade(step)
        self.marks *= np.exp(0.002 * self.random.standard_normal(len(self.marks)) + jump)
        self.world.markets["mark_usd"] = self.world.records.mark[step] = self.marks
        let_longs_pay(self.world, step)
        seen = int(self.world.counters.n[N_TAPE])
        liquidate(self.world, step)
        for market, mark in zip(self.reference.markets, self.marks, strict=True):
            market.mark_usd = float(mark)
        self.reference.pay_funding(step)
        breached, stopped = self.reference.breach(step, [float(mark) for mark in self.marks])
        in_line, stopping = breached_by(self.world, step, seen), stopping_in(self.world)
        assert len(in_line) == len(breached) and set(in_line) == breached
        assert len(stopping) == len(stopped) and set(stopping) == stopped
        self.reference.stand_in_line(in_line, stopping)
        self.reference.drain(step)
        if (step + 1) % 60 == 0:
            end_minute(self.world, (step + 1) // 60)
        self.breached, self.stopped = self.breached + len(breached), self.stopped + len(stopped)
        self.compare(seen)

    def rest_orders(self) -> None:
        """Put the same new orders into both books, around the last mark."""
        n = self.orders
        for market in self.reference.markets:
            middle = self.marks[market.number] / market.tick_usd - market.floor
            for away, lots in zip(self.random.exponential(0.004, n), self.random.integers(1, 80, n), strict=True):
                side = int(self.random.integers(2))
                tick = round(middle * (1.0 - away if side == BUY else 1.0 + away))
                if market.rest(side, tick, int(lots)):
                    rest_order(self.world, market.number, side, tick, int(lots))

    def compare(self, seen: int) -> None:
        """Hold accounts, ledger, pools, tapes and books of the two against each other."""
        world, reference = self.world, self.reference
        assert world.ledger.broken.tolist() == [0, 0]
        assert recount(world) == 0
        for field in FIELDS:
            expected = [getattr(account, field) for account in reference.accounts]
            np.testing.assert_array_equal(world.accounts.rows[field], expected, err_msg=field)
        cash = world.ledger.cash.reshape(-1, LEDGER_COLUMNS)
        assert {at: int(quanta) for at, quanta in np.ndenumerate(cash)} == {
            at: reference.cash[at] for at in np.ndindex(cash.shape)
        }
        held = world.ledger.lots.reshape(-1, HOLDERS)
        assert {at: int(lots) for at, lots in np.ndenumerate(held)} == {
            at: reference.held[at] for at in np.ndindex(held.shape)
        }
        for row, expected in zip(
            world.records.tape[seen : world.counters.n[N_TAPE]], reference.tape[seen:], strict=True
        ):
            assert {name: int(row[name]) for name in expected} == expected
        notes = world.records.deleveraged[: world.counters.n[N_DELEVERAGED]]
        assert len(notes) == len(reference.deleveraged)
        for row, expected in zip(notes, reference.deleveraged, strict=True):
            assert {name: int(row[name]) for name in expected} == expected
        for purse, peak in reference.peak.items():
            assert world.pools[purse]["peak"] == peak
            assert world.pools[purse]["alarm"] == (purse in reference.alarmed)
        for market in reference.markets:
            resting = [(order.side, order.tick, order.lots) for order in market.book.orders()]
            assert resting_in(world, market.number) == resting


def breached_by(world: World, step: int, seen: int) -> list[int]:
    """Return who was breached in a step, in line: the tape's new rows, then the queues from the front."""
    tape = world.records.tape[seen : world.counters.n[N_TAPE]]
    numbers = [int(row["account"]) for row in tape if row["trigger_step"] == step]
    rows, taken = world.accounts.rows, set(tape["account"].tolist())  # who is taken and still queued came back
    for market in world.markets:
        i = int(market["first_queued"])
        while i != NO_POSITION:
            numbers += [i] if rows[i]["prev"] == step and i not in taken else []
            i = int(rows[i]["next"])
    return numbers


def stopping_in(world: World) -> list[int]:
    """Return whose stops fired, in the order in which they will be closed."""
    numbers = []
    for market in world.markets:
        i = int(market["first_stopped"])
        while i != NO_POSITION:
            numbers.append(i)
            i = int(world.accounts.rows[i]["next"])
    return numbers


def resting_in(world: World, market: int) -> list[tuple[int, int, int]]:
    """Return side, tick and lots of all orders, bids from the best, then asks from the best."""
    heads = world.book.levels[market * TICKS : (market + 1) * TICKS]["head"]
    ticks = np.flatnonzero(heads)
    bids, asks = ticks[ticks <= world.book.best[2 * market]][::-1], ticks[ticks >= world.book.best[2 * market + 1]]
    found = []
    for side, tick in [*((BUY, tick) for tick in bids), *((SELL, tick) for tick in asks)]:
        slot = int(heads[tick])
        while slot != NO_ORDER:
            found.append((side, int(tick), int(world.book.orders[slot]["lots"])))
            slot = int(world.book.orders[slot]["next"])
    return found
