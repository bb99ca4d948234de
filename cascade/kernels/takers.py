"""Takers without leverage: noise, programmes, and arbitrage between a coin's markets."""

import numpy as np

from cascade.kernels.draws import bits, field, poisson, uniform
from cascade.kernels.jit import rule
from cascade.kernels.money import coins_in_lot
from cascade.kernels.orders import note_taken, take_at_limit, take_at_market
from cascade.state import (
    ARBITRAGE_COST,
    BUY,
    N_ARBITRAGE,
    N_NOISE,
    N_PROGRAMME,
    NOISE_STREAM,
    QUANTILES,
    SELL,
    STREAMS,
    TICKS,
)

MOST_A_ROUND = 1024  # noise trades: far beyond what their rate allows
PACE = 1 << 20  # the draw of how busy a second is
ARBITRAGE_ROUNDS = 8  # at most, for a coin in a step


@rule
def trade_noise(world, market, step, turn):
    """Send the noise trades of a round of this step: either side alike, sizes from a table of quantiles."""
    settings = world.settings
    key, first = settings.keys[STREAMS * market + NOISE_STREAM], turn * MOST_A_ROUND
    pace = settings.noise_pace[field(bits(key, step, PACE), 0, 10)]
    count = poisson(world.markets[market]["noise_rate"] * pace, uniform(bits(key, step, first)))
    for k in range(first + 1, first + 1 + count):
        word = bits(key, step, k)
        lots = np.int64(settings.noise_lots[market * QUANTILES + field(word, 0, 10)])
        side = field(word, 10, 1)
        filled = take_at_market(world, market, side, max(lots, np.int64(1)))
        world.counters.n[N_NOISE] += 1
        note_taken(world, market, step, side, filled, False)


@rule
def run_programmes(world, step):
    """Send the slices of the scenario's programmes that are due."""
    programmes = world.settings.programmes
    for j in range(len(programmes)):
        programme = programmes[j]
        due = programme["start"] <= step < programme["stop"]
        if due and (step - programme["start"]) % programme["every"] == 0:
            take_at_market(world, programme["market"], programme["side"], programme["lots"])
            world.counters.n[N_PROGRAMME] += 1


@rule
def arbitrage(world, coin):
    """Buy where the coin is cheapest and sell where it is dearest, while the gap pays for the round trip."""
    n_venues = world.settings.layout[1]
    for _ in range(ARBITRAGE_ROUNDS):
        cheap = cheapest(world, coin * n_venues, n_venues)
        dear = dearest(world, coin * n_venues, n_venues)
        ask, bid = world.book.best[2 * cheap + 1], world.book.best[2 * dear]
        floor = world.contracts.floor_tick[cheap]
        if ask >= TICKS or bid < 0 or bid + floor <= (ask + floor) * (1.0 + world.settings.rates[ARBITRAGE_COST]):
            return
        bought, sold = first_lots(world, cheap, ask), first_lots(world, dear, bid)
        per_bought = coins_in_lot(world.contracts, cheap, ask + floor)
        per_sold = coins_in_lot(world.contracts, dear, bid + floor)
        bought, sold = (
            min(bought, lots_in(sold, per_sold, per_bought)),
            min(sold, lots_in(bought, per_bought, per_sold)),
        )
        if bought == 0 or sold == 0:
            return
        take_at_limit(world, cheap, BUY, ask, bought)
        take_at_limit(world, dear, SELL, bid, sold)
        world.counters.n[N_ARBITRAGE] += 1


@rule
def lots_in(lots, per_lot, per_other):
    """Return how many whole lots of another market hold as many coins."""
    return lots if per_lot == per_other else np.int64(lots * per_lot / per_other)


@rule
def cheapest(world, first, n):
    """Return the market with the lowest ask of `n` from `first`."""
    best = first
    for market in range(first + 1, first + n):
        if world.book.best[2 * market + 1] < world.book.best[2 * best + 1]:
            best = market
    return best


@rule
def dearest(world, first, n):
    """Return the market with the highest bid of `n` from `first`."""
    best = first
    for market in range(first + 1, first + n):
        if world.book.best[2 * market] > world.book.best[2 * best]:
            best = market
    return best


@rule
def first_lots(world, market, tick):
    """Return the lots of the first order at `tick`."""
    return np.int64(world.book.orders[world.book.levels[market * TICKS + tick]["head"]]["lots"])
