"""A scenario and a seed -> the arrays of a world, ready to run."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, ndtri

from cascade.config import Liquidity as LiquidityPriors
from cascade.config import Priors, between_quantiles
from cascade.errors import InvalidConfigError
from cascade.given import given_rows, provider_tables
from cascade.kernels.liquidity import TOUCH_LIFE_S, TOUCH_QUOTES
from cascade.kernels.loop import fill_keys
from cascade.kernels.placement import set_out
from cascade.kernels.recount import count_portfolios, count_positions
from cascade.memory import empty_book, empty_ladder, zeros
from cascade.population import draw_population
from cascade.portfolios import make_cross
from cascade.scenario import Scenario
from cascade.state import (
    COIN,
    DELEVERAGING,
    EXTERNAL_LOTS,
    FROM_MARGIN,
    FROM_WALLET,
    HISTORY,
    HOLDERS,
    LEDGER_COLUMNS,
    LIQUIDATION,
    MARK_INDEX,
    MARK_INDEX_BASIS,
    MARK_LAST,
    MARK_MEDIAN,
    MARKET,
    MINUTE,
    NEVER,
    NO_POSITION,
    PAID,
    POOL,
    POST,
    PRICE,
    PROGRAMME,
    QUANTILES,
    STAKE_BINS,
    STREAMS,
    TAKEN,
    THINNING,
    TO_COMPLIANCE,
    WHEEL,
    WHOLE,
    Accounts,
    Contracts,
    Counters,
    Cross,
    Ladder,
    Ledger,
    Liquidity,
    Margin,
    Records,
    Settings,
    World,
)
from cascade.terms import make_pools, make_rules, make_winners
from cascade.units import QUANTUM_COIN, QUANTUM_USD
from cascade.venues import Venue, margin_tables

SECONDS_PER_YEAR = 365 * 86_400
PARTS = 10_000  # liquidation orders beyond so many a position that a day has room for
MIDDLES = (np.arange(QUANTILES) + 0.5) / QUANTILES  # probabilities of what a draw picks from
MARK_RULES = {"median": MARK_MEDIAN, "index_plus_basis": MARK_INDEX_BASIS, "last": MARK_LAST, "index": MARK_INDEX}


@dataclass(frozen=True)
class Population:
    """The accounts of a scenario and a seed, drawn once: worlds that differ only in other things start from a copy."""

    scenario: Scenario
    seed: int
    accounts: Accounts
    ladder: Ladder
    cross: Cross
    drawn: dict

    def copy_for(self, scenario: Scenario, seed: int) -> tuple[Accounts, Ladder, Cross, dict]:
        """Return a copy of all that a day changes; refuses a scenario or seed that has other accounts."""
        if seed != self.seed or not has_same_accounts(scenario, self.scenario):
            raise InvalidConfigError(
                f"the accounts given are of {self.scenario.name!r}, seed {self.seed}, not of {scenario.name!r}, "
                f"seed {seed}; draw them with draw_accounts(scenario, seed)"
            )
        last_part = np.zeros(len(self.accounts.rows), np.int32)
        accounts = self.accounts._replace(rows=self.accounts.rows.copy(), last_part=last_part)
        ladder = Ladder(*(array.copy() for array in self.ladder))
        return accounts, ladder, Cross(*(array.copy() for array in self.cross)), self.drawn


def has_same_accounts(one: Scenario, other: Scenario) -> bool:
    """Whether two scenarios draw the same accounts from the same seed."""
    parts = ("coins", "venues", "open_usd", "seconds", "assumptions")
    if any(getattr(one, name) != getattr(other, name) for name in parts):
        return False
    one_path, other_path = one.pre_day_usd, other.pre_day_usd
    if one_path is None or other_path is None:
        return one_path is other_path
    return np.array_equal(one_path, other_path)


def draw_accounts(scenario: Scenario, seed: int) -> Population:
    """Return the accounts of a scenario and seed, to build several worlds from."""
    contracts = make_contracts(scenario)
    margin = margin_tables(scenario.venues, scenario.coins)
    return Population(scenario, seed, *make_holders(scenario, contracts, margin, seed))


def make_holders(
    scenario: Scenario, contracts: Contracts, margin: Margin, seed: int
) -> tuple[Accounts, Ladder, Cross, dict]:
    """Return isolated positions with their ladders, cross accounts, and what was drawn."""
    cross, held_lots, drawn_cross = make_cross(scenario, contracts, margin, seed)
    accounts, ladder, drawn = make_accounts(scenario, contracts, margin, seed, held_lots)
    accounts = accounts._replace(last_part=np.zeros(len(accounts.rows), np.int32))
    return accounts, ladder, cross, drawn | drawn_cross


def build_world(scenario: Scenario, seed: int, population: Population | None = None) -> tuple[World, dict]:
    """Return the world of a scenario before its warm-up, and what was drawn; from accounts drawn before, a copy.

    Raises
    ------
    InvalidConfigError
        If the parts of the scenario do not fit together.
    """
    contracts = make_contracts(scenario)
    margin = margin_tables(scenario.venues, scenario.coins)
    if population is not None:
        accounts, ladder, cross, drawn = population.copy_for(scenario, seed)
    else:
        accounts, ladder, cross, drawn = make_holders(scenario, contracts, margin, seed)
    rules, ledger = make_rules(scenario, contracts), make_ledger(scenario, contracts, accounts, cross)
    world = World(
        book=empty_book(len(contracts.coin), scenario.priors.run.order_slots),
        contracts=contracts,
        margin=margin,
        accounts=accounts,
        ladder=ladder,
        coins=make_coins(scenario),
        markets=make_markets(scenario, contracts),
        liquidity=make_liquidity(scenario, contracts),
        settings=make_settings(scenario, contracts, seed),
        rules=rules,
        pools=make_pools(scenario, contracts, ledger),
        winners=make_winners(rules, len(accounts.rows) + len(cross.legs)),
        ledger=ledger,
        counters=make_counters(),
        records=make_records(scenario, rules, ledger, len(accounts.rows) + len(cross.legs)),
        cross=cross,
    )
    if scenario.accounts is not None or scenario.providers is not None:
        set_out(world)
    return world, drawn


def make_contracts(scenario: Scenario) -> Contracts:
    """Return units and places: market = coin * number of venues + venue; a coin's markets share one grid of prices."""
    n_coins, n_venues = len(scenario.coins), len(scenario.venues)
    _check_grid(scenario)
    grid = np.array(scenario.grid)
    spread, venue_of = np.repeat(np.arange(n_coins), n_venues), np.tile(np.arange(n_venues), n_coins)
    contract = np.array([venue.contract for venue in scenario.venues])[venue_of]
    is_inverse = contract == "inverse"
    tick_usd, at_open = grid[spread, 0], np.array(scenario.open_usd)[spread]
    terms = [scenario.venues[v].coin(scenario.coins[c]) for c, v in zip(spread, venue_of, strict=True)]
    lot_size = np.array([coin.contract_usd or coin.lot_base for coin in terms])
    return Contracts(
        coin=spread,
        venue=venue_of,
        purse=np.where(is_inverse, n_venues + np.cumsum(is_inverse) - 1, venue_of),
        is_perpetual=(contract != "spot").astype(np.int64),
        payoff=np.where(is_inverse, -1, 1),
        tick_usd=tick_usd,
        lot_base=np.where(is_inverse, lot_size / at_open, lot_size),
        lot_size=lot_size,
        quanta=np.where(is_inverse, 0, np.rint(tick_usd * lot_size / QUANTUM_USD)).astype(np.int64),
        lot_quanta=np.where(is_inverse, lot_size / tick_usd / QUANTUM_COIN, 0.0),
        quantum=np.where(is_inverse, 1 / QUANTUM_COIN, 1 / QUANTUM_USD),
        floor_tick=grid[spread, 2].astype(np.int64),
    )


def _check_grid(scenario: Scenario) -> None:
    """Refuse markets of one coin on different grids of prices, and lots whose value is no whole number of quanta."""
    for venue in scenario.venues:
        for coin, (tick, lot, _) in zip(scenario.coins, scenario.grid, strict=True):
            terms = venue.coin(coin)
            own_lot = lot if venue.contract == "inverse" else terms.lot_base
            if (terms.tick_usd, own_lot) != (tick, lot):
                raise InvalidConfigError(
                    f"{venue.name}: {coin} has tick {terms.tick_usd:g} and lot {own_lot:g}, "
                    f"{scenario.venues[0].name} {tick:g} and {lot:g}; a coin's markets must share them"
                )
            quanta = tick * lot / QUANTUM_USD
            if venue.contract != "inverse" and (quanta < 0.5 or abs(round(quanta) - quanta) > 1e-6 * quanta):
                raise InvalidConfigError(
                    f"{coin}: one lot times one tick must be a whole number of 1e-6 USD, got {quanta:g}"
                )


def make_accounts(
    scenario: Scenario, contracts: Contracts, margin: Margin, seed: int, held_lots: np.ndarray
) -> tuple[Accounts, Ladder, dict]:
    """Return positions and ladders, empty ones in a world without leverage, and what was drawn."""
    if scenario.assumptions is not None and scenario.pre_day_usd is not None:
        return draw_population(
            scenario.assumptions, contracts, margin, scenario.pre_day_usd, seed, scenario.seconds, 1.0, held_lots
        )
    rows = given_rows(scenario.accounts, contracts)
    accounts = Accounts(
        rows=rows,
        opening=np.full(scenario.seconds + 1, len(rows)),
        closing=np.full(scenario.seconds, -1, np.int32),
        isolated=np.append([0, len(rows)], np.zeros(2 * len(contracts.coin) - 2, np.int64)),
    )
    return accounts, empty_ladder(len(contracts.coin)), {"positions": len(rows)}


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
    rates = [int(venue.liquidation.orders_per_s) if venue.liquidation else 0 for venue in scenario.venues]
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


# ── liquidity ────────────────────────────────────────────────────────────────────────────────────────────────
def make_liquidity(scenario: Scenario, contracts: Contracts) -> Liquidity:
    """Return the tables from which providers post, an empty expiry wheel, and a calm memory."""
    priors, markets = scenario.priors, len(contracts.coin)
    lots_of_depth = depth_usd(scenario, contracts) / (contracts.lot_base * np.array(scenario.open_usd)[contracts.coin])
    posts, depth_share = post_tables(priors.liquidity)
    thinning = np.zeros(len(priors.withdrawal.sigmas), THINNING)
    thinning["sigmas"], thinning["factor"] = priors.withdrawal.sigmas, priors.withdrawal.thinning
    return Liquidity(
        posts=posts,
        lots=(lots_of_depth[:, None] * depth_share).ravel(),
        wheel=np.zeros(markets * WHEEL, np.int32),
        history=np.repeat(np.log(scenario.open_usd), HISTORY),
        thinning=thinning,
    )


def post_tables(liquidity: LiquidityPriors) -> tuple[np.ndarray, np.ndarray]:
    """Return distances and lifetimes by quantile of a post's distance, and mean sizes over the depth within 1%.

    Half of the posts are nearer than `break_fraction`, log-uniform on either side of it. A post's mean size is what
    makes mean depth within u that of the profile, given how many are posted there and how long they stay.
    """
    half = QUANTILES // 2
    near = np.geomspace(liquidity.nearest, liquidity.break_fraction, half + 1)
    distance = np.concatenate([near, np.geomspace(liquidity.break_fraction, liquidity.farthest, half + 1)[1:]])
    middle = np.sqrt(distance[1:] * distance[:-1])
    life = np.minimum(liquidity.lifetime_s, liquidity.lifetime_near_s + liquidity.lifetime_per_bp_s * middle * 1e4)
    depth = profile(liquidity, distance)
    depth[0] = 0.0
    posts_per_s = liquidity.posts_per_s / 2 / QUANTILES  # of one side, at one quantile
    posts = np.zeros(QUANTILES + 1, POST)
    posts["distance"], posts["life"][:-1] = distance, life
    posts["exponential"][:-1] = -np.log1p(-(np.arange(QUANTILES) + 0.5) / QUANTILES)
    return posts, np.diff(depth) / (posts_per_s * steps_seen(life))


def profile(liquidity: LiquidityPriors, distance: np.ndarray) -> np.ndarray:
    """Return depth within each distance over that within 1%: a power law, but between stated points where there are."""
    law = (distance / 0.01) ** liquidity.kappa
    if not liquidity.profile_distances:
        return law
    at = np.log([*liquidity.profile_distances, 0.01])
    stated = np.log([*liquidity.profile_depths, 1.0])
    between = np.exp(np.interp(np.log(distance), at, stated))
    nearest = np.exp(stated[0] + liquidity.kappa * (np.log(distance) - at[0]))
    return np.where(distance >= 0.01, law, np.where(np.log(distance) < at[0], nearest, between))


def steps_seen(life_s: np.ndarray | float) -> np.ndarray | float:
    """Return for how many steps an order of this mean lifetime is in the book: whole ones, and at least one."""
    return 1.0 + np.exp(-2.0 / life_s) / -np.expm1(-1.0 / life_s)


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────
def make_settings(scenario: Scenario, contracts: Contracts, seed: int) -> Settings:
    """Return the numbers of a run."""
    run, markets = scenario.priors.run, range(len(contracts.coin))
    shape = (len(scenario.coins), scenario.blocks)
    switches = [*scenario.mechanisms.model_dump().values(), scenario.target_usd is not None]
    keys = np.zeros(len(markets) * STREAMS, np.uint64)
    fill_keys(keys, seed)
    return Settings(
        layout=np.array([len(scenario.coins), len(scenario.venues), run.news_block_s, run.map_interval_s, run.rounds]),
        switches=np.array(switches, np.int64),
        rates=make_rates(scenario.priors),
        keys=keys,
        noise_lots=noise_quantiles(scenario, contracts).ravel(),
        noise_pace=paces(scenario.priors.flow.noise_dispersion),
        programmes=make_programmes(scenario),
        news=np.zeros(shape) if scenario.news is None else scenario.news.astype(np.float64),
        target=np.zeros(shape) if scenario.target_usd is None else scenario.target_usd.astype(np.float64),
        **provider_tables(scenario.providers, len(markets)),
    )


def make_rates(priors: Priors) -> np.ndarray:
    """Return the rates in the order of their names in `state`."""
    return np.array(
        [
            priors.learning.share,
            1.0 - 0.5 ** (1.0 / (3600.0 * priors.learning.half_life_h)),
            1.0 - 0.5 ** (1.0 / priors.learning.local_half_life_s),
            priors.liquidity.posts_per_s,
            priors.withdrawal.refill_per_minute / 60.0,
            min(1.0, priors.withdrawal.retreat_per_minute / 60.0),
            priors.flow.arbitrage_cost,
            priors.liquidity.taken_share,
            1.0,
            priors.withdrawal.sigmas_per_liquidated_depth,
            1.0 / HISTORY,
            0.01,  # pull to the open in the warm-up: keeps it within a few basis points
            priors.withdrawal.severity_sigma,
        ]
    )


def noise_quantiles(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return quantiles of a noise trade's lots in every market: of the stated law, with the stated mean over depth."""
    flow = scenario.priors.flow
    lot_usd = contracts.lot_base * np.array(scenario.open_usd)[contracts.coin]
    mean_lots = flow.noise_over_depth * depth_usd(scenario, contracts) / lot_usd
    if flow.noise_sizes:
        shape = between_quantiles(flow.noise_probabilities, flow.noise_sizes, MIDDLES)
        return mean_lots[:, None] * shape / shape.mean() + 0.5  # kernels cut off: to the nearest lot
    shape = np.exp(flow.noise_sigma * ndtri(MIDDLES))
    return mean_lots[:, None] * shape / shape.mean()


def paces(dispersion: float) -> np.ndarray:
    """Return quantiles of how busy a second is: gamma, of mean 1 and this variance, as counts come in bursts."""
    if dispersion == 0.0:
        return np.ones(QUANTILES)
    pace = gammaincinv(1.0 / dispersion, MIDDLES)
    return pace / pace.mean()


def make_programmes(scenario: Scenario) -> np.ndarray:
    """Return the scenario's programmes for the kernels."""
    names = [venue.name for venue in scenario.venues]
    rows = np.zeros(len(scenario.programmes), PROGRAMME)
    for row, programme in zip(rows, scenario.programmes, strict=True):
        if programme.coin not in scenario.coins or programme.venue not in names or programme.lots <= 0:
            raise InvalidConfigError(f"programme: no such market or no lots in {programme}; name one of the scenario's")
        market = scenario.coins.index(programme.coin) * len(names) + names.index(programme.venue)
        row["start"], row["stop"] = programme.start_s, programme.stop_s
        row["market"], row["side"], row["lots"] = market, int(programme.side == "sell"), programme.lots
        row["every"] = programme.every_s
    return rows


def make_ledger(scenario: Scenario, contracts: Contracts, accounts: Accounts, cross: Cross) -> Ledger:
    """Return the ledger at the start: what open positions and cross accounts hold, and the pools; all else from zero.

    Whoever trades without leverage holds the other side: of coins that serve as collateral, which have come out of the
    spot books, and of accounts that are given; those that are drawn hold as many longs as shorts.
    """
    cash = np.zeros((contracts.purse.max() + 1, LEDGER_COLUMNS), np.int64)
    lots = np.zeros((len(contracts.coin), HOLDERS), np.int64)
    add_positions(accounts.rows[: accounts.opening[0]], contracts, cash, lots)
    count_portfolios(cross, contracts, cash.reshape(-1), lots.reshape(-1), 1)
    lots[:, EXTERNAL_LOTS] -= lots.sum(axis=1)
    cash[:, POOL] += pools(scenario, contracts)
    signs = np.ones(LEDGER_COLUMNS, np.int64)
    signs[PAID] = -1
    return Ledger(cash=cash.ravel(), lots=lots.ravel(), start=(cash * signs).sum(axis=1), broken=np.zeros(2, np.int64))


def pools(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return the insurance pool of every purse in quanta; a venue's is split evenly among its inverse contracts."""
    held = np.zeros(contracts.purse.max() + 1, np.int64)
    for market, (coin, venue) in enumerate(zip(contracts.coin, contracts.venue, strict=True)):
        insurance = scenario.venues[venue].insurance
        pool_usd = insurance.pool_usd if insurance else 0.0
        if contracts.payoff[market] < 0:
            pool_usd /= len(scenario.coins) * scenario.open_usd[coin]
        held[contracts.purse[market]] = round(pool_usd * contracts.quantum[market])
    return held


def add_positions(rows: np.ndarray, contracts: Contracts, cash: np.ndarray, lots: np.ndarray) -> None:
    """Add what open positions hold to running totals."""
    count_positions(rows, contracts, cash.reshape(-1), lots.reshape(-1), 1)


def make_counters() -> Counters:
    """Return counters at zero."""
    return Counters(n=np.zeros(24, np.int64), fills=np.zeros(4, np.int64), inverse=np.zeros(2))


def make_records(scenario: Scenario, rules: np.ndarray, ledger: Ledger, positions: int) -> Records:
    """Return empty records, with room for all that can be written.

    A position is liquidated once, or in parts: then there is room for so many parts a position, and a few thousand.
    """
    n_coins, steps, markets = len(scenario.coins), scenario.seconds, len(rules)
    minutes, snapshots = -(-steps // 60), -(-steps // scenario.priors.run.map_interval_s)
    parts = 8 if (rules["part"] == TO_COMPLIANCE).any() else 2
    events = positions + 2 if (rules["part"] == WHOLE).all() else parts * positions + PARTS
    closings = 1 if (rules["trigger"] == NEVER).all() else positions + events + 1

    def in_place(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
        return zeros(math.prod(shape), dtype).reshape(shape)

    pools = np.zeros((minutes + 1, len(ledger.start)), np.int64)
    pools[0] = ledger.cash.reshape(-1, LEDGER_COLUMNS)[:, POOL]
    return Records(
        tape=np.zeros(events, LIQUIDATION),  # nearly all of it is never touched
        deleveraged=np.zeros(closings, DELEVERAGING),  # likewise
        pools=pools,
        minutes=in_place((minutes, markets), MINUTE),
        prices=in_place((n_coins, steps), PRICE),
        mark=in_place((steps, markets), np.float64),
        funding=np.zeros((-(-steps // 3600), markets), np.int64),
        stake=in_place((snapshots, n_coins, 2, STAKE_BINS), np.float32),
        taken=np.zeros(scenario.priors.run.taken_slots, TAKEN),
        n_taken=np.zeros(1, np.int64),
    )
