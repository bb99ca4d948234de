"""The states of coins and markets at the open, in calm."""

import math

import numpy as np

from cascade.kernels.liquidity import TOUCH_LIFE_S, TOUCH_QUOTES
from cascade.scenario import Scenario
from cascade.state import (
    COIN,
    FROM_MARGIN,
    FROM_WALLET,
    HISTORY,
    MARK_INDEX,
    MARK_INDEX_BASIS,
    MARK_LAST,
    MARK_MEDIAN,
    MARKET,
    NO_POSITION,
    Contracts,
)
from cascade.venues import Venue

SECONDS_PER_YEAR = 365 * 86_400
MARK_RULES = {"median": MARK_MEDIAN, "index_plus_basis": MARK_INDEX_BASIS, "last": MARK_LAST, "index": MARK_INDEX}


def make_coins(scenario: Scenario) -> np.ndarray:
    """Return the coins' states at the open, in calm."""
    priors = [scenario.priors.coins[coin] for coin in scenario.coins]
    volatility = np.array([coin.volatility for coin in priors])
    coins = np.zeros(len(priors), COIN)
    for price in ("value_usd", "reference_usd", "index_usd"):
        coins[price] = scenario.open_usd
    coins["withdrawal"] = 1.0
    coins["volatility"] = volatility / volatility[0] * scenario.priors.flow.value_bp_per_sqrt_s * 1e-4
    coins["sigma_bar"] = volatility * math.sqrt(HISTORY / SECONDS_PER_YEAR)
    spot = next((v for v, venue in enumerate(scenario.venues) if venue.contract == "spot"), 0)
    coins["index_market"] = np.arange(len(priors)) * len(scenario.venues) + spot
    return coins


def make_markets(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return the markets' states at the open, with empty queues."""
    at_open = np.array(scenario.open_usd)[contracts.coin]
    depth, lot_usd = depth_usd(scenario, contracts), contracts.lot_base * at_open
    depth_of_coin = np.bincount(contracts.coin, depth)[contracts.coin]
    windows = [venue.mark.basis_window_s if venue.mark else 0.0 for venue in scenario.venues]
    rules = [MARK_RULES[venue.mark.rule] if venue.mark else MARK_INDEX for venue in scenario.venues]
    rates = [venue.liquidation.orders_per_s if venue.liquidation else 0 for venue in scenario.venues]
    markets = np.zeros(len(contracts.coin), MARKET)
    markets["mark_usd"] = at_open
    markets["cursor"] = np.floor(at_open / contracts.tick_usd).astype(np.int64) - contracts.floor_tick
    markets["last_tick"] = markets["cursor"]
    markets["basis_fade"] = 1.0 / np.maximum(1.0, windows)[contracts.venue]
    markets["mark_rule"] = np.array(rules)[contracts.venue]
    markets["engine_rate"] = np.array(rates)[contracts.venue]
    for market, state in enumerate(markets):
        _set_funding(state, scenario.venues[contracts.venue[market]], scenario.priors.funding.rate_8h)
    markets["noise_rate"] = scenario.priors.flow.noise_per_s / scenario.priors.run.rounds
    markets["weight"] = depth / depth_of_coin
    markets["stress_per_lot"] = lot_usd / depth_of_coin
    standing_lots = scenario.priors.liquidity.touch_over_depth * depth / lot_usd
    markets["requote_lots"] = standing_lots
    markets["touch_lots"] = standing_lots / (TOUCH_QUOTES / 2 * steps_seen(TOUCH_LIFE_S))
    for queue in ("first_queued", "last_queued", "first_stopped"):
        markets[queue] = NO_POSITION
    return markets


def _set_funding(state: np.void, venue: Venue, rate_8h: float) -> None:
    """Write when and how a perpetual market's longs and shorts pay each other."""
    if venue.funding is None:
        return
    state["funding_rate"] = rate_8h * venue.funding.interval_h / 8.0
    state["funding_every"] = round(venue.funding.interval_h * 3600)
    state["funding_from"] = FROM_MARGIN if venue.funding.paid_from == "margin" else FROM_WALLET


def depth_usd(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return the depth within 1% on one side of every market, USD."""
    priors = scenario.priors
    coins = np.array([priors.coins[coin].depth_1pct_usd for coin in scenario.coins])
    venues = np.array([priors.venues[venue.name] for venue in scenario.venues])
    return coins[contracts.coin] * venues[contracts.venue]


def steps_seen(life_s: np.ndarray | float) -> np.ndarray | float:
    """Return for how many steps an order of this mean lifetime is in the book: whole ones, and at least one."""
    return 1.0 + np.exp(-2.0 / life_s) / -np.expm1(-1.0 / life_s)
