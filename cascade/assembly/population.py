"""Leverage assumptions -> positions: who is open when the day starts, who opens during it, who closes when."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from cascade.assembly.checks import check_world
from cascade.assumptions import BUCKETS, LeverageAssumptions
from cascade.errors import InvalidConfigError
from cascade.kernels.margin import CLAIM, HIGHEST_NOTIONAL, evaluate
from cascade.kernels.population import (
    CHOICES,
    HOURS,
    PATH_MINUTE,
    REMAINDER,
    STRATA,
    Plan,
    Stage,
    Tally,
    draw_openings,
    draw_survivors,
)
from cascade.memory import empty_ladder
from cascade.state import POSITION, Accounts, Contracts, Ladder, Margin, Status

Numbers = float | np.ndarray
DAY_MINUTES = 1440.0
PRICE_MARGIN = 0.7  # of the path's lowest price: where brackets count coins, sizes keep to them down to there [assumed]
ROOM = 1.1  # rows over the expected number; doubled until all fit


def draw_population(
    assumptions: LeverageAssumptions,
    contracts: Contracts,
    margin: Margin,
    paths: np.ndarray,
    seed: int,
    steps: int,
    step_s: float,
    held_lots: np.ndarray | None = None,
) -> tuple[Accounts, Ladder, dict]:
    """Return the accounts of a day, the ladders of those that are open at its start, and what was drawn.

    Parameters
    ----------
    assumptions : LeverageAssumptions
        Its coins and venues in the order of the contracts' numbers.
    contracts, margin : Contracts, Margin
        Units and margin rules of all markets; spot markets have no accounts.
    paths : ndarray of float64, shape (coins, minutes)
        Prices before the day in USD, one a minute, the last at its start. The same for all seeds.
    seed, steps, step_s
        Of the run; the day has `steps` steps of `step_s` seconds.
    held_lots : ndarray of int64, shape (markets, 2), optional
        Longs and shorts of others (cross accounts): part of open interest, for which the remainder makes room.

    Returns
    -------
    Accounts, Ladder, dict
        `stats`: for "candidates", "open" and "opened_today" counts and USD by bucket (and "remainder") and side;
        "open_interest_usd" by coin, of longs; "positions".

    Raises
    ------
    InvalidConfigError
        If a bucket has mass but no market offers its leverage, or open interest cannot hold the masses.
    """
    paths = np.ascontiguousarray(paths, np.float64)
    held_lots = np.zeros((contracts.coin.size, 2), np.int64) if held_lots is None else held_lots
    plan = _make_plan(assumptions, contracts, margin, paths, step_s, held_lots)
    path = _with_extremes(paths)
    expected = plan.stock.sum() + plan.openings.sum() * steps / HOURS
    rows = int(expected * ROOM + 8.0 * math.sqrt(expected)) + 1000
    while True:
        stage = _make_stage(plan, contracts, margin, path, rows, steps)
        status = draw_survivors(stage, int(seed))
        if status == Status.OK:
            status = draw_openings(stage, int(seed), int(steps), float(step_s))
        if status == Status.OK:
            break
        if status == Status.WOULD_NOT_FILL:
            raise InvalidConfigError("remainder: the path before the day crosses nearly all of it; lower its leverages")
        rows *= 2
    accounts = stage.accounts._replace(rows=stage.accounts.rows[: stage.tally.rows[1]])
    return accounts, stage.ladder, _describe(stage, assumptions)


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────────
def _make_plan(
    assumptions: LeverageAssumptions,
    contracts: Contracts,
    margin: Margin,
    paths: np.ndarray,
    step_s: float,
    held_lots: np.ndarray,
) -> Plan:
    """Return the assumptions by stratum, in the units of the kernels."""
    check_world(assumptions, contracts, paths)
    markets = contracts.coin.size
    shape = (markets, STRATA)
    laws = [*assumptions.buckets, assumptions.remainder]
    interest_usd = _interest_usd(assumptions, contracts)
    lot_usd = contracts.lot_size * np.where(contracts.payoff > 0, paths[contracts.coin, -1], 1.0)
    held_usd = held_lots.sum(axis=1) * lot_usd
    mu, sigma, cap_usd = _size_laws(assumptions, interest_usd, held_usd.sum())
    leverage, weight, limit_usd = _choices(laws, cap_usd, contracts, margin, paths)
    top = ndtr((np.log(limit_usd) - mu[:, None]) / sigma[:, None])
    mean_usd = np.where(weight > 0, _cut_mean(mu[:, None], sigma[:, None], limit_usd), 0.0)
    offered = weight.sum(axis=2)
    mean_usd = (weight * mean_usd).sum(axis=2) / np.where(offered > 0, offered, 1.0)
    mass_usd = _mass_usd(assumptions, contracts, offered > 0, 2.0 * interest_usd - held_usd)
    stock = np.divide(mass_usd, mean_usd, out=np.zeros(shape), where=mass_usd > 0)
    holding = np.array([DAY_MINUTES * law.mean_holding_days for law in laws])
    hours = np.array(assumptions.hours) / np.mean(assumptions.hours)
    openings = hours[:, None] * (stock / holding * step_s / 60.0).ravel()
    stops = assumptions.stops
    return Plan(
        stock=stock.ravel(),
        long_share=np.tile([*(bucket.long_share for bucket in assumptions.buckets), 0.5], markets),
        holding_minutes=np.tile(holding, markets),
        oldest=np.tile(-np.expm1(-paths.shape[1] / holding), markets),
        size_mu=np.tile(mu, markets),
        size_sigma=np.tile(sigma, markets),
        leverage=leverage.ravel(),
        reached=(np.cumsum(weight, axis=2) / np.where(offered > 0, offered, 1.0)[..., None]).ravel(),
        size_top=top.ravel(),
        openings=openings.ravel(),
        open_lots=np.rint(interest_usd / lot_usd).astype(np.int64) * (contracts.is_perpetual != 0),
        held_lots=np.ascontiguousarray(held_lots, np.int64).ravel(),
        stops=np.array([stops.share, stops.nearest, stops.farthest, stops.widest, stops.round_share]),
        clock=np.array([60.0 / step_s]),
    )


def _interest_usd(assumptions: LeverageAssumptions, contracts: Contracts) -> np.ndarray:
    """Return the open interest of every market, USD, of one side."""
    coin_usd = np.array([assumptions.open_interest_usd[coin] for coin in assumptions.coin_shares])
    return coin_usd[contracts.coin] * _venue_share(assumptions, contracts)


def _venue_share(assumptions: LeverageAssumptions, contracts: Contracts) -> np.ndarray:
    """Return the share of every market's venue; 0 for spot."""
    shares = np.array([*assumptions.venue_shares.values(), 0.0])
    share = shares[np.minimum(contracts.venue, shares.size - 1)] / shares.sum()
    return np.where(contracts.is_perpetual != 0, share, 0.0)


def _size_laws(
    assumptions: LeverageAssumptions, interest_usd: np.ndarray, held_usd: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log median, sigma and cap by stratum; the remainder's median gives it the mean that open interest asks."""
    size, rest = assumptions.size, assumptions.remainder
    total_usd = 2.0 * interest_usd.sum() - sum(bucket.mass_usd for bucket in assumptions.buckets) - held_usd
    mean_usd = total_usd / rest.accounts
    if not 1e-6 < mean_usd < 0.9 * rest.cap_usd:
        raise InvalidConfigError(
            f"remainder: {rest.accounts:g} accounts for {total_usd:.3g} USD of open interest beside the buckets' "
            f"masses and cross accounts, a mean of {mean_usd:.3g}; change accounts, open_interest_usd or mass_usd"
        )
    high = math.log(rest.cap_usd) + 60.0
    mu = brentq(lambda m: _cut_mean(m, rest.sigma, rest.cap_usd) - mean_usd, math.log(mean_usd) - rest.sigma**2, high)
    medians = [math.log(size.median_usd * assumptions.size_scale)] * REMAINDER
    return (
        np.array([*medians, mu]),
        np.array([size.sigma] * REMAINDER + [rest.sigma]),
        np.array([size.cap_usd] * REMAINDER + [rest.cap_usd]),
    )


def _cut_mean(mu: Numbers, sigma: Numbers, cap: Numbers) -> Numbers:
    """Return the mean of a lognormal law given that it is below the cap."""
    z = (np.log(cap) - mu) / sigma
    return np.exp(mu + 0.5 * sigma**2) * ndtr(z - sigma) / ndtr(z)


def _choices(
    laws: list, cap_usd: np.ndarray, contracts: Contracts, margin: Margin, paths: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return leverages, weights (0 where a market does not offer them) and largest notional, by stratum and choice."""
    shape = (contracts.coin.size, STRATA, CHOICES)
    leverage, weight = np.ones(shape), np.zeros(shape)
    for bucket, law in enumerate(laws):
        leverage[:, bucket, : len(law.leverages)] = law.leverages
        weight[:, bucket, : len(law.leverages)] = law.weights
    claims = np.zeros(shape, CLAIM)
    claims["market"] = np.arange(shape[0])[:, None, None]
    claims["leverage"] = leverage
    is_inverse, lowest_usd = contracts.payoff < 0, PRICE_MARGIN * paths.min(axis=1)[contracts.coin]
    claims["entry_usd"] = np.where(is_inverse, 1.0 / lowest_usd, lowest_usd)[:, None, None]
    limit = np.empty(claims.size)
    evaluate(margin, HIGHEST_NOTIONAL, claims.ravel(), limit)
    limit_usd = limit.reshape(shape) * np.where(is_inverse, lowest_usd, 1.0)[:, None, None]
    lot_usd = contracts.lot_size * np.where(is_inverse, 1.0, paths.max(axis=1)[contracts.coin])
    lot_usd = lot_usd[:, None, None]
    limit_usd = np.minimum(limit_usd - lot_usd, cap_usd[:, None])  # sizes are rounded to whole lots
    is_offered = (limit_usd > lot_usd) & (contracts.is_perpetual != 0)[:, None, None]
    return leverage, weight * is_offered, np.maximum(limit_usd, lot_usd)


def _mass_usd(
    assumptions: LeverageAssumptions, contracts: Contracts, is_offered: np.ndarray, both_sides_usd: np.ndarray
) -> np.ndarray:
    """Return the stock of every stratum, USD; what a market does not offer is held at those that do."""
    share = np.array(list(assumptions.coin_shares.values()))[contracts.coin] * _venue_share(assumptions, contracts)
    mass_usd = np.zeros(is_offered.shape)
    for i, bucket in enumerate(assumptions.buckets):
        held = share * is_offered[:, i]
        if bucket.mass_usd > 0 and held.sum() <= 0:
            raise InvalidConfigError(f"buckets[{i}]: no market offers {bucket.leverages}; set mass_usd to 0")
        mass_usd[:, i] = bucket.mass_usd * held / (held.sum() or 1.0)
    rest = both_sides_usd - mass_usd.sum(axis=1)
    mass_usd[:, REMAINDER] = np.where(is_offered[:, REMAINDER], np.maximum(rest, 0.0), 0.0)
    return mass_usd


# ── the stage ────────────────────────────────────────────────────────────────────────────────────────────────
def _with_extremes(paths: np.ndarray) -> np.ndarray:
    """Return the paths with the lowest and highest price from every minute to the day's start."""
    path = np.empty(paths.shape, PATH_MINUTE)
    path["price"] = paths
    path["lowest"] = np.minimum.accumulate(paths[:, ::-1], axis=1)[:, ::-1]
    path["highest"] = np.maximum.accumulate(paths[:, ::-1], axis=1)[:, ::-1]
    return path


def _make_stage(plan: Plan, contracts: Contracts, margin: Margin, path: np.ndarray, rows: int, steps: int) -> Stage:
    """Return empty accounts and ladders."""
    strata = plan.stock.size
    return Stage(
        accounts=Accounts(
            rows=np.empty(rows, POSITION),
            isolated=np.zeros(2 * contracts.coin.size, np.int64),
            opening=np.zeros(steps + 1, np.int64),
            closing=np.empty(steps, np.int32),
        ),
        ladder=empty_ladder(contracts.coin.size),
        contracts=contracts,
        margin=margin,
        plan=plan,
        path=path,
        tally=Tally(
            *(np.zeros(2 * strata, np.int64) for _ in range(6)),
            level=np.zeros(contracts.coin.size, np.int64),
            rows=np.zeros(2, np.int64),
        ),
        keys=np.zeros(2 * strata, np.uint64),
    )


def _describe(stage: Stage, assumptions: LeverageAssumptions) -> dict:
    """Return what was drawn: counts and USD by bucket and side, open interest by coin."""
    tally, coin = stage.tally, stage.contracts.coin
    stats: dict = {"positions": int(tally.rows[0])}
    drawn = (
        ("candidates", tally.candidates, tally.candidate_cost),
        ("open", tally.survivors, tally.survivor_cost),
        ("opened_today", tally.openings, tally.opening_cost),
    )
    for name, counts, quanta in drawn:
        counts, usd = (array.reshape(coin.size, STRATA, 2).sum(axis=0) for array in (counts, quanta * 1e-6))
        stats[name] = {
            bucket: {
                "long": int(counts[i, 0]),
                "short": int(counts[i, 1]),
                "long_usd": float(usd[i, 0]),
                "short_usd": float(usd[i, 1]),
            }
            for i, bucket in enumerate((*BUCKETS, "remainder"))
        }
    level_usd = tally.level * stage.contracts.lot_size
    level_usd *= np.where(stage.contracts.payoff > 0, stage.path["price"][coin, -1], 1.0)
    stats["open_interest_usd"] = {
        name: float(level_usd[coin == i].sum()) for i, name in enumerate(assumptions.coin_shares)
    }
    return stats
