"""Providers: orders that expire, quotes that lag, posts around the reference price, and withdrawal."""

import math

import numpy as np

from cascade.kernels.book import append, free_slot, new_slot, unlink
from cascade.kernels.draws import bits, field, normal, poisson, uniform
from cascade.kernels.jit import rule
from cascade.kernels.orders import note_taken
from cascade.kernels.record import lots_at
from cascade.state import (
    BUY,
    HISTORY,
    LIQUIDATION_STRESS,
    N_EXPIRED,
    N_INFORMED,
    N_POOL_FULL,
    N_POSTS,
    N_PULLED,
    N_TRADES,
    NO_ORDER,
    POST_STREAM,
    POSTS,
    QUANTILES,
    REFILL,
    RETREAT,
    SELL,
    SEVERITY,
    STEP_S,
    STREAMS,
    STRESS_FADE,
    TAKEN_SHARE,
    TICKS,
    VALUE_STREAM,
    WHEEL,
    WITHDRAWAL,
)

TOUCH_QUOTES = 4  # posted at the touch in every step, two a side
TOUCH_LIFE_S = 2.0  # mean
EPISODE_S, EPISODES = 1800, 1 << 20  # for how long a severity of withdrawal holds, and which draw it is
REQUOTES = 1 << 20  # draws of a step from there on are those of quotes that follow takers


@rule
def expire(world, market):
    """Remove the orders whose lifetime has run out, and recycle the slots of those that were filled before."""
    book, liquidity = world.book, world.liquidity
    now = np.int64(world.coins[world.contracts.coin[market]]["hazard_s"])
    for bucket in range(world.markets[market]["expired"] + 1, now + 1):
        spoke = market * WHEEL + (bucket & (WHEEL - 1))
        slot = np.int64(liquidity.wheel[spoke])
        liquidity.wheel[spoke] = NO_ORDER
        while slot != NO_ORDER:
            behind = np.int64(book.orders[slot]["chain"])
            if book.orders[slot]["lots"] > 0:
                unlink(book, market, slot)
                world.counters.n[N_EXPIRED] += 1
            free_slot(book, slot)
            slot = behind
    world.markets[market]["expired"] = now


@rule
def fair_tick(world, market):
    """Return the reference price in ticks of the market's book, with its fraction."""
    deviation = world.markets[market]["local"] + world.markets[market]["leaning"]
    usd = world.coins[world.contracts.coin[market]]["reference_usd"] * (1.0 + deviation)
    return usd / world.contracts.tick_usd[market] - world.contracts.floor_tick[market]


@rule
def settle_stale(world, market, clock):
    """Clear the quotes that lag the reference: informed traders take some, the owners pull the rest in time."""
    best = world.book.best
    fair = min(max(np.int64(math.floor(fair_tick(world, market))), -1), TICKS - 1)  # off the book: all of a side lags
    while best[2 * market] > fair:
        clear_front(world, market, BUY, clock)
    while best[2 * market + 1] <= fair:
        clear_front(world, market, SELL, clock)


@rule
def clear_front(world, market, side, clock):
    """Take or pull the first order of a side; which of the two was drawn at its birth."""
    book, counters = world.book, world.counters
    tick = book.best[2 * market + side]
    slot = np.int64(book.levels[market * TICKS + tick]["head"])
    order = book.orders[slot]
    if uniform(np.uint64(order["id"])) < world.settings.rates[TAKEN_SHARE]:
        world.markets[market]["taken_lots"] += order["lots"]
        counters.n[N_TRADES] += 1
        counters.n[N_INFORMED] += 1
        world.markets[market]["last_tick"] = tick
        note_taken(world, market, clock, 1 - side, np.int64(order["lots"]), True)
    else:
        counters.n[N_PULLED] += 1
    order["lots"] = 0
    unlink(book, market, slot)


@rule
def post(world, market, side, tick, word):
    """Return the slot of a new order without size or lifetime, or NO_ORDER; a post that would cross steps back."""
    book = world.book
    if side == BUY:
        tick = min(tick, book.best[2 * market + 1] - 1)
    else:
        tick = max(tick, book.best[2 * market] + 1)
    if tick < 0 or tick >= TICKS:
        return NO_ORDER
    slot = new_slot(book)
    if slot == NO_ORDER:
        world.counters.n[N_POOL_FULL] += 1
        return NO_ORDER
    append(book, market, side, tick, 1, slot)
    book.orders[slot]["id"] = np.int64(word)
    world.counters.n[N_POSTS] += 1
    return slot


@rule
def endow(world, market, slot, lots, life_s):
    """Give the order in `slot` its size, and file it where it expires."""
    if slot == NO_ORDER:
        return
    liquidity, order = world.liquidity, world.book.orders[slot]
    order["lots"] = max(np.int64(1), np.int64(lots))
    now = world.markets[market]["expired"]
    due = np.int64(world.coins[world.contracts.coin[market]]["hazard_s"] + life_s)
    spoke = market * WHEEL + (min(max(due, now + 1), now + WHEEL - 1) & (WHEEL - 1))
    order["chain"] = liquidity.wheel[spoke]
    liquidity.wheel[spoke] = slot


@rule
def post_quotes(world, market, step):
    """Post this step's orders: quotes at the touch, then depth at drawn distances from the reference."""
    key = world.settings.keys[STREAMS * market + POST_STREAM]
    fair = fair_tick(world, market)
    for k in range(TOUCH_QUOTES):
        post_touch(world, market, k & 1, fair, bits(key, step, k))
    intensity = world.settings.rates[POSTS]
    last = TOUCH_QUOTES + 1 + poisson(intensity, uniform(bits(key, step, TOUCH_QUOTES)))
    price_ticks = fair + world.contracts.floor_tick[market]
    for k in range(TOUCH_QUOTES + 1, last):
        post_depth(world, market, fair, price_ticks, bits(key, step, k))


@rule
def post_touch(world, market, side, fair, word):
    """Post one quote at the best price that the reference allows."""
    liquidity = world.liquidity
    tick = np.int64(math.floor(fair)) + (1 if side == SELL else 0)
    slot = post(world, market, side, tick, word)
    lots = world.markets[market]["touch_lots"] * liquidity.posts[field(word, 10, 10)]["exponential"]
    endow(world, market, slot, lots, TOUCH_LIFE_S * liquidity.posts[field(word, 20, 10)]["exponential"])


@rule
def requote(world, market, clock, turn):
    """Clear what lags what takers did within the step, and fill up what they left at the best price."""
    settle_stale(world, market, clock)
    fair = fair_tick(world, market)
    key = world.settings.keys[STREAMS * market + POST_STREAM]
    for side in range(2):
        tick = np.int64(math.floor(fair)) + side
        if tick < 0 or tick >= TICKS:
            continue
        there = lots_at(world, market, tick) if world.book.best[2 * market + side] == tick else 0
        missing = world.markets[market]["requote_lots"] - there
        if missing <= 0.0:
            continue
        word = bits(key, clock, REQUOTES + 2 * turn + side)
        slot = post(world, market, side, tick, word)
        size = world.liquidity.posts[field(word, 10, 10)]["exponential"]
        life_s = TOUCH_LIFE_S * world.liquidity.posts[field(word, 20, 10)]["exponential"]
        endow(world, market, slot, missing * size, life_s)


@rule
def post_depth(world, market, fair, price_ticks, word):
    """Post one order at a drawn distance; size and lifetime go with the distance."""
    liquidity = world.liquidity
    j = field(word, 0, 10)
    nearer, farther = liquidity.posts[j]["distance"], liquidity.posts[j + 1]["distance"]
    away = price_ticks * (nearer + (farther - nearer) * field(word, 30, 10) * (1.0 / 1024.0))
    side = field(word, 40, 1)
    tick = math.floor(fair - away) if side == BUY else math.floor(fair + away) + 1
    slot = post(world, market, side, np.int64(tick), word)
    lots = liquidity.lots[market * QUANTILES + j] * liquidity.posts[field(word, 10, 10)]["exponential"]
    endow(world, market, slot, lots, liquidity.posts[j]["life"] * liquidity.posts[field(word, 20, 10)]["exponential"])


# ── withdrawal ───────────────────────────────────────────────────────────────────────────────────────────────
@rule
def thinning(liquidity, sigmas):
    """Return by what factor depth thins after a five-minute move of this many sigmas of calm."""
    table = liquidity.thinning
    last = len(table) - 1
    if sigmas >= table[last]["sigmas"]:
        return table[last]["factor"]
    k = 0
    while table[k + 1]["sigmas"] <= sigmas:
        k += 1
    below, above = table[k], table[k + 1]
    along = (sigmas - below["sigmas"]) / (above["sigmas"] - below["sigmas"])
    return below["factor"] + (above["factor"] - below["factor"]) * along


@rule
def severity(world, coin, clock):
    """Return by what factor providers overdo, or underdo, withdrawal in this half hour: lognormal, with median 1."""
    first = coin * world.settings.layout[1]
    key = world.settings.keys[STREAMS * first + VALUE_STREAM]
    return math.exp(world.settings.rates[SEVERITY] * normal(uniform(bits(key, clock // EPISODE_S, EPISODES))))


@rule
def withdraw(world, coin, clock):
    """Move `w` towards what the last five minutes ask for, and let the orders age: faster, the thinner the book.

    Providers withdraw by cancelling: lifetimes shorten by `w`, so that depth settles at `w` of calm, and soon.
    """
    liquidity, rates = world.liquidity, world.settings.rates
    cell = coin * HISTORY + clock % HISTORY
    now = math.log(world.coins[coin]["reference_usd"])
    move = abs(now - liquidity.history[cell])
    liquidity.history[cell] = now
    stress = move / world.coins[coin]["sigma_bar"] + rates[LIQUIDATION_STRESS] * world.coins[coin]["liquidated"]
    world.coins[coin]["liquidated"] *= 1.0 - rates[STRESS_FADE]
    w = world.coins[coin]["withdrawal"]
    if world.settings.switches[WITHDRAWAL] == 1:
        factor = thinning(liquidity, stress)
        if rates[SEVERITY] > 0.0:
            factor = 1.0 + severity(world, coin, clock) * (factor - 1.0)
        floor = 1.0 / factor
        w += (floor - w) * (rates[RETREAT] if floor < w else rates[REFILL])
        world.coins[coin]["withdrawal"] = w
    world.coins[coin]["hazard_s"] += rates[STEP_S] / w
