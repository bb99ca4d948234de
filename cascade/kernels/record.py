"""What the day writes down: prices every step, books every minute, the liquidation map now and then."""

import numpy as np

from cascade.kernels.book import next_tick_above, next_tick_below
from cascade.kernels.jit import rule
from cascade.kernels.prices import mid_usd
from cascade.state import BUY, NO_ORDER, STAKE_BINS, TICKS

NEAR, MIDDLE, WIDE = 0.001, 0.005, 0.01  # fractions of the mid within which depth is measured


@rule
def lots_at(world, market, tick):
    """Return the lots that rest at `tick`."""
    orders, total = world.book.orders, 0
    slot = np.int64(world.book.levels[market * TICKS + tick]["head"])
    while slot != NO_ORDER:
        total += orders[slot]["lots"]
        slot = np.int64(orders[slot]["next"])
    return total


@rule
def lots_within(world, market, side, first_fraction, last_fraction):
    """Return the lots of a side farther than `first_fraction` and within `last_fraction` of the mid."""
    tick_usd, floor = world.contracts.tick_usd[market], world.contracts.floor_tick[market]
    mid = mid_usd(world, market) / tick_usd
    total = 0
    if side == BUY:
        nearest, farthest = mid * (1.0 - first_fraction) - floor, mid * (1.0 - last_fraction) - floor
        tick = next_tick_below(world.book, market, min(np.int64(nearest) + 1, world.book.best[2 * market] + 1))
        while tick >= 0 and tick >= farthest:
            total += lots_at(world, market, tick)
            tick = next_tick_below(world.book, market, tick)
    else:
        nearest, farthest = mid * (1.0 + first_fraction) - floor, mid * (1.0 + last_fraction) - floor
        tick = next_tick_above(world.book, market, max(np.int64(nearest), world.book.best[2 * market + 1] - 1))
        while tick < TICKS and tick <= farthest:
            total += lots_at(world, market, tick)
            tick = next_tick_above(world.book, market, tick)
    return total


@rule
def record_prices(world, step, n_coins):
    """Write the step's prices of every coin."""
    for coin in range(n_coins):
        row, state = world.records.prices[coin, step], world.coins[coin]
        row["index_usd"] = state["index_usd"]
        row["value_usd"] = state["value_usd"]
        row["reference_usd"] = state["reference_usd"]


@rule
def record_minute(world, minute, market):
    """Write the state of a market's book at the minute's end."""
    row = world.records.minutes[minute, market]
    row["bid_tick"], row["ask_tick"] = world.book.best[2 * market], world.book.best[2 * market + 1]
    row["mark_usd"] = world.markets[market]["mark_usd"]
    row["withdrawal"] = world.coins[world.contracts.coin[market]]["withdrawal"]
    row["bid_lots_01"] = lots_within(world, market, 0, 0.0, NEAR)
    row["ask_lots_01"] = lots_within(world, market, 1, 0.0, NEAR)
    row["bid_lots_05"] = row["bid_lots_01"] + lots_within(world, market, 0, NEAR, MIDDLE)
    row["bid_lots_1"] = row["bid_lots_05"] + lots_within(world, market, 0, MIDDLE, WIDE)
    row["ask_lots_1"] = row["ask_lots_01"] + lots_within(world, market, 1, NEAR, WIDE)
    row["taken_lots"], row["liquidated_lots"] = (
        world.markets[market]["taken_lots"],
        world.markets[market]["liquidated_lots"],
    )
    row["spread_ticks"] = world.markets[market]["spread_ticks"] / 60.0
    world.markets[market]["taken_lots"] = 0
    world.markets[market]["liquidated_lots"] = 0
    world.markets[market]["spread_ticks"] = 0


@rule
def record_stake(world, snapshot, n_coins, n_venues):
    """Write the lots at stake of every coin by price, its venues added up in lots of the first."""
    for coin in range(n_coins):
        for direction in range(2):
            for venue in range(n_venues):
                market = coin * n_venues + venue
                scale = world.contracts.lot_base[market] / world.contracts.lot_base[coin * n_venues]
                first = (2 * market + direction) * STAKE_BINS
                for j in range(STAKE_BINS):
                    world.records.stake[snapshot, coin, direction, j] += scale * world.ladder.stake[first + j]
