"""Draw the accounts of all markets: survivors of the path before the day, in their ladders, and the day's openings.

A stratum is a leverage bucket of a market; the last stratum of a market is the remainder. The k-th candidate of a
stratum, and the k-th opening of a stratum in a step, are functions of (seed, stratum, step, k) alone. Candidates
that the path has stopped or liquidated are not drawn again: the stock before that is what a mass means.

The remainder is drawn last, side by side, until each side of the market holds its open interest, the last of it cut
to fit: so longs equal shorts to the lot, and nobody is given an absurd size.
"""

import math
from typing import NamedTuple

import numpy as np

from cascade.kernels.draws import bits, exponential, field, normal, poisson, stream_key, uniform
from cascade.kernels.jit import kernel, rule
from cascade.kernels.money import lots_worth, usd_quanta_of, value_of
from cascade.kernels.stops import set_triggers
from cascade.kernels.triggers import direction_of, file_position, trigger_tick
from cascade.state import FALLING, NO_POSITION, OPEN, PENDING, RISING, Accounts, Contracts, Ladder, Margin, Status

REMAINDER = 4  # the stratum behind the four leverage buckets
STRATA = 5  # in a market
CHOICES = 8  # leverages to choose from, in a stratum
HOURS = 24
QUANTA_PER_USD = 1e6
NEVER = 2**31 - 1
ATTEMPTS = 20  # candidates per expected one, after which a remainder that nobody survives is given up
STOCK_STREAM, SURVIVOR_STREAM, REMAINDER_STREAM, COUNT_STREAM, OPENING_STREAM = 101, 102, 103, 104, 105

PATH_MINUTE = np.dtype(
    [
        ("price", np.float64),  # USD
        ("lowest", np.float64),  # from this minute until the day's start
        ("highest", np.float64),
    ]
)


class Plan(NamedTuple):
    """The assumptions, by stratum: `stratum = market * STRATA + bucket`."""

    stock: np.ndarray  # float64, shape (strata,): expected number of candidates; of accounts, for the remainder
    long_share: np.ndarray  # float64, shape (strata,)
    holding_minutes: np.ndarray  # float64, shape (strata,): mean
    oldest: np.ndarray  # float64, shape (strata,): share of holding times shorter than the path
    size_mu: np.ndarray  # float64, shape (strata,): log of the median notional, USD
    size_sigma: np.ndarray  # float64, shape (strata,)
    leverage: np.ndarray  # float64, shape (strata * CHOICES,)
    reached: np.ndarray  # float64, shape (strata * CHOICES,): share of people up to this choice
    size_top: np.ndarray  # float64, shape (strata * CHOICES,): quantile at which the size law is cut
    openings: np.ndarray  # float64, shape (HOURS * strata,): expected openings in a step
    open_lots: np.ndarray  # int64, shape (markets,): open interest, of longs and of shorts
    held_lots: np.ndarray  # int64, shape (2 * markets,): of it, longs and shorts of cross accounts
    stops: (
        np.ndarray
    )  # float64, shape (5,): share with a stop; nearest, farthest, widest distance; share at round prices
    clock: np.ndarray  # float64, shape (1,): steps in a minute


class Tally(NamedTuple):
    """What was drawn, by stratum and direction (long, short): index `2 * stratum + direction`."""

    candidates: np.ndarray  # int64, shape (2 * strata,)
    candidate_cost: np.ndarray  # int64, quanta
    survivors: np.ndarray  # int64
    survivor_cost: np.ndarray  # int64, quanta
    openings: np.ndarray  # int64
    opening_cost: np.ndarray  # int64, quanta
    level: np.ndarray  # int64, shape (markets,): lots open, of longs and of shorts
    rows: np.ndarray  # int64, shape (2,): rows of survivors; rows in use


class Stage(NamedTuple):
    """All that the drawing reads and writes."""

    accounts: Accounts
    ladder: Ladder
    contracts: Contracts
    margin: Margin
    plan: Plan
    path: np.ndarray  # PATH_MINUTE, shape (coins, minutes)
    tally: Tally
    keys: np.ndarray  # uint64, shape (2 * strata,): of counts and of openings; scratch


# ── the two entries ──────────────────────────────────────────────────────────────────────────────────────────
@kernel
def draw_survivors(stage, seed):
    """Draw all positions that are open at the day's start, market by market; return a Status."""
    stage.accounts.closing[:] = NO_POSITION
    i = np.int64(0)
    for market in range(stage.contracts.coin.size):
        if stage.contracts.is_perpetual[market] == 0:
            continue
        long_lots, short_lots = stage.plan.held_lots[2 * market], stage.plan.held_lots[2 * market + 1]
        stage.accounts.isolated[2 * market] = i
        for stratum in range(market * STRATA, market * STRATA + REMAINDER):
            key = stream_key(seed, SURVIVOR_STREAM, stratum)
            for k in range(count_candidates(stage.plan, stratum, seed)):
                if i >= stage.accounts.rows.size:
                    return np.int64(Status.POOL_FULL)
                choose(stage, i, stratum, key, k, 0)
                lots = survive(stage, i, stratum, key, k, NEVER)
                if lots > 0:
                    long_lots += lots * (stage.accounts.rows[i]["side"] > 0)
                    short_lots += lots * (stage.accounts.rows[i]["side"] < 0)
                    i += 1
        stage.accounts.isolated[2 * market + 1] = i
        stage.tally.level[market] = level = max(stage.plan.open_lots[market], long_lots, short_lots)
        i = fill_remainder(stage, i, market, FALLING, level - long_lots, seed)
        if i >= 0:
            i = fill_remainder(stage, i, market, RISING, level - short_lots, seed)
        if i < 0:
            return -i
    stage.tally.rows[0] = stage.tally.rows[1] = i
    return np.int64(Status.OK)


@kernel
def draw_openings(stage, seed, steps, step_s):
    """Draw the openings of the day behind the survivors, in time order; return a Status."""
    plan, i = stage.plan, stage.tally.rows[0]
    strata = plan.stock.size
    for stratum in range(strata):
        stage.keys[stratum] = stream_key(seed, COUNT_STREAM, stratum)
        stage.keys[strata + stratum] = stream_key(seed, OPENING_STREAM, stratum)
    for step in range(steps):
        stage.accounts.opening[step] = i
        first = (np.int64(step * step_s / 3600.0) % HOURS) * strata
        for stratum in range(strata):
            mean = plan.openings[first + stratum]
            u = uniform(bits(stage.keys[stratum], step, 0))
            if u <= 1.0 - mean:
                continue  # 1 - mean <= exp(-mean): no opening, without an exponential
            for k in range(poisson(mean, u)):
                if i >= stage.accounts.rows.size:
                    return np.int64(Status.POOL_FULL)
                open_later(stage, i, stratum, step, k, step_s)
                i += 1
    stage.accounts.opening[steps] = stage.tally.rows[1] = i
    return np.int64(Status.OK)


# ── survivors ────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def count_candidates(plan, stratum, seed):
    """Return how many positions of a stratum would be open before the day had the path crossed none."""
    return poisson(plan.stock[stratum], uniform(bits(stream_key(seed, STOCK_STREAM, stratum), 0, 0)))


@rule
def fill_remainder(stage, i, market, direction, lots, seed):
    """Draw remainder positions from row `i` on until a side holds `lots` more; return the row behind, or -Status."""
    stratum = market * STRATA + REMAINDER
    key = stream_key(seed, REMAINDER_STREAM, 2 * market + direction)
    attempts = np.int64(ATTEMPTS * (stage.plan.stock[stratum] + 100.0))
    k = np.int64(0)
    while lots > 0:
        if i >= stage.accounts.rows.size:
            return -np.int64(Status.POOL_FULL)
        if k >= attempts:
            return -np.int64(Status.WOULD_NOT_FILL)
        choose(stage, i, stratum, key, k, 0)
        stage.accounts.rows[i]["side"] = 1 if direction == FALLING else -1
        drawn = survive(stage, i, stratum, key, k, lots)
        lots -= drawn
        i += drawn > 0
        k += 1
    return i


@rule
def survive(stage, i, stratum, key, k, most_lots):
    """Take candidate `k`, chosen into row `i`, along the path; return its lots, 0 if that stopped or liquidated it."""
    plan, contracts = stage.plan, stage.contracts
    row = stage.accounts.rows[i]
    market = stratum // STRATA
    coin, tick_usd = contracts.coin[market], contracts.tick_usd[market]
    word = bits(key, k, 3)
    age_minutes = plan.holding_minutes[stratum] * exponential(uniform(word) * plan.oldest[stratum])
    last = stage.path.shape[1] - 1
    minute = stage.path[coin, max(last - np.int64(age_minutes), 0)]
    entry_ticks = np.int64(minute["price"] / tick_usd + 0.5)
    lots = min(lots_worth(contracts, market, row["cost"], entry_ticks), most_lots)
    row["lots"] = lots
    row["cost"] = value_of(contracts, market, lots, entry_ticks)
    row["margin"] = np.int64(math.ceil(row["cost"] / np.float64(row["leverage"])))
    usd_quanta = usd_quanta_of(contracts, market, lots, row["cost"])
    set_triggers(stage, i)
    is_lost = is_crossed(
        row, to_tick(contracts, market, minute["lowest"]), to_tick(contracts, market, minute["highest"])
    )
    slot = 2 * stratum + direction_of(row["side"])
    stage.tally.candidates[slot] += 1
    stage.tally.candidate_cost[slot] += usd_quanta
    if is_lost:
        return np.int64(0)
    stage.tally.survivors[slot] += 1
    stage.tally.survivor_cost[slot] += usd_quanta
    row["status"] = OPEN
    file_position(stage.accounts, stage.ladder, i, np.int64(trigger_tick(row)), direction_of(row["side"]))
    chain_closing(stage.accounts, i)
    return lots


@rule
def to_tick(contracts, market, price_usd):
    """Return the tick of the market's book that holds a price, USD."""
    return np.int64(math.floor(price_usd / contracts.tick_usd[market])) - contracts.floor_tick[market]


@rule
def is_crossed(row, lowest_tick, highest_tick):
    """Whether a price between the two ticks would have stopped or liquidated the position."""
    has_stop = row["stop_fraction"] > 0
    if row["side"] > 0:
        return lowest_tick <= row["liquidation_tick"] or (has_stop and lowest_tick <= row["stop_tick"])
    return highest_tick >= row["liquidation_tick"] or (has_stop and highest_tick >= row["stop_tick"])


# ── openings ─────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def open_later(stage, i, stratum, step, k, step_s):
    """Draw opening `k` of a step into row `i`: the loop opens it at the price it finds."""
    choose(stage, i, stratum, stage.keys[stage.plan.stock.size + stratum], step, 4 * k)
    row = stage.accounts.rows[i]
    row["status"] = PENDING
    row["close_step"] = min(np.int64(row["close_step"]) + step + 1, NEVER)
    chain_closing(stage.accounts, i)
    slot = 2 * stratum + direction_of(row["side"])
    stage.tally.openings[slot] += 1
    stage.tally.opening_cost[slot] += row["cost"]


@rule
def chain_closing(accounts, i):
    """Put position `i` into the chain of those that close in its step, if that is within the day."""
    row = accounts.rows[i]
    step = np.int64(row["close_step"])
    row["close_next"] = NO_POSITION
    if step < accounts.closing.size:
        row["close_next"] = accounts.closing[step]
        accounts.closing[step] = i


# ── what people choose ───────────────────────────────────────────────────────────────────────────────────────
@rule
def choose(stage, i, stratum, key, step, first):
    """Write to row `i` what its owner chooses: side, leverage, notional, stop, how long to hold on from now.

    Reads words `first` to `first + 2` of the draw; the next one is for the age of a survivor.
    """
    plan, row = stage.plan, stage.accounts.rows[i]
    bucket = stratum % STRATA
    size_word, choice_word, time_word = bits(key, step, first), bits(key, step, first + 1), bits(key, step, first + 2)
    choice = stratum * CHOICES
    while field(choice_word, 16, 24) * 2.0**-24 >= plan.reached[choice]:
        choice += 1
    z = normal(uniform(size_word) * plan.size_top[choice])
    row["cost"] = np.int64(QUANTA_PER_USD * math.exp(plan.size_mu[stratum] + plan.size_sigma[stratum] * z))
    row["leverage"] = plan.leverage[choice]
    row["side"] = 1 if field(choice_word, 0, 16) < plan.long_share[stratum] * 2.0**16 else -1
    row["market"] = stratum // STRATA
    row["bucket"] = bucket % REMAINDER  # the remainder's leverage is below 10x
    row["group"] = bucket == REMAINDER
    row["lots"] = 0
    row["margin"] = 0
    row["stop_tick"] = row["liquidation_tick"] = row["filed_tick"] = -1
    row["next"] = row["prev"] = NO_POSITION
    minutes = plan.holding_minutes[stratum] * exponential(uniform(time_word))
    row["close_step"] = np.int64(min(minutes * plan.clock[0], np.float64(NEVER)))
    row["stop_fraction"] = 0.0
    row["round_stop"] = 0
    if stratum % STRATA != REMAINDER:
        choose_stop(plan, row, choice_word, time_word)


@rule
def choose_stop(plan, row, choice_word, time_word):
    """Choose whether and how far from entry to stop, as a share of the way on which the margin is lost."""
    if field(choice_word, 40, 12) < plan.stops[0] * 2.0**12:
        part = plan.stops[1] + (plan.stops[2] - plan.stops[1]) * (field(choice_word, 52, 12) + 0.5) * 2.0**-12
        row["stop_fraction"] = part * min(1.0 / np.float64(row["leverage"]), plan.stops[3])
        row["round_stop"] = field(time_word, 0, 12) < plan.stops[4] * 2.0**12
