"""What moves prices besides orders: news, what providers learn from flow, index and marks."""

import math

from cascade.kernels.draws import bits, normal, uniform
from cascade.kernels.jit import rule
from cascade.state import (
    FORGETTING,
    LEARNING,
    LOCAL_FORGETTING,
    MARK_INDEX,
    MARK_INDEX_BASIS,
    MARK_LAST,
    N_OFF_BOOK,
    SHARE,
    STREAMS,
    TICKS,
    TRACKING,
    VALUE_STREAM,
    WARMUP_PULL,
)


@rule
def solve_news(world, coin, block):
    """Choose the news of a block so that the reference ends it on the target, as far as can be known at its start."""
    target, state = world.settings.target[coin, block], world.coins[coin]
    if target > 0.0:
        steps = world.settings.layout[2]
        forgotten = state["shift"] * (math.pow(1.0 - world.settings.rates[FORGETTING], steps) - 1.0)
        world.settings.news[coin, block] = math.log(target / state["reference_usd"]) - forgotten


@rule
def hear_news(world, coin, step, clock):
    """Move the value by this step's news and its own small noise, and the reference with it."""
    settings, state = world.settings, world.coins[coin]
    steps, n_venues = settings.layout[2], settings.layout[1]
    key = settings.keys[STREAMS * coin * n_venues + VALUE_STREAM]
    move = state["volatility"] * normal(uniform(bits(key, clock, 0)))
    if step < 0:
        move -= settings.rates[WARMUP_PULL] * math.log(state["value_usd"] / state["index_usd"])
    else:
        if step % steps == 0 and settings.switches[TRACKING] == 1:
            solve_news(world, coin, step // steps)
        move += settings.news[coin, step // steps] / steps
    state["value_usd"] *= math.exp(move)
    state["reference_usd"] = state["value_usd"] * math.exp(state["shift"])
    keep_on_book(world, coin, coin * n_venues)


@rule
def keep_on_book(world, coin, market):
    """Hold a reference that has left the prices that a book can hold at their edge, and count it: the run is void."""
    state, contracts = world.coins[coin], world.contracts
    tick_usd, floor = contracts.tick_usd[market], contracts.floor_tick[market]
    lowest, highest = (floor + 1) * tick_usd, (floor + TICKS - 2) * tick_usd
    if lowest <= state["reference_usd"] <= highest:
        return
    world.counters.n[N_OFF_BOOK] += 1
    state["reference_usd"] = lowest if state["reference_usd"] < lowest else highest
    state["value_usd"] = state["reference_usd"]
    state["shift"] = 0.0


@rule
def note_touch(world, market):
    """Remember the best prices before uninformed flow."""
    world.markets[market]["bid_before"] = world.book.best[2 * market]
    world.markets[market]["ask_before"] = world.book.best[2 * market + 1]


@rule
def move_since(world, market):
    """Return the log move of the market since `note_touch`: of the side that was taken from, as the other follows."""
    state, best = world.markets[market], world.book.best
    bid, ask = best[2 * market], best[2 * market + 1]
    if bid == state["bid_before"] and ask == state["ask_before"]:
        return 0.0
    last = state["last_tick"]  # the worst price paid, where flow left a side empty
    bid, ask = bid if bid >= 0 else last, ask if ask < TICKS else last
    return log_move(world, market, state["bid_before"], bid) + log_move(world, market, state["ask_before"], ask)


@rule
def log_move(world, market, before, after):
    """Return the log of the price at tick `after` over that at `before`; nothing, where there was no price before."""
    if before < 0 or before >= TICKS:
        return 0.0
    floor = world.contracts.floor_tick[market] + 0.5
    return math.log((after + floor) / (before + floor))


@rule
def lean(world, market):
    """Let the market's providers follow, within the step, the share of flow's impact so far that they will learn."""
    state, settings = world.markets[market], world.settings
    state["impact"] += move_since(world, market)
    if settings.switches[LEARNING] == 1:
        state["leaning"] = settings.rates[SHARE] * state["impact"]


@rule
def learn(world, coin):
    """Let providers forget a little, and follow a share of what uninformed flow did to the price.

    What it did to the coin's markets together, weighted by depth, moves the reference. What it did to one market
    beyond that moves this market's quotes alone, until arbitrage (which teaches nothing about the coin) closes the gap.
    """
    state, rates, n_venues = world.coins[coin], world.settings.rates, world.settings.layout[1]
    first, common, arbitraged = coin * n_venues, 0.0, 0.0
    for market in range(first, first + n_venues):
        common += world.markets[market]["weight"] * world.markets[market]["impact"]
        arbitraged += world.markets[market]["weight"] * world.markets[market]["arbitraged"]
    if world.settings.switches[LEARNING] == 1:
        state["shift"] += rates[SHARE] * common - rates[FORGETTING] * state["shift"]
        for market in range(first, first + n_venues):
            learn_locally(world.markets[market], common, arbitraged, rates)
    for market in range(first, first + n_venues):
        world.markets[market]["impact"] = 0.0
        world.markets[market]["leaning"] = 0.0
        world.markets[market]["arbitraged"] = 0.0


@rule
def learn_locally(market, common, arbitraged, rates):
    """Move one market's deviation by what flow and arbitrage did to it beyond the others: deviations average out."""
    market["local"] += rates[SHARE] * (market["impact"] - common) + market["arbitraged"] - arbitraged
    market["local"] -= rates[LOCAL_FORGETTING] * market["local"]


@rule
def mid_usd(world, market):
    """Return the mid price; where a side is empty, the reference."""
    bid, ask = world.book.best[2 * market], world.book.best[2 * market + 1]
    if bid < 0 or ask >= TICKS:
        return world.coins[world.contracts.coin[market]]["reference_usd"]
    return (0.5 * (bid + ask) + world.contracts.floor_tick[market]) * world.contracts.tick_usd[market]


@rule
def median(a, b, c):
    """Return the middle one of three."""
    return max(min(a, b), min(max(a, b), c))


@rule
def mark_market(world, market):
    """Set a perpetual's mark by its venue's rule."""
    state, index = world.markets[market], world.coins[world.contracts.coin[market]]["index_usd"]
    state["basis_usd"] += state["basis_fade"] * (mid_usd(world, market) - index - state["basis_usd"])
    averaged = index + state["basis_usd"]
    last = (state["last_tick"] + world.contracts.floor_tick[market]) * world.contracts.tick_usd[market]
    if state["mark_rule"] == MARK_INDEX:
        state["mark_usd"] = index
    elif state["mark_rule"] == MARK_INDEX_BASIS:
        state["mark_usd"] = averaged
    elif state["mark_rule"] == MARK_LAST:
        state["mark_usd"] = last
    else:
        state["mark_usd"] = median(index, averaged, last)
