"""Books that are given, and blind ones: who provides where nobody quotes around the reference by the usual rules.

A given book is a ladder of orders at offsets from the reference: laid once and left alone, or laid anew in every step.
Blind orders (Smith, Farmer, Gillemot, Krishnamurthy 2003) fall uniformly into a band below the best ask or above the
best bid, are all of one size, and are cancelled at one rate.
"""

import math

import numpy as np

from cascade.kernels.accounts import file_ahead
from cascade.kernels.draws import bits, exponential, field, poisson, uniform
from cascade.kernels.jit import kernel, rule
from cascade.kernels.liquidity import endow, fair_tick, post
from cascade.kernels.stops import set_triggers
from cascade.state import BUY, NO_ORDER, POST_STREAM, STANDING, STREAMS, TICKS


@kernel
def set_out(world):
    """Set and file the triggers of the accounts that a scenario gives, and lay the books that stand from the start."""
    for i in range(len(world.accounts.rows)):
        set_triggers(world, i)
        file_ahead(world, i)
    if world.settings.providers[0]["mode"] == STANDING:
        for market in range(len(world.markets)):
            lay(world, market, False)


@rule
def lay(world, market, for_a_step):
    """Lay the market's given orders around the reference: until the next step, or for good."""
    settings = world.settings
    middle = np.int64(math.floor(fair_tick(world, market) + 0.5))
    for j in range(settings.given_first[market], settings.given_first[market + 1]):
        order = settings.given[j]
        slot = post(world, market, order["side"], middle + order["offset"], np.uint64(0))
        if for_a_step:
            endow(world, market, slot, np.float64(order["lots"]), 0.0)
        elif slot != NO_ORDER:
            world.book.orders[slot]["lots"] = order["lots"]


@rule
def post_blindly(world, market, clock):
    """Post this step's orders at random distances from the opposite best."""
    key = world.settings.keys[STREAMS * market + POST_STREAM]
    flow = world.settings.providers[0]
    for k in range(1, 1 + poisson(flow["posts"], uniform(bits(key, clock, 0)))):
        post_blind(world, market, flow, bits(key, clock, 2 * k), bits(key, clock, 2 * k + 1))


@rule
def post_blind(world, market, flow, word, life_word):
    """Post one order: side and distance from one word, lifetime from the other."""
    side = field(word, 0, 1)
    away = 1 + np.int64(uniform(word) * flow["band_ticks"])
    opposite = world.book.best[2 * market + 1 - side]
    if opposite < 0 or opposite >= TICKS:  # an empty side: from where it traded last
        opposite = world.markets[market]["last_tick"]
    tick = opposite - away if side == BUY else opposite + away
    slot = post(world, market, side, tick, word)
    endow(world, market, slot, np.float64(flow["lots"]), flow["life_s"] * exponential(uniform(life_word)))
