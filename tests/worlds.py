"""Small worlds for the tests of the day, and doors to the rules that take `world` first.

Few accounts, thin books, short days: what a test of the engine needs to see every mechanism at work.
"""

import numpy as np

from cascade.assembly import build_world, make_ledger, make_records, make_winners
from cascade.assumptions import LeverageAssumptions, default_assumptions, default_cross
from cascade.config import Priors, load_priors
from cascade.kernels.accounts import file_ahead, is_breached
from cascade.kernels.book import append, new_slot
from cascade.kernels.cross import liquidate_cross
from cascade.kernels.funding import pay_funding
from cascade.kernels.jit import kernel
from cascade.kernels.ledger import check_ledger
from cascade.kernels.loop import liquidate_breached, run_steps, set_marks, trade_accounts
from cascade.kernels.orders import take_at_market
from cascade.kernels.pools import record_pools
from cascade.kernels.stops import set_triggers
from cascade.scenario import Scenario, load_venues
from cascade.state import MARK_LAST, NO_POSITION, OPEN, POSITION, World
from cascade.venues import Venue, load_venue

OPEN_USD = {"BTC": 72_000.0, "ETH": 2_140.0}
DEPTH_USD = {"BTC": 1e6, "ETH": 0.8e6}  # within 1%, on one side
MEAN_USD = 620.0 * np.exp(0.5 * 2.1**2)  # of a position, by the default law of sizes


# ── scenarios ────────────────────────────────────────────────────────────────────────────────────────────────
def few_accounts(n: int, coins: tuple[str, ...], venues: tuple[str, ...], cross: float = 0.0) -> LeverageAssumptions:
    """About `n` isolated positions before the path takes some, as many in every bucket; n / 4 of a remainder."""
    default = default_assumptions()
    mass_usd = n / 4 * MEAN_USD
    days = (2.0, 1.0, 0.3, 0.05)
    buckets = tuple(
        bucket.model_copy(update={"mass_usd": mass_usd, "mean_holding_days": held})
        for bucket, held in zip(default.buckets, days, strict=True)
    )
    return default.model_copy(
        update={
            "buckets": buckets,
            "coin_shares": {coin: 1.0 / len(coins) for coin in coins},
            "venue_shares": {venue: 1.0 / len(venues) for venue in venues},
            "open_interest_usd": {coin: 4.0 * mass_usd / len(coins) for coin in coins},
            "remainder": default.remainder.model_copy(update={"accounts": max(8.0, n / 4)}),
            "cross": default_cross().model_copy(update={"accounts": cross, "distance_median": 0.1}) if cross else None,
        }
    )


def thin_priors(warmup_s: int = 60, **sections) -> Priors:
    """The shipped priors with books a hundredth as deep."""
    default = load_priors()
    coins = {
        c: terms.model_dump() | {"depth_1pct_usd": DEPTH_USD[c]} for c, terms in default.coins.items() if c in OPEN_USD
    }
    run = {"warmup_s": warmup_s, "order_slots": 60_000, "map_interval_s": 60, "news_block_s": 20}
    return default.changed(coins=coins, run=run | sections.pop("run", {}), **sections)


def pre_day(coins: tuple[str, ...], minutes: int = 3000, volatility: float = 4e-4) -> np.ndarray:
    """Random walks before the day that end at the opening prices."""
    log_path = np.cumsum(volatility * np.random.default_rng(7).standard_normal((len(coins), minutes)), axis=1)
    return np.array([OPEN_USD[coin] for coin in coins])[:, None] * np.exp(log_path - log_path[:, -1:])


def small_world(
    n: int = 400, coins=("BTC",), venues=("binance",), seconds: int = 120, shock: float = 0.0, cross=0.0, **fields
) -> Scenario:
    """Return a short day of `n` isolated positions (0: no leverage), its value moved by `shock` after a tenth of it."""
    priors = fields.pop("priors", None) or thin_priors()
    books = load_venues([*venues, "spot"])
    levered = tuple(venue.name for venue in books[:-1])
    scenario = Scenario(
        name="small",
        coins=coins,
        venues=books,
        open_usd=tuple(OPEN_USD[coin] for coin in coins),
        seconds=seconds,
        priors=priors,
        assumptions=few_accounts(n, coins, levered, cross) if n else None,
        pre_day_usd=pre_day(coins) if n else None,
        **fields,
    )
    news = np.zeros((len(coins), scenario.blocks))
    news[:, scenario.blocks // 10] = np.log1p(shock)
    return scenario if scenario.news is not None else scenario.with_news(news)


def as_offered(scenario: Scenario) -> Scenario:
    """Return the scenario without the leverage buckets that its venues do not offer."""
    highest = max(venue.coins["BTC"].brackets[0].max_leverage for venue in scenario.venues[:-1])
    buckets = tuple(
        bucket.model_copy(update={} if min(bucket.leverages) <= highest else {"mass_usd": 0.0})
        for bucket in scenario.assumptions.buckets
    )
    return scenario.changed(assumptions=scenario.assumptions.model_copy(update={"buckets": buckets}))


def warm_world(scenario: Scenario, seed: int = 1) -> World:
    """Return the world of a scenario with its books filled, at the start of its day."""
    world, _ = build_world(scenario, seed)
    warmup = scenario.priors.run.warmup_s
    run_steps(world, -warmup, 0, warmup)
    return world


def still_world(
    positions: list[dict],
    bids: dict[float, int] | None = None,
    asks: dict[float, int] | None = None,
    off: tuple[str, ...] = (),
) -> World:
    """Return a world without draws: these positions, these orders (USD: lots) in the perpetual's book; last is mark.

    A position is given as side, lots, entry_usd, leverage, and what else a row holds. The last row is who took the
    other side, without leverage, so that longs equal shorts.
    """
    net = sum(position["side"] * position["lots"] for position in positions)
    other = {"side": -1 if net > 0 else 1, "lots": abs(net), "entry_usd": OPEN_USD["BTC"], "leverage": 1}
    positions = [*positions, other]
    scenario = small_world(0).without(*off)
    world, _ = build_world(scenario, 1)
    rows = np.zeros(len(positions), POSITION)
    for row, position in zip(rows, positions, strict=True):
        fields = {
            "stop_tick": -1,
            "filed_tick": -1,
            "next": NO_POSITION,
            "prev": NO_POSITION,
            "status": OPEN,
        } | position
        entry_usd = fields.pop("entry_usd")
        cost = fields["lots"] * round(entry_usd / world.contracts.tick_usd[0]) * int(world.contracts.quanta[0])
        fields |= {"cost": cost, "margin": -int(-cost // fields["leverage"]), "close_step": 2**31 - 1}
        for name, value in fields.items():
            row[name] = value
    accounts = world.accounts._replace(
        rows=rows,
        opening=np.full(scenario.seconds + 1, len(rows)),
        isolated=np.append([0, len(rows)], np.zeros(2 * len(world.markets) - 2, np.int64)),
        last_part=np.zeros(len(rows), np.int32),
    )
    ledger = make_ledger(scenario, world.contracts, accounts, world.cross)
    world = world._replace(
        accounts=accounts,
        winners=make_winners(world.rules, len(rows)),
        ledger=ledger,
        records=make_records(scenario, world.rules, ledger, len(rows)),
    )
    world.markets["mark_rule"][0] = MARK_LAST
    file_accounts(world)
    for side, levels in enumerate((bids or {}, asks or {})):
        for usd, lots in levels.items():
            rest_order(world, 0, side, tick_of(world, usd), lots)
    return world


def tick_of(world: World, usd: float) -> int:
    """Return the tick of a price in the first market's book."""
    return round(usd / world.contracts.tick_usd[0]) - int(world.contracts.floor_tick[0])


def slow_venue(name: str, orders_per_s: int) -> Venue:
    """Return a venue whose liquidation engine sends few orders."""
    venue = load_venue(name)
    rule = venue.liquidation.model_copy(update={"orders_per_s": orders_per_s})
    return venue.model_copy(update={"liquidation": rule})


# ── doors: a rule that takes `world` has none for Python ─────────────────────────────────────────────────────
@kernel
def rest_order(world, market, side, tick, lots):
    """Put an order, which must not cross, into a book; it has no lifetime."""
    slot = new_slot(world.book)
    append(world.book, market, side, tick, lots, slot)


@kernel
def take_lots(world, market, side, lots):
    """Send a market order; return the lots filled."""
    return take_at_market(world, market, side, lots)


@kernel
def file_accounts(world):
    """Set and file the triggers of positions that a test has written into the rows."""
    for i in range(len(world.accounts.rows)):
        if world.accounts.rows[i]["lots"] > 0:
            set_triggers(world, i)
            file_ahead(world, i)


@kernel
def let_accounts_trade(world, step):
    """Stops that fired, openings, closings: step 3 of the model, for accounts alone."""
    trade_accounts(world, step, len(world.markets))


@kernel
def take_marks(world, step):
    """Index and marks from the books: step 5."""
    set_marks(world, step, len(world.coins), len(world.markets))


@kernel
def let_longs_pay(world, step):
    """Funding that is due: between marks and margin."""
    pay_funding(world, step)


@kernel
def liquidate(world, step):
    """Ladders, queues, liquidation, ledger: steps 6 and 7 at the marks as they stand."""
    for market in range(len(world.markets)):
        liquidate_breached(world, step, market)
    liquidate_cross(world, step)
    check_ledger(world)


@kernel
def end_minute(world, minute):
    """Write what the pools are worth after so many minutes."""
    record_pools(world, minute)


@kernel
def find_breached(world, out):
    """Write whether each position with open lots is breached at its market's mark."""
    for i in range(len(world.accounts.rows)):
        out[i] = world.accounts.rows[i]["lots"] > 0 and is_breached(world, i)
