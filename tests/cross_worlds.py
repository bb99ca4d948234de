"""Worlds of cross accounts for tests: random or stated ones, no other positions, marks that a test sets."""

import numpy as np
from worlds import OPEN_USD, small_world

from cascade.assembly import build_world, make_ledger, make_records
from cascade.config import load_priors
from cascade.kernels.cross import drain_cross, liquidate_cross
from cascade.kernels.edges import enqueue_portfolio
from cascade.kernels.jit import kernel
from cascade.kernels.ledger import check_ledger
from cascade.kernels.slack import settle_funding, slack_of
from cascade.portfolios import arrange
from cascade.scenario import Scenario, load_venues
from cascade.state import CROSS_LOTS, EXTERNAL_LOTS, HOLDERS, LEG, NO_POSITION, OPEN, PORTFOLIO, WATCHED, World
from cascade.venues import Venue, load_venue

SIX_USD = OPEN_USD | {"XRP": 1.5, "SOL": 93.0, "DOGE": 0.105, "BNB": 700.0}
HAIRCUTS = {"BTC": 0.05, "ETH": 0.1}


def taking_coins(venue: str | Venue, **rules) -> Venue:
    """Return a venue that takes coins as collateral, some of its rules of liquidation replaced."""
    venue = load_venue(venue)
    tables = venue.model_dump(exclude_unset=True)
    tables["cross"] = {"haircuts": HAIRCUTS, "source": "test"}
    tables["liquidation"] |= rules
    return Venue.model_validate(tables)


def cross_scenario(coins=("BTC", "ETH"), venues=("binance", "okx"), seconds: int = 60, **fields) -> Scenario:
    """Return a scenario without isolated positions, at venues that take coins; funding as stated."""
    fast = {"orders_per_s": 1e6} | fields.pop("rules", {})
    books = [*(taking_coins(venue, **fast) for venue in venues), *load_venues(["spot"])]
    if set(coins) <= set(OPEN_USD):
        return small_world(0, coins=coins, seconds=seconds).changed(venues=tuple(books), **fields)
    return Scenario(
        name="cross",
        coins=coins,
        venues=tuple(books),
        open_usd=tuple(SIX_USD[coin] for coin in coins),
        seconds=seconds,
        priors=load_priors(),
        **fields,
    )


def random_accounts(scenario: Scenario, world: World, n: int, seed: int, far: float = 0.3):
    """Return accounts of one to five legs, healthy by a lognormal distance with median `far`; one in three in coin."""
    random, n_venues = np.random.default_rng(seed), len(scenario.venues)
    perpetual_venues, contracts, n_coins = n_venues - 1, world.contracts, len(scenario.coins)
    n_legs = random.integers(1, min(2 * n_coins, 5) + 1, n)
    has_coin = random.random(n) < 1 / 3
    portfolios = np.zeros(n, PORTFOLIO)
    portfolios["n_legs"] = n_legs + has_coin
    portfolios["first_leg"] = np.cumsum(portfolios["n_legs"]) - portfolios["n_legs"]
    portfolios["venue"] = random.integers(0, perpetual_venues, n)
    legs = np.zeros(portfolios["n_legs"].sum(), LEG)
    legs["portfolio"] = np.repeat(np.arange(n), portfolios["n_legs"])
    # one contract a coin and side: a number below 2 * coins, those of an account all different
    place = np.arange(len(legs)) - portfolios["first_leg"][legs["portfolio"]]
    slot = (random.integers(0, 2 * n_coins, n)[legs["portfolio"]] + place) % (2 * n_coins)
    coin, legs["side"] = slot // 2, 1 - 2 * (slot % 2)
    legs["market"] = coin * n_venues + portfolios["venue"][legs["portfolio"]]
    is_coin = has_coin[legs["portfolio"]] & (place == portfolios["n_legs"][legs["portfolio"]] - 1)
    coin = np.where(is_coin, random.integers(0, min(2, n_coins), len(legs)), coin)
    legs["market"][is_coin] = coin[is_coin] * n_venues + n_venues - 1
    legs["side"][is_coin], legs["is_coin"] = 1, is_coin
    usd = np.exp(7.0 + 2.0 * random.standard_normal(len(legs)))
    mark_usd = np.array(scenario.open_usd)[coin]
    legs["lots"] = np.clip(usd / (mark_usd * contracts.lot_base[legs["market"]]), 1, 2e8)
    ticks = np.rint(mark_usd * np.exp(0.1 * random.standard_normal(len(legs))) / contracts.tick_usd[legs["market"]])
    legs["cost"] = np.where(is_coin, 0, legs["lots"] * ticks.astype(np.int64) * contracts.quanta[legs["market"]])
    return with_distance(scenario, world, portfolios, legs, far * np.exp(1.2 * random.standard_normal(n)))


def with_distance(scenario, world: World, portfolios, legs, distance):
    """Return the accounts with wallets such that equity is the requirement and `distance` times the gross notional."""
    portfolios["wallet"], portfolios["status"] = 0, WATCHED
    portfolios["moved_by"] = portfolios["trigger_step"] = NO_POSITION
    portfolios["next"] = np.arange(1, len(portfolios) + 1)
    portfolios["next"][-1:] = NO_POSITION
    legs["filed_tick"] = legs["next"] = legs["prev"] = NO_POSITION
    bare = world._replace(cross=arrange(scenario, world.contracts, portfolios, legs))
    slack = np.empty(len(portfolios))
    measure_slack(bare, slack)
    mark_usd = bare.markets["mark_usd"][legs["market"]]
    gross = np.bincount(
        legs["portfolio"],
        (legs["is_coin"] == 0) * 1e6 * legs["lots"] * bare.contracts.lot_base[legs["market"]] * mark_usd,
        len(portfolios),
    )
    portfolios["wallet"] = np.rint(distance * gross - slack)
    return portfolios, legs


def world_of(scenario: Scenario, seed: int = 1, accounts=None, n: int = 50, far: float = 0.3) -> World:
    """Return a world of these cross accounts, or of random ones; the books hold the other side."""
    world, _ = build_world(scenario, seed)
    portfolios, legs = accounts or random_accounts(scenario, world, n, seed, far)
    cross = arrange(scenario, world.contracts, portfolios, legs)
    ledger = make_ledger(scenario, world.contracts, world.accounts, cross)
    lots = ledger.lots.reshape(-1, HOLDERS)
    lots[:, EXTERNAL_LOTS] = -lots[:, CROSS_LOTS]
    records = make_records(scenario, len(world.markets), len(legs))
    return world._replace(cross=cross, ledger=ledger, records=records)


def set_marks(world: World, step: int, mark_usd: np.ndarray) -> None:
    """Give every market its mark."""
    world.markets["mark_usd"] = world.records.mark[step] = mark_usd


class Walk:
    """Marks that walk at random, each market a little beside its coin, spot the coin itself."""

    def __init__(self, world: World, seed: int, sigma: float = 0.002):
        self.random, self.sigma = np.random.default_rng(seed), sigma
        self.coin = world.contracts.coin
        self.is_spot = world.contracts.is_perpetual == 0
        self.usd = world.markets["mark_usd"].copy()

    def step(self, jump: float = 0.0) -> np.ndarray:
        """Return the next marks."""
        common = self.sigma * self.random.standard_normal(self.coin.max() + 1) + jump
        self.usd *= np.exp(common[self.coin])
        beside = 0.2 * self.sigma * self.random.standard_normal(len(self.usd)) * ~self.is_spot
        return self.usd * np.exp(beside)


# ── doors ────────────────────────────────────────────────────────────────────────────────────────────────────
@kernel
def liquidate(world, step):
    """The look at cross accounts and the venues' engines, at the marks as they stand."""
    liquidate_cross(world, step)
    check_ledger(world)


@kernel
def liquidate_by_scan(world, step):
    """The same with a full scan in the place of ladders: every account is judged in every step."""
    world.cross.watched[0] = NO_POSITION
    for p in range(len(world.cross.portfolios)):
        status = world.cross.portfolios[p]["status"]
        if status == OPEN or status == WATCHED:
            settle_funding(world, p, step)
            if slack_of(world, p) < 0.0:
                enqueue_portfolio(world, p, step)
            else:
                world.cross.portfolios[p]["status"] = OPEN
    for venue in range(len(world.cross.engines)):
        drain_cross(world, venue, step)
    check_ledger(world)


@kernel
def scan(world):
    """Return how many accounts are short of margin at the marks: the least that a scan must do."""
    found = 0
    for p in range(len(world.cross.portfolios)):
        status = world.cross.portfolios[p]["status"]
        if status == OPEN or status == WATCHED:
            found += slack_of(world, p) < 0.0
    return found


@kernel
def measure_slack(world, slack):
    """Write equity less requirement of every account, in quanta."""
    for p in range(len(world.cross.portfolios)):
        slack[p] = slack_of(world, p)
