"""Both engines side by side: the compiled rules and the plain ones in the same world, compared after every step."""

import numpy as np
from cross_worlds import settle_all
from reference_cross import ReferenceCross
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
    OPEN,
    SELL,
    SLEEPING,
    TICKS,
    WATCHED,
    World,
)

FIELDS = ("status", "lots", "cost", "margin")
SEEN = {WATCHED: OPEN, SLEEPING: OPEN}  # to the reference, an account is open whenever it is looked at


class Duel:
    """The compiled rules and the reference in the same world, with marks and resting orders that a test gives."""

    def __init__(self, scenario: Scenario, seed: int, orders: int = 20, world: World | None = None):
        self.orders = orders  # that come into each book in a step
        self.world = build_world(scenario, seed)[0] if world is None else world
        self.reference = ReferenceCross(scenario, self.world)
        self.random = np.random.default_rng(seed)
        self.marks = self.world.markets["mark_usd"].copy()
        self.breached = self.stopped = 0

    def step(self, step: int, jump: float = 0.0) -> None:
        """Play one step on random orders and marks, and compare everything."""
        world, reference = self.world, self.reference
        self.rest_orders()
        let_accounts_trade(world, step)
        reference.trade(step)
        self.marks *= np.exp(0.002 * self.random.standard_normal(len(self.marks)) + jump)
        world.markets["mark_usd"] = world.records.mark[step] = self.marks
        let_longs_pay(world, step)
        seen = int(world.counters.n[N_TAPE])
        liquidate(world, step)
        for market, mark in zip(reference.markets, self.marks, strict=True):
            market.mark_usd = float(mark)
        reference.pay_funding(step)
        breached, stopped = reference.breach(step, [float(mark) for mark in self.marks])
        in_line, stopping = breached_by(world, step, seen), stopping_in(world)
        assert len(in_line) == len(breached) and set(in_line) == breached
        assert len(stopping) == len(stopped) and set(stopping) == stopped
        reference.stand_in_line(in_line, stopping)
        reference.drain(step)
        breached_cross, in_line = reference.breach_cross(step), breached_cross_by(world, step, seen)
        assert sorted(in_line) == breached_cross
        reference.stand_in_cross_line(in_line)
        reference.drain_cross(step)
        if (step + 1) % 60 == 0:
            end_minute(world, (step + 1) // 60)
            reference.note_pools()
        self.breached += len(breached) + len(breached_cross)
        self.stopped += len(stopped)
        self.compare(seen, settled(world, step))

    def rest_orders(self) -> None:
        """Put the same new orders into both books, around the last mark."""
        n = self.orders
        for market in self.reference.markets:
            usd = self.marks[market.number]
            middle = usd / market.tick_usd - market.floor
            unit = max(1, round(70.0 / (market.terms.contract_usd or market.lot_base * usd)))
            for away, lots in zip(self.random.exponential(0.004, n), self.random.integers(1, 80, n), strict=True):
                side = int(self.random.integers(2))
                tick = round(middle * (1.0 - away if side == BUY else 1.0 + away))
                if market.rest(side, tick, unit * int(lots)):
                    rest_order(self.world, market.number, side, tick, unit * int(lots))

    def compare(self, seen: int, world: World) -> None:
        """Hold accounts, ledger, pools, tapes and books of the two against each other."""
        reference = self.reference
        assert world.ledger.broken.tolist() == [0, 0]
        assert recount(world) == 0
        for field in FIELDS:
            expected = [getattr(account, field) for account in reference.accounts]
            np.testing.assert_array_equal(world.accounts.rows[field], expected, err_msg=field)
        self.compare_cross(world)
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

    def compare_cross(self, world: World) -> None:
        """Hold cross accounts and their legs against each other."""
        portfolios, rows = self.reference.portfolios, world.cross.portfolios
        assert [SEEN.get(int(s), int(s)) for s in rows["status"]] == [account.status for account in portfolios]
        assert rows["wallet"].tolist() == [account.wallet for account in portfolios]
        for name in ("lots", "cost"):
            expected = [getattr(leg, name) for account in portfolios for leg in account.legs]
            assert world.cross.legs[name].tolist() == expected, name


def settled(world: World, step: int) -> World:
    """Return a copy in which every cross account has paid its funding: the reference does not put that off."""
    cross = world.cross._replace(portfolios=world.cross.portfolios.copy())
    copy = world._replace(cross=cross, ledger=world.ledger._replace(cash=world.ledger.cash.copy()))
    settle_all(copy, step)
    return copy


def breached_by(world: World, step: int, seen: int) -> list[int]:
    """Return who was breached in a step, in line: the tape's new rows, then the queues from the front."""
    tape = world.records.tape[seen : world.counters.n[N_TAPE]]
    tape = tape[tape["account"] < len(world.accounts.rows)]
    numbers = [int(row["account"]) for row in tape if row["trigger_step"] == step]
    rows, taken = world.accounts.rows, set(tape["account"].tolist())  # who is taken and still queued came back
    for market in world.markets:
        i = int(market["first_queued"])
        while i != NO_POSITION:
            numbers += [i] if rows[i]["prev"] == step and i not in taken else []
            i = int(rows[i]["next"])
    return numbers


def breached_cross_by(world: World, step: int, seen: int) -> list[int]:
    """Return which cross accounts were breached in a step, in line: the same."""
    first, tape = len(world.accounts.rows), world.records.tape[seen : world.counters.n[N_TAPE]]
    tape = tape[(tape["account"] >= first) & (tape["trigger_step"] == step)]
    numbers = tape["account"].tolist()
    for engine in world.cross.engines:
        p = int(engine["first_queued"])
        while p != NO_POSITION:
            numbers += [first + p] if world.cross.portfolios[p]["trigger_step"] == step else []
            p = int(world.cross.portfolios[p]["next"])
    return list(dict.fromkeys(numbers))


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
