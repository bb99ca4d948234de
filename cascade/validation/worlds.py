"""The small worlds of theory: scenario settings of the engine and nothing else.

Many coins that are alike, at one venue: each market is one replica, and nothing passes between them. Marks are the last
fill; stops, openings, arbitrage, learning, withdrawal and noise are off unless a law needs them. Prices count ticks of
1e-8 of the opening price, so that a relative move is a move in ticks to a part in a million. Sizes are in lots of coin;
there are no fees.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from cascade.config import Mechanisms, Priors, load_priors
from cascade.engine import run_world
from cascade.given import GIVEN_ACCOUNT, BlindOrders, GivenBook
from cascade.scenario import Programme, Scenario
from cascade.state import BUY, GIVEN_ORDER, World
from cascade.venues import Venue
from cascade.venues.brackets import Bracket, Coin
from cascade.venues.rules import Fees, Insurance, LiquidationRule, MarginRules, MarkRule

VENUE = "theory"
TICK_USD, LOT_BASE = 0.001, 0.002  # one lot times one tick is two quanta of the ledger
OPEN_TICK = 100_000_000  # the opening price in ticks
OPEN_USD = OPEN_TICK * TICK_USD
ENTRY_ABOVE = 1000  # ticks above the open at which given accounts entered
NEVER_CRITICAL = 1e-12  # maintenance rate: a position is liquidated where its margin is lost, to 1e-4 of a tick
QUIET = Mechanisms(stops=False, withdrawal=False, arbitrage=False, openings=False, learning=False)


# ── the venue and the priors of theory ───────────────────────────────────────────────────────────────────────
@cache
def theory_venue(replicas: int, maintenance: float = NEVER_CRITICAL, rule: str = "whole", mark: str = "last") -> Venue:
    """Return a venue with market orders for liquidation, an instant engine, no fees, and one bracket."""
    text = "a set-up of theory [assumed]"
    bracket = Bracket(floor=0, cap=1e30, maintenance_rate=maintenance, max_leverage=0.5 / maintenance)
    coin = Coin(tick_usd=TICK_USD, lot_base=LOT_BASE, source=text, date="2026", brackets=(bracket,))
    return Venue(
        name=VENUE,
        title="theory",
        contract="linear",
        fees=Fees(taker=0.0),
        margin=MarginRules(
            bracket_unit="mark_notional", deduction="whole", basis="mark", fee_in_trigger=False, source=text
        ),
        mark=MarkRule.model_validate({"rule": mark}),
        liquidation=LiquidationRule.model_validate(
            {"rule": rule, "order": "market", "surplus": "account", "orders_per_s": 1e6, "published_per_s": 0}
        ),
        insurance=Insurance(pool_usd=1e9),
        coins=dict.fromkeys(coin_names(replicas), coin),
    )


def coin_names(replicas: int) -> tuple[str, ...]:
    """Return the coins: one is one replica."""
    return tuple(f"REPLICA{number}" for number in range(replicas))


@cache
def theory_priors(
    replicas: int,
    slots: int,
    warmup_s: int = 1,
    trade: tuple[float, int] = (0.0, 1),
    learning: tuple[float, float] = (1.0, 1e9),
) -> Priors:
    """Return priors without any flow but noise trades of one size; depths are not read where a book is given.

    `trade` is trades a second and their lots; `learning` the share of a move that providers follow, and the hours
    until half of it is forgotten.
    """
    (trades_per_s, lots), (share, half_life) = trade, learning
    depth_usd = 1e4 * lots * LOT_BASE * OPEN_USD  # so that a trade of 1e-4 of it is `lots` lots
    return load_priors().model_validate(
        load_priors().model_dump()
        | {
            "coins": {coin: {"depth_1pct_usd": depth_usd, "volatility": 0.5} for coin in coin_names(replicas)},
            "venues": {VENUE: 1.0},
            "flow": {
                "noise_per_s": trades_per_s,
                "noise_over_depth": 1e-4 * (1.0 + 0.01 / lots),  # clear of rounding down
                "noise_sigma": 0.0,
                "value_bp_per_sqrt_s": 0.0,
                "arbitrage_cost": 1.0,
            },
            "learning": {"share": share, "half_life_h": half_life, "local_half_life_s": 60.0},
            "run": {"warmup_s": warmup_s, "news_block_s": 86_400, "map_interval_s": 86_400, "order_slots": slots},
            "ranges": {},
        }
    )


def half_life_h(kept: float) -> float:
    """Return the half-life, hours, of what a step of one second leaves `kept` of."""
    return math.log(0.5) / math.log(kept) / 3600.0


# ── books and accounts ───────────────────────────────────────────────────────────────────────────────────────
def bids(depth_lots: Callable[[np.ndarray], np.ndarray], farthest: int, spacing: int = 1) -> np.ndarray:
    """Return the bids whose depth down to each tick k below the reference is `depth_lots(k + 1/2)`, one order a tick.

    The half tick makes the last fill of a sale of V the nearest tick to where `depth_lots` reaches V.
    """
    offset = np.arange(0, farthest, spacing)
    lots = np.diff(np.rint(depth_lots(offset + 0.5 * spacing)), prepend=0.0)
    return orders_at(-offset, lots)


def orders_at(offset: np.ndarray, lots: np.ndarray, side: int = BUY) -> np.ndarray:
    """Return orders of one market; those without lots are left out."""
    orders = np.zeros(len(offset), GIVEN_ORDER)
    orders["side"], orders["offset"], orders["lots"] = side, offset, lots
    return orders[orders["lots"] > 0]


def longs(fall_ticks: np.ndarray, lots: np.ndarray | int) -> np.ndarray:
    """Return long positions of one market that are breached once the mark has fallen by `fall_ticks` or more.

    Half a tick is taken off, so that no rounding decides.
    """
    accounts = np.zeros(len(fall_ticks), GIVEN_ACCOUNT)
    accounts["side"], accounts["lots"] = 1, lots
    accounts["entry_usd"] = (OPEN_TICK + ENTRY_ABOVE) * TICK_USD
    accounts["margin_usd"] = accounts["lots"] * LOT_BASE * (ENTRY_ABOVE + fall_ticks - 0.5) * TICK_USD
    return accounts


def poisson_falls(rng: np.random.Generator, per_tick: float, farthest: int) -> np.ndarray:
    """Return the thresholds, ticks of fall from 1, of a Poisson process of `per_tick` a tick."""
    return np.sort(rng.integers(1, farthest, rng.poisson(per_tick * (farthest - 1))))


# ── scenarios ────────────────────────────────────────────────────────────────────────────────────────────────
def theory_world(
    books: Sequence[np.ndarray] | BlindOrders,
    accounts: Sequence[np.ndarray] = (),
    sales: Sequence[tuple[int, ...]] = (),
    seconds: int = 60,
    replicas: int | None = None,
    **fields,
) -> Scenario:
    """Return a scenario of replicas.

    Parameters
    ----------
    books : sequence of ndarray of GIVEN_ORDER, or BlindOrders
        The book of every replica; one book alone is everybody's.
    accounts : sequence of ndarray of GIVEN_ACCOUNT
        The accounts of every replica.
    sales : sequence of (start, stop, lots) or (start, stop, lots, every)
        Every replica's sellers, who sell `lots` in each step, or in every so many.
    seconds : int
        Steps; a round of liquidations takes one.
    replicas : int, optional
        How many, where neither books nor accounts say so.
    **fields
        `venue` (keywords of `theory_venue`), `priors` (of `theory_priors`), `laid`, and fields of `Scenario`.
    """
    n = max(len(accounts), 0 if isinstance(books, BlindOrders) else len(books), replicas or 0)
    venue, priors, laid = fields.pop("venue", {}), fields.pop("priors", {}), fields.pop("laid", "once")
    if isinstance(books, BlindOrders):
        providers, resting = books, 2 * books.posts_per_s * books.life_s
    else:
        providers = GivenBook(in_markets(books if len(books) == n else list(books) * n), laid)
        resting = len(providers.orders) / n
    priors = {"slots": int(1.2 * n * resting) + 10_000} | priors
    return Scenario(
        name="theory",
        coins=coin_names(n),
        venues=(theory_venue(n, **venue),),
        open_usd=(OPEN_USD,) * n,
        seconds=seconds,
        priors=theory_priors(n, **priors),
        mechanisms=fields.pop("mechanisms", QUIET),
        providers=providers,
        accounts=in_markets(accounts) if len(accounts) else None,
        programmes=tuple(Programme(coin, VENUE, "sell", *sale) for coin in coin_names(n) for sale in sales),
        **fields,
    )


def in_markets(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return the rows of all replicas, each with its market."""
    together = np.concatenate(list(rows))
    together["market"] = np.repeat(np.arange(len(rows)), [len(part) for part in rows])
    return together


def without_cascade(scenario: Scenario) -> Scenario:
    """Return the scenario in which liquidated positions are closed off the book: the control of every cascade."""
    return scenario.without("liquidations")


def run(scenario: Scenario, seed: int = 1) -> World:
    """Run a scenario through the engine."""
    return run_world(scenario, seed)


def falls(world: World) -> np.ndarray:
    """Return the fall of every replica's mark from the open, ticks, (steps, replicas)."""
    return OPEN_TICK - np.rint(world.records.mark / TICK_USD)
