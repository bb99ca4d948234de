"""Draw the cross accounts that are open at the day's start, described by their state at that moment.

The k-th account of a venue is a function of (seed, venue, k) alone, on streams of its own: whether there are cross
accounts or not, the isolated positions of a seed are the same. An account is drawn by its gross notional, its
contracts, and its distance: the move of all marks against it at once that would bring its equity to the requirement.
Entries are prices before the day, by the age of a position; the wallet is what then makes up the equity. An account
whose profits would exceed its equity is taken to have opened at the day's first price. Where contracts are inverse, an
account has one: its wallet is in that contract's coin.
"""

import math
from typing import NamedTuple

import numpy as np

from cascade.kernels.draws import bits, exponential, field, normal, poisson, stream_key, uniform
from cascade.kernels.jit import kernel, prefetch, rule
from cascade.kernels.margin import maintenance_usd
from cascade.kernels.money import average_quote, lots_worth, size_of, stance, value_of
from cascade.kernels.slack import ROUNDING_QUANTA
from cascade.state import BEDS, NO_POSITION, SLEEPING, Contracts, Margin, Status

CROSS_COUNT_STREAM, CROSS_STREAM = 106, 107
SIZE, CHOICE, DISTANCE, COLLATERAL, FIRST_LEG = range(5)  # words of an account's draw; two a leg from the last one on
LONG, SHORT, COINS = range(3)
HELD = 3
QUANTA_PER_USD = 1e6
BOUNDS = (10.0, 20.0, 50.0 + 1e-9)  # of the leverage buckets


class CrossPlan(NamedTuple):
    """The assumptions in the units of the kernel."""

    accounts: np.ndarray  # float64, shape (venues,): expected
    reached: np.ndarray  # float64, shape (most legs,): share of accounts with up to so many contracts
    coin_weight: np.ndarray  # float64, shape (coins,): how often a contract is in this coin
    shares: np.ndarray  # float64, shape (3,): hedged accounts, longs of the others, accounts in coin
    size: np.ndarray  # float64, shape (3,): log of the median, sigma, quantile at which the law is cut
    distance: np.ndarray  # float64, shape (2,): log of the median, sigma
    holding_minutes: np.ndarray  # float64, shape (2,): mean; share of holding times shorter than the path
    haircut: np.ndarray  # float64, shape (markets,): 1 where the coin is no collateral
    weight: np.ndarray  # float64, shape (markets,): most that a unit of value costs for a whole move, at its pace,
    sudden: np.ndarray  # float64, shape (markets,): and at once: steps between brackets, the day's funding
    index_market: np.ndarray  # int64, shape (coins,): the spot market in which a coin is held


class CrossStage(NamedTuple):
    """All that the drawing reads and writes."""

    portfolios: np.ndarray  # PORTFOLIO
    legs: np.ndarray  # LEG
    contracts: Contracts
    margin: Margin
    plan: CrossPlan
    path_usd: np.ndarray  # float64, shape (coins * minutes,)
    open_ticks: np.ndarray  # int64, shape (markets,): the day's first prices
    part: np.ndarray  # float64, shape (most legs,): what each leg weighs among those of an account; scratch
    minute: np.ndarray  # int64, shape (most legs,): where in the path each was opened; scratch
    held: np.ndarray  # int64, shape (markets * HELD,): lots by market: LONG, SHORT, and COINS of collateral
    rows: np.ndarray  # int64, shape (2,): accounts and legs drawn
    bed: np.ndarray  # uint8, shape (portfolios,): in which each sleeps


@kernel
def draw_portfolios(stage, seed):
    """Draw all cross accounts, venue by venue; return a Status."""
    plan, p, j = stage.plan, np.int64(0), np.int64(0)
    most = len(plan.reached) + 1
    for venue in range(len(plan.accounts)):
        u = uniform(bits(stream_key(seed, CROSS_COUNT_STREAM, venue), 0, 0))
        key = stream_key(seed, CROSS_STREAM, venue)
        for k in range(poisson(plan.accounts[venue], u)):
            if p >= len(stage.portfolios) or j + most > len(stage.legs):
                return np.int64(Status.POOL_FULL)
            j += compose(stage, p, j, venue, key, k)
            p += 1
    stage.rows[0], stage.rows[1] = p, j
    return np.int64(Status.OK)


@rule
def compose(stage, p, first, venue, key, k):
    """Write account `p` and its legs from row `first` on; return how many there are."""
    plan, row = stage.plan, stage.portfolios[p]
    choice = bits(key, k, CHOICE)
    n = 1
    while stage.contracts.payoff[venue] > 0 and field(choice, 0, 16) * 2.0**-16 >= plan.reached[n - 1]:
        n += 1
    is_hedged = field(choice, 16, 16) < plan.shares[0] * 2.0**16
    row["first_leg"], row["n_legs"], row["venue"] = first, n, venue
    parts = choose_legs(stage, p, key, k, is_hedged)
    gross_usd = math.exp(plan.size[0] + plan.size[1] * normal(uniform(bits(key, k, SIZE)) * plan.size[2]))
    for i in range(n):
        enter(stage, first + i, gross_usd * stage.part[i] / parts, stage.minute[i])
    row["settled"], row["is_taken"], row["status"] = 0, 0, SLEEPING
    row["next"] = row["moved_by"] = row["trigger_step"] = NO_POSITION
    slack = fund(stage, p, math.exp(plan.distance[0] + plan.distance[1] * normal(uniform(bits(key, k, DISTANCE)))))
    if field(choice, 32, 16) < plan.shares[2] * 2.0**16:
        hold_coin(stage, p, bits(key, k, COLLATERAL))
    go_to_bed(stage, p, slack)
    return np.int64(row["n_legs"])


@rule
def choose_legs(stage, p, key, k, is_hedged):
    """Choose the contracts of account `p`, their sides, their parts of it, and when each was opened; return the parts.

    Prices of entry are all over the path: they are asked for here, and read once the size is known.
    """
    row, parts, used = stage.portfolios[p], 0.0, 0
    first = np.int64(row["first_leg"])
    for i in range(row["n_legs"]):
        word, leg = bits(key, k, FIRST_LEG + 2 * i), stage.legs[first + i]
        market = pick_coin(stage.plan, word, used) * venues_of(stage) + row["venue"]
        used |= 1 << stage.contracts.coin[market]
        start_leg(leg, p, market)
        leg["side"] = 1 if field(word, 0, 16) < stage.plan.shares[1] * 2.0**16 else -1
        if is_hedged and i > 0:
            leg["side"] = -stage.legs[first + i - 1]["side"]
        stage.part[i] = exponential((field(word, 40, 24) + 0.5) * 2.0**-24)
        parts += stage.part[i]
        stage.minute[i] = minute_of_entry(stage, market, bits(key, k, FIRST_LEG + 2 * i + 1))
        prefetch(stage.path_usd, stage.minute[i])
    return parts


@rule
def start_leg(leg, p, market):
    """Begin a leg of account `p` in a market, filed nowhere."""
    leg["portfolio"], leg["market"], leg["is_coin"] = p, market, 0
    leg["rung"] = leg["next"] = leg["prev"] = NO_POSITION


@rule
def venues_of(stage):
    """Return the number of venues."""
    return len(stage.contracts.coin) // len(stage.plan.coin_weight)


@rule
def pick_coin(plan, word, used):
    """Return a coin by weight, none of those whose bits are set in `used`."""
    total = 0.0
    for coin in range(len(plan.coin_weight)):
        total += weight_of(plan, coin, used)
    left, chosen = (field(word, 16, 24) + 0.5) * 2.0**-24 * total, np.int64(0)
    for coin in range(len(plan.coin_weight)):
        weight = weight_of(plan, coin, used)
        chosen = np.int64(coin) if weight > 0.0 and left > 0.0 else chosen
        left -= weight
    return chosen


@rule
def weight_of(plan, coin, used):
    """Return how often a coin is picked, none whose bit is set in `used`; no branch, as none can be guessed."""
    return plan.coin_weight[coin] * np.float64(1 - (used >> coin & 1))


# ── size, entry, wallet ──────────────────────────────────────────────────────────────────────────────────────
@rule
def minute_of_entry(stage, market, word):
    """Return where in the path a leg was opened, by the law of holding times."""
    plan, minutes = stage.plan, len(stage.path_usd) // len(stage.plan.coin_weight)
    age = np.int64(plan.holding_minutes[0] * exponential(uniform(word) * plan.holding_minutes[1]))
    return stage.contracts.coin[market] * minutes + max(minutes - 1 - age, 0)


@rule
def enter(stage, j, notional_usd, minute):
    """Write size and cost of leg `j`: worth so much at the day's first price, opened at a minute of the path."""
    contracts, leg = stage.contracts, stage.legs[j]
    market = np.int64(leg["market"])
    leg["lots"] = lots_worth(contracts, market, QUANTA_PER_USD * notional_usd, stage.open_ticks[market])
    ticks = np.int64(stage.path_usd[minute] / contracts.tick_usd[market] + 0.5)
    leg["cost"] = value_of(contracts, market, np.int64(leg["lots"]), ticks)
    stage.held[HELD * market + (LONG if leg["side"] > 0 else SHORT)] += leg["lots"]


@rule
def fund(stage, p, distance):
    """Fill the wallet of account `p`: its equity is the requirement and `distance` times its gross notional.

    Return its slack in quanta.
    """
    row, contracts = stage.portfolios[p], stage.contracts
    gross, required, profit = 0, 0.0, 0
    for j in range(row["first_leg"], row["first_leg"] + row["n_legs"]):
        leg = stage.legs[j]
        market, lots = np.int64(leg["market"]), np.int64(leg["lots"])
        value = value_of(contracts, market, lots, stage.open_ticks[market])
        required += required_at(stage, market, lots, leg["cost"], value)
        gross += value
        profit += stance(contracts, market, np.int64(leg["side"])) * (value - leg["cost"])
    equity = np.int64(required + distance * gross)
    if profit > equity:
        required, profit = enter_at_open(stage, p), 0
    row["wallet"] = equity - profit
    leverage = gross / np.float64(equity)
    row["leverage"] = leverage
    row["bucket"] = np.int64(leverage >= BOUNDS[0]) + np.int64(leverage >= BOUNDS[1]) + np.int64(leverage >= BOUNDS[2])
    return equity - required


@rule
def required_at(stage, market, lots, cost, value):
    """Return what a position that cost `cost` and is worth `value` must have, in quanta."""
    contracts, margin = stage.contracts, stage.margin
    size, entry, mark = (
        size_of(contracts, market, lots),
        average_quote(contracts, market, lots, cost),
        average_quote(contracts, market, lots, value),
    )
    required = maintenance_usd(margin, market, size, entry, mark) + margin.trigger_fee[market] * size * mark
    return contracts.quantum[market] * required


@rule
def enter_at_open(stage, p):
    """Take the positions of account `p` to have been opened at the day's first price; return what they require."""
    row, required = stage.portfolios[p], 0.0
    for j in range(row["first_leg"], row["first_leg"] + row["n_legs"]):
        leg = stage.legs[j]
        market = np.int64(leg["market"])
        lots = np.int64(leg["lots"])
        leg["cost"] = value = value_of(stage.contracts, market, lots, stage.open_ticks[market])
        required += required_at(stage, market, lots, value, value)
    return required


@rule
def hold_coin(stage, p, word):
    """Turn the wallet of account `p` into whole lots of a coin, less its haircut, if its venue takes any."""
    row, contracts, plan = stage.portfolios[p], stage.contracts, stage.plan
    n_coins, taken = len(plan.coin_weight), 0
    for coin in range(n_coins):
        taken |= (1 << coin) if plan.haircut[coin * venues_of(stage) + row["venue"]] < 1.0 else 0
    if taken == 0 or contracts.payoff[row["venue"]] < 0:
        return
    coin = pick_coin(plan, word, ~taken)
    market, haircut = plan.index_market[coin], plan.haircut[coin * venues_of(stage) + row["venue"]]
    one = (1.0 - haircut) * value_of(contracts, market, 1, stage.open_ticks[market])
    lots = np.int64(row["wallet"] / one)
    if lots <= 0:
        return
    leg = stage.legs[row["first_leg"] + row["n_legs"]]
    start_leg(leg, p, market)
    leg["lots"], leg["cost"], leg["side"], leg["is_coin"] = lots, 0, 1, 1
    stage.held[HELD * market + COINS] += lots
    row["n_legs"] += 1
    row["wallet"] -= np.int64(lots * one)


# ── sleep ────────────────────────────────────────────────────────────────────────────────────────────────────
@rule
def go_to_bed(stage, p, slack):
    """Have account `p` sleep until a mark has moved as far as it can for certain: never beyond its reach (`slack`)."""
    row, plan = stage.portfolios[p], stage.plan
    ahead, weight = ROUNDING_QUANTA, 1.0
    for j in range(row["first_leg"], row["first_leg"] + row["n_legs"]):
        market, lots = np.int64(stage.legs[j]["market"]), np.int64(stage.legs[j]["lots"])
        value = value_of(stage.contracts, market, lots, stage.open_ticks[market])
        ahead += plan.sudden[market] * max(value, stage.legs[j]["cost"]) + lots
        weight += plan.weight[market] * value
    reach = (slack - ahead) / weight
    stage.bed[p] = min(max(np.int64(reach * BEDS), 0), BEDS - 1)
