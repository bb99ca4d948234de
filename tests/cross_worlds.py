"""Worlds of cross accounts for tests: random or stated ones, no other positions, marks that a test sets."""

from collections.abc import Callable

import numpy as np
from worlds import OPEN_USD

from cascade.assembly import arrange, build_world, make_ledger, make_records, make_winners
from cascade.config import load_priors
from cascade.kernels.cross import drain_queues, look_at_due
from cascade.kernels.edges import enqueue_portfolio
from cascade.kernels.funding import pay_funding
from cascade.kernels.jit import kernel, rule
from cascade.kernels.ledger import check_ledger
from cascade.kernels.recount import recount
from cascade.kernels.slack import settle_funding, slack_of, value_at_mark
from cascade.scenario import Scenario, load_venues
from cascade.state import LEG, LIQUIDATED, N_TAPE, NO_POSITION, OPEN, PORTFOLIO, QUEUED, SLEEPING, World
from cascade.venues import Venue, load_venue

SIX_USD = OPEN_USD | {"XRP": 1.5, "SOL": 93.0, "DOGE": 0.105, "BNB": 700.0}
HAIRCUTS = {"BTC": 0.05, "ETH": 0.1}


def taking_coins(venue: str | Venue, **rules) -> Venue:
    """Return a venue that takes coins as collateral, some of its rules of liquidation replaced."""
    tables = load_venue(venue).model_dump(exclude_unset=True)
    tables["liquidation"] |= rules
    if tables["contract"] == "linear":
        tables["cross"] = {"haircuts": HAIRCUTS, "source": "test"}
    return Venue.model_validate(tables)


def one_rate(name: str) -> Venue:
    """Return a venue whose bracket's rate holds for the whole position, by its value at the mark."""
    tables = load_venue(name).model_dump(exclude_unset=True)
    tables["margin"] |= {"deduction": "whole", "bracket_unit": "mark_notional"}
    for coin in tables["coins"].values():
        coin["brackets"] = [dict(row) | {"amount_usd": None} for row in coin["brackets"]]
    return Venue.model_validate(tables)


def cross_scenario(coins=("BTC", "ETH"), venues=("binance", "okx"), seconds=60, rate_8h=0.0, rules=None) -> Scenario:
    """Return a scenario without isolated positions, at venues that take coins and send orders at once."""
    fast = {"orders_per_s": 1e6} | (rules or {})
    books = [*(taking_coins(venue, **fast) for venue in venues), *load_venues(["spot"])]
    return Scenario(
        name="cross",
        coins=coins,
        venues=tuple(books),
        open_usd=tuple(SIX_USD[coin] for coin in coins),
        seconds=seconds,
        priors=load_priors().changed(
            venues={venue.name: 1.0 for venue in books}, funding={"rate_8h": rate_8h}, run={"order_slots": 60_000}
        ),
    )


def random_accounts(scenario, world: World, n: int, seed: int, far: float = 0.3, size=(8.5, 2.5)):
    """Return accounts of one to five legs, healthy by a lognormal distance with median `far`; one in three in coin.

    Of an inverse venue they have one contract, and what it settles in. `size` is mean and deviation of ln USD of a leg.
    """
    random, contracts = np.random.default_rng(seed), world.contracts
    n_venues, n_coins = len(scenario.venues), len(scenario.coins)
    portfolios = np.zeros(n, PORTFOLIO)
    portfolios["venue"] = random.integers(0, n_venues - 1, n)
    is_inverse = contracts.payoff[portfolios["venue"]] < 0
    n_contracts = np.where(is_inverse, 1, random.integers(1, min(2 * n_coins, 5) + 1, n))
    portfolios["n_legs"] = n_contracts + (~is_inverse & (random.random(n) < 1 / 3))
    portfolios["first_leg"] = np.cumsum(portfolios["n_legs"]) - portfolios["n_legs"]
    legs = np.zeros(portfolios["n_legs"].sum(), LEG)
    legs["portfolio"] = owner = np.repeat(np.arange(n), portfolios["n_legs"])
    place = np.arange(len(legs)) - portfolios["first_leg"][owner]
    # one contract a coin and side: a number below 2 * coins, those of an account all different
    slot = (random.integers(0, 2 * n_coins, n)[owner] + place) % (2 * n_coins)
    legs["is_coin"] = is_coin = place == n_contracts[owner]
    coin = np.where(is_coin, random.integers(0, min(2, n_coins), len(legs)), slot // 2)
    legs["side"] = np.where(is_coin, 1, 1 - 2 * (slot % 2))
    legs["market"] = market = coin * n_venues + np.where(is_coin, n_venues - 1, portfolios["venue"][owner])
    usd, open_usd = np.exp(size[0] + size[1] * random.standard_normal(len(legs))), np.array(scenario.open_usd)[coin]
    lot_usd = contracts.lot_size[market] * np.where(contracts.payoff[market] < 0, 1.0, open_usd)
    legs["lots"] = lots = np.clip(usd / lot_usd, 1, 2e8).astype(np.int64)
    ticks = np.rint(open_usd * np.exp(0.1 * random.standard_normal(len(legs))) / contracts.tick_usd[market])
    inverse_cost = (lots * contracts.lot_quanta[market] / ticks).astype(np.int64)
    cost = np.where(
        contracts.payoff[market] < 0, inverse_cost, lots * contracts.quanta[market] * ticks.astype(np.int64)
    )
    legs["cost"] = np.where(is_coin, 0, cost)
    return with_distance(scenario, world, portfolios, legs, far * np.exp(1.2 * random.standard_normal(n)))


def stated_accounts(scenario: Scenario, world: World, accounts: list[dict]):
    """Return accounts of the first venue, given as wallet_usd, contracts and coins.

    Contracts are (coin, side, size, entry_usd), coins (coin, size).
    """
    portfolios, rows = np.zeros(len(accounts), PORTFOLIO), []
    for p, (row, account) in enumerate(zip(portfolios, accounts, strict=True)):
        row["wallet"], row["first_leg"] = round(1e6 * account["wallet_usd"]), len(rows)
        rows += [(p, 0, *leg) for leg in account["contracts"]]
        rows += [(p, 1, coin, 1, size, 0.0) for coin, size in account.get("coins", ())]
        row["n_legs"] = len(rows) - row["first_leg"]
    legs = np.zeros(len(rows), LEG)
    for leg, (p, is_coin, coin, side, size, entry_usd) in zip(legs, rows, strict=True):
        market = scenario.coins.index(coin) * len(scenario.venues) + is_coin * (len(scenario.venues) - 1)
        leg["portfolio"], leg["is_coin"], leg["market"], leg["side"] = p, is_coin, market, side
        leg["lots"] = round(size / world.contracts.lot_base[market])
        leg["cost"] = round(1e6 * size * entry_usd)
    return waiting(portfolios, legs)


def waiting(portfolios: np.ndarray, legs: np.ndarray):
    """Return accounts and legs as they are before the first step: none was looked at, none is filed."""
    portfolios["status"], portfolios["moved_by"], portfolios["trigger_step"] = SLEEPING, NO_POSITION, NO_POSITION
    legs["rung"] = legs["next"] = legs["prev"] = NO_POSITION
    return portfolios, legs


def with_distance(scenario, world: World, portfolios, legs, distance):
    """Return the accounts with wallets such that equity is the requirement and `distance` times the gross notional."""
    portfolios["wallet"] = 0
    waiting(portfolios, legs)
    bare = world._replace(cross=arrange(scenario, world.contracts, portfolios, legs))
    slack = np.empty(len(portfolios))
    measure_slack(bare, slack)
    value = np.empty(len(legs), np.int64)
    measure_values(bare, value)
    gross = np.bincount(legs["portfolio"], (legs["is_coin"] == 0) * value, len(portfolios))
    portfolios["wallet"] = np.rint(distance * gross - slack)
    return portfolios, legs


def world_of(scenario: Scenario, seed: int = 1, accounts=None, n: int = 50, far: float = 0.3, **law) -> World:
    """Return a world with these cross accounts, or with random ones; the books hold the other side."""
    world, _ = build_world(scenario, seed)
    if accounts is None:
        portfolios, legs = random_accounts(scenario, world, n, seed, far, **law)
    else:
        portfolios, legs = stated_accounts(scenario, world, accounts)
    cross, holders = arrange(scenario, world.contracts, portfolios, legs), len(world.accounts.rows) + len(legs)
    ledger = make_ledger(scenario, world.contracts, world.accounts, cross)
    records = make_records(scenario, world.rules, ledger, holders)
    winners = make_winners(world.rules, holders)
    return world._replace(cross=cross, ledger=ledger, records=records, winners=winners)


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
def liquidate(world, step, by_scan):
    """Look at cross accounts, by ladders or by a full scan that judges every one, and drain the venues' queues."""
    if by_scan:
        scan_accounts(world, step)
    else:
        look_at_due(world, step)
    drain_queues(world, step)
    check_ledger(world)


@rule
def scan_accounts(world, step):
    """Judge every account; nothing is filed."""
    world.cross.n_watched[0] = 0
    for p in range(len(world.cross.portfolios)):
        status = world.cross.portfolios[p]["status"]
        if status != QUEUED and status != LIQUIDATED:
            settle_funding(world, p, step)
            if slack_of(world, p) < 0.0:
                enqueue_portfolio(world, p, step)
            else:
                world.cross.portfolios[p]["status"] = OPEN


@kernel
def scan(world):
    """Return how many accounts are short of margin at the marks: the least that a scan must do."""
    found = 0
    for p in range(len(world.cross.portfolios)):
        status = world.cross.portfolios[p]["status"]
        if status != QUEUED and status != LIQUIDATED:
            found += slack_of(world, p) < 0.0
    return found


@kernel
def measure_slack(world, slack):
    """Write equity less requirement of every account, in quanta."""
    for p in range(len(world.cross.portfolios)):
        slack[p] = slack_of(world, p)


@kernel
def measure_values(world, value):
    """Write the value of every leg at its mark, in quanta."""
    for j in range(len(world.cross.legs)):
        value[j] = value_at_mark(world, j)


@kernel
def let_longs_pay(world, step):
    """Funding that is due."""
    pay_funding(world, step)


@kernel
def settle_all(world, step):
    """Take the funding that is due out of every wallet."""
    for p in range(len(world.cross.portfolios)):
        settle_funding(world, p, step)


# ── the ladder against a scan, both compiled ─────────────────────────────────────────────────────────────────
class Pair:
    """Two worlds after the same marks: one that looked by ladders, one that judged every account in every step.

    The books are empty, so that what becomes of an account does not hang on who was liquidated before it.
    """

    def __init__(self, make_world: Callable[[], World]):
        self.ladder, self.scan = make_world(), make_world()
        self.walk = Walk(self.ladder, 5, 2e-4)

    def step(self, step: int, jump: float) -> None:
        """Play one step in both at marks of the walk."""
        self.step_to(step, self.walk.step(jump))

    def step_to(self, step: int, marks: np.ndarray) -> None:
        """Play one step in both at these marks; the same accounts must be breached in it."""
        for world, by_scan in ((self.ladder, False), (self.scan, True)):
            set_marks(world, step, marks)
            liquidate(world, step, by_scan)
        breached = [np.flatnonzero(w.cross.portfolios["trigger_step"] == step) for w in (self.ladder, self.scan)]
        np.testing.assert_array_equal(*breached)

    def compare(self) -> None:
        """Hold accounts, legs, money and tapes of the two against each other."""
        ladder, scan = self.ladder, self.scan
        for name in ("wallet", "trigger_step", "is_taken"):
            np.testing.assert_array_equal(ladder.cross.portfolios[name], scan.cross.portfolios[name], err_msg=name)
        for name in ("lots", "cost"):
            np.testing.assert_array_equal(ladder.cross.legs[name], scan.cross.legs[name], err_msg=name)
        np.testing.assert_array_equal(ladder.ledger.cash, scan.ledger.cash)
        np.testing.assert_array_equal(ladder.ledger.lots, scan.ledger.lots)
        order = ("account", "step", "market", "side")
        tapes = [np.sort(world.records.tape[: world.counters.n[N_TAPE]], order=order) for world in (ladder, scan)]
        for name in (*order, "lots", "trigger_step", "pool", "fee"):
            np.testing.assert_array_equal(tapes[0][name], tapes[1][name], err_msg=name)
        assert recount(ladder) == recount(scan) == 0
        assert ladder.ledger.broken.tolist() == [0, 0]
