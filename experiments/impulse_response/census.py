"""The books in calm, order by order: spread, depth, lifetimes, and how much of a book is new after a minute."""

import math
from dataclasses import dataclass

import numpy as np

from cascade.assembly import build_world, post_tables
from cascade.config import Priors
from cascade.kernels.liquidity import TOUCH_LIFE_S, TOUCH_QUOTES
from cascade.kernels.loop import run_steps
from cascade.scenario import Scenario
from cascade.state import NO_ORDER, TICKS, World

RECORDED = 0.05  # of the mid: the part of a book that the recorded refill speaks of
LEVELS = (0.001, 0.01)
MINUTE_S = 60


@dataclass(frozen=True)
class Orders:
    """The orders that rest in one market."""

    ids: np.ndarray  # int64, ascending; drawn from 2**64, so an order's own
    lots: np.ndarray
    away: np.ndarray  # distance from the mid, fraction; bids negative

    def within(self, fraction: float) -> "Orders":
        """Return those within a fraction of the mid."""
        near = np.abs(self.away) <= fraction
        return Orders(self.ids[near], self.lots[near], self.away[near])


@dataclass(frozen=True)
class Census:
    """Means over a world's time, of one market; lots are shares of the stated depth within 1%."""

    venue: str
    spread_ticks: float  # median over seconds
    spread_bp: float
    one_tick: float  # share of seconds
    depth: tuple[float, float]  # within 0.1% and 1%, mean of both sides, over the stated depth within 1%
    orders: float
    gone_per_minute: float  # value that was there a minute before and is no more, over the value then
    new_per_minute: float  # value that was not there a minute before, over the value now
    inserted_per_minute: float  # value of all orders first seen in a minute's seconds, over the value that rests
    lifetimes_s: np.ndarray  # of orders first seen in the first half of the time; inf for those that outlive it


def take_census(scenario: Scenario, seed: int, stated_lots: np.ndarray) -> list[Census]:
    """Run a scenario second by second and return what its first books held, as many as stated depths are given."""
    world, _ = build_world(scenario, seed)
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    seconds = scenario.seconds
    diaries = [Diary(market, seconds) for market in range(len(stated_lots))]
    for step in range(seconds):
        run_steps(world, step, step + 1, warmup)
        for diary in diaries:
            diary.note(world, step)
    return [
        diary.census(scenario.venues[world.contracts.venue[diary.market]].name, stated_lots[diary.market])
        for diary in diaries
    ]


class Diary:
    """What is seen of one market, second by second."""

    def __init__(self, market: int, seconds: int) -> None:
        self.market, self.seconds = market, seconds
        self.spreads: list[tuple[int, float]] = []
        self.depths: list[list[float]] = []
        self.counts: list[tuple[int, float, float]] = []  # orders, their lots, the lots of those first seen now
        self.turnover: list[tuple[float, float]] = []
        self.born: dict[int, int] = {}
        self.lived: dict[int, int] = {}
        self.last, self.minute_ago = None, None

    def note(self, world: World, step: int) -> None:
        """Note the market's book at the end of a second."""
        bid, ask = (int(tick) for tick in world.book.best[2 * self.market : 2 * self.market + 2])
        self.spreads.append(
            (ask - bid, 2e4 * (ask - bid) / (ask + bid + 2 * int(world.contracts.floor_tick[self.market])))
        )
        orders = resting(world, self.market)
        self.depths.append([orders.within(u).lots.sum() / 2 for u in LEVELS])
        orders = orders.within(RECORDED)
        if self.last is not None:
            self._note_births(orders, step)
        if step % MINUTE_S == 0:
            if self.minute_ago is not None:
                self.turnover.append((fresh(orders, self.minute_ago), fresh(self.minute_ago, orders)))
            self.minute_ago = orders
        self.last = orders

    def _note_births(self, orders: Orders, step: int) -> None:
        is_new = ~np.isin(orders.ids, self.last.ids, assume_unique=True)
        self.counts.append((len(orders.ids), orders.lots.sum(), orders.lots[is_new].sum()))
        if step < self.seconds // 2:
            self.born |= dict.fromkeys(orders.ids[is_new].tolist(), step)
        for gone in self.last.ids[~np.isin(self.last.ids, orders.ids, assume_unique=True)].tolist():
            if gone in self.born:
                self.lived[gone] = step - self.born[gone]

    def census(self, venue: str, stated_lots: float) -> Census:
        """Return the means."""
        ticks, bp = np.array(self.spreads).T
        orders, lots, new_lots = np.array(self.counts).mean(axis=0)
        new, gone = np.mean(self.turnover, axis=0)
        return Census(
            venue=venue,
            spread_ticks=float(np.median(ticks)),
            spread_bp=float(np.median(bp)),
            one_tick=float((ticks == 1).mean()),
            depth=tuple(np.mean(self.depths, axis=0) / stated_lots),
            orders=float(orders),
            gone_per_minute=float(gone),
            new_per_minute=float(new),
            inserted_per_minute=float(MINUTE_S * new_lots / lots),
            lifetimes_s=np.array([self.lived.get(order, math.inf) for order in self.born]),
        )


def fresh(orders: Orders, before: Orders) -> float:
    """Return the share of the lots of `orders` whose order was not among those `before`."""
    return orders.lots[~np.isin(orders.ids, before.ids, assume_unique=True)].sum() / orders.lots.sum()


def resting(world: World, market: int) -> Orders:
    """Return the orders that rest in a market, found by walking the queue of every tick."""
    slots, waiting = [], world.book.levels["head"][market * TICKS : (market + 1) * TICKS]
    waiting = waiting[waiting != NO_ORDER]
    while len(waiting):
        slots.append(waiting)
        waiting = world.book.orders["next"][waiting]
        waiting = waiting[waiting != NO_ORDER]
    rows = world.book.orders[np.concatenate(slots)]
    floor = world.contracts.floor_tick[market]
    mid = world.book.best[2 * market : 2 * market + 2].mean() + floor
    return Orders(rows["id"].copy(), rows["lots"].astype(np.float64), (rows["tick"] + floor) / mid - 1.0)


def walked_fall(scenario: Scenario, seed: int, step: int, sold_lots: np.ndarray) -> np.ndarray:
    """Return, market by market, by how much (log) the best bid falls if these lots meet the book at a step's end."""
    world, _ = build_world(scenario, seed)
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, step + 1, warmup)
    return np.array([_walk(world, market, lots) for market, lots in enumerate(sold_lots)])


def _walk(world: World, market: int, sold_lots: float) -> float:
    orders = resting(world, market)
    bids = np.flatnonzero(orders.away < 0)
    bids = bids[np.argsort(-orders.away[bids], kind="stable")]
    last = np.searchsorted(np.cumsum(orders.lots[bids]), sold_lots, side="right")
    return float(np.log1p(orders.away[bids[0]]) - np.log1p(orders.away[bids[min(last, len(bids) - 1)]]))


def stated_lifetimes_s(priors: Priors, quantiles: list[float]) -> np.ndarray:
    """Return quantiles of the lifetimes that the priors draw: depth by distance, and the quotes at the touch."""
    posts, _ = post_tables(priors.liquidity)
    exponential = posts["exponential"][:-1]
    drawn = [np.outer(posts["life"][:-1], exponential).ravel(), TOUCH_LIFE_S * exponential]
    weights = [
        np.full(life.size, rate / life.size)
        for life, rate in zip(drawn, (priors.liquidity.posts_per_s, TOUCH_QUOTES), strict=True)
    ]
    lives, weight = np.concatenate(drawn), np.concatenate(weights)
    order = np.argsort(lives)
    places = np.searchsorted(np.cumsum(weight[order]), np.array(quantiles) * weight.sum())
    return np.maximum(1.0, np.floor(lives[order][places]))
