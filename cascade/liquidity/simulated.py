"""One market of the engine, looked at as a recording is: at every second's end, and order by order of its takers."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from cascade.assembly import build_world
from cascade.config import Priors, load_priors
from cascade.engine import simulate
from cascade.kernels.loop import run_steps
from cascade.liquidity.file import LiquidityFit
from cascade.liquidity.microstructure import DISTANCES, LAGS_S, Seconds
from cascade.liquidity.observing import BOOKS_S, WINDOW
from cascade.scenario import Scenario, load_venues
from cascade.state import BUY, NO_ORDER, SELL, TICKS, World

VENUE = "binance"
ROOM = 1 << 20  # for takers' orders


def market_alone(priors: Priors, coin: str, open_usd: float, seconds: int, venue: str = VENUE) -> Scenario:
    """Return a world of one market, without leverage and without news; takers' orders are kept."""
    priors = priors.changed(run={"taken_slots": ROOM})
    return Scenario(
        name=f"{coin} as recorded",
        coins=(coin,),
        venues=load_venues([venue]),
        open_usd=(open_usd,),
        seconds=seconds,
        priors=priors,
    )


def simulated(scenario: Scenario, seed: int) -> Seconds:
    """Run a market and return it second by second; for worlds of `market_alone`."""
    world, _ = build_world(scenario, seed)
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    tick, floor = float(world.contracts.tick_usd[0]), int(world.contracts.floor_tick[0])
    rows, books = [], []
    mid = world.book.best[:2].mean()
    reach = int((mid + floor) * 0.012)
    near = int((mid + floor) * WINDOW)
    window = slice(int(mid) - near, int(mid) + near)
    for step in range(scenario.seconds):
        run_steps(world, step, step + 1, warmup)
        bid, ask = (int(t) for t in world.book.best[:2])
        first, lots = lots_by_tick(world, bid - reach, ask + reach)
        usd = lots * world.contracts.lot_base[0] * (0.5 * (bid + ask) + floor) * tick
        rows.append((bid + floor, ask + floor, *look(usd, bid - first, ask - first, floor + first)))
        if step < BOOKS_S:
            books.append(by_side(usd, first, bid, window))
    bids, asks, touches, depths = zip(*rows, strict=True)
    taken = world.records.taken[: world.records.n_taken[0]]
    taken = taken[taken["clock"] >= warmup]
    return Seconds(
        tick_usd=tick,
        bid_usd=np.array(bids) * tick,
        ask_usd=np.array(asks) * tick,
        touch_usd=np.array(touches),
        depth_usd=np.array(depths),
        order_second=taken["clock"] - warmup,
        order_usd=taken["lots"] * world.contracts.lot_base[0] * (taken["tick"] + floor) * tick,
        order_sign=np.where(taken["side"] == SELL, -1, 1).astype(np.int8),
        books_usd=np.array(books),
        first_price_usd=(window.start + floor) * tick,
    )


def own_noise(fit: LiquidityFit, seeds: Sequence[int] = range(1, 13), seconds: int = 1800) -> float:
    """Return the noise of the value, bp per root second, with which the engine's price moves as the recorded one did.

    Over 1 to 5 s, where a recording is precise. Takers' orders move the price besides, and the more, the more the value
    does, because books behind a moving price are thin: so it is searched for. 0, where takers alone move it as much.
    """
    lags = [lag for lag in LAGS_S if lag <= 5]
    wanted = fit.measured["signature_bp2_per_s_by_lag_s"].value[: len(lags)].mean()
    priors = load_priors().changed(**fit.sections())
    open_usd = float(fit.market.mid_usd[0])

    def excess(noise_bp: float) -> float:
        changed = priors.changed(flow={"value_bp_per_sqrt_s": noise_bp})
        scenario = market_alone(changed, fit.coin, open_usd, seconds)
        logs = [np.log(simulate(scenario, seed).index_usd[0]) * 1e4 for seed in seeds]
        return float(np.mean([np.mean((x[lag:] - x[:-lag]) ** 2) / lag for x in logs for lag in lags]) - wanted)

    if excess(0.0) >= 0:
        return 0.0
    return float(brentq(excess, 0.0, float(np.sqrt(wanted)), xtol=0.01))  # pyright: ignore[reportArgumentType]


def lots_by_tick(world: World, first: int, last: int) -> tuple[int, np.ndarray]:
    """Return the first tick looked at, and the lots that rest at every tick from there to before `last`."""
    first, last = max(first, 0), min(last, TICKS)
    lots = np.zeros(last - first)
    waiting = world.book.levels["head"][first:last].astype(np.int64)
    while (waiting != NO_ORDER).any():
        lots += np.where(waiting != NO_ORDER, world.book.orders["lots"][waiting], 0)
        waiting = np.where(waiting != NO_ORDER, world.book.orders["next"][waiting], NO_ORDER)
    return first, lots


def look(usd: np.ndarray, bid: int, ask: int, floor: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the value at the touch and within each distance, by side; `usd` is by tick from `floor` on."""
    mid_ticks = 0.5 * (bid + ask) + floor
    depths = np.zeros((2, len(DISTANCES)))
    for j, distance in enumerate(DISTANCES):
        reach = int(mid_ticks * distance)
        depths[BUY, j] = usd[max(0, bid - reach) : bid + 1].sum()
        depths[SELL, j] = usd[ask : ask + reach + 1].sum()
    return usd[[bid, ask]], depths


def by_side(usd: np.ndarray, first: int, bid: int, window: slice) -> np.ndarray:
    """Return the value at the prices of a window, by side."""
    ticks = np.arange(window.start, window.stop)
    there = np.zeros(len(ticks))
    inside = (ticks >= first) & (ticks < first + len(usd))
    there[inside] = usd[ticks[inside] - first]
    return np.stack((np.where(ticks <= bid, there, 0), np.where(ticks > bid, there, 0))).astype(np.float32)
