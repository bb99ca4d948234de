"""Leverage assumptions -> cross accounts: what each holds, what is in its wallet, and the state of venues' engines."""

import math

import numpy as np
from scipy.special import ndtr

from cascade.assembly.checks import check_world
from cascade.assembly.sleepers import charges, paces
from cascade.assumptions import CrossAccounts
from cascade.errors import InvalidConfigError
from cascade.kernels.portfolios import COINS, HELD, LONG, SHORT, CrossPlan, CrossStage, draw_portfolios
from cascade.scenario import Scenario
from cascade.state import (
    BEDS,
    ENGINE,
    LARGEST_LOSS,
    LARGEST_MARGIN,
    LARGEST_NOTIONAL,
    LEG,
    NO_POSITION,
    PORTFOLIO,
    SLOTS,
    Contracts,
    Cross,
    Margin,
    Status,
)

MINUTES_PER_DAY = 1440.0
LARGEST_Z = 8.3  # of a normal variate from 53 bits
MOST_USD = 1e12  # a wallet; int64 holds nine times as much in quanta
RUNG = 4e-5  # of the price, about: what marks cross in a second, and less than the shortest reach that is filed
ROOM = 1.1  # rows over the expected number; doubled until all fit
ORDERS = {"largest_loss": LARGEST_LOSS, "largest_notional": LARGEST_NOTIONAL, "largest_margin": LARGEST_MARGIN}


def make_cross(scenario: Scenario, contracts: Contracts, margin: Margin, seed: int) -> tuple[Cross, np.ndarray, dict]:
    """Return the cross accounts of a day, what they hold, and what was drawn; none where the assumptions name none.

    Parameters
    ----------
    scenario : Scenario
        Its assumptions say who is there, its venues by which rules.
    contracts, margin : Contracts, Margin
        Units and margin rules of all markets.
    seed : int
        Of the run.

    Returns
    -------
    Cross, ndarray of int64 of shape (markets, 2), dict
        Lots held, long and short. "cross": accounts, legs, long_usd, short_usd (at the day's first prices), coin_usd
        (collateral); or nothing.
    """
    assumptions, paths = scenario.assumptions, scenario.pre_day_usd
    if assumptions is None or assumptions.cross is None or paths is None:
        nothing = arrange(scenario, contracts, np.zeros(0, PORTFOLIO), np.zeros(0, LEG))
        return nothing, np.zeros((len(contracts.coin), 2), np.int64), {}
    _check_funding(scenario)
    law, path = assumptions.cross, np.ascontiguousarray(paths, np.float64)
    check_world(assumptions, contracts, path)
    _check_distance(law)
    open_ticks = np.floor(path[contracts.coin, -1] / contracts.tick_usd + 0.5).astype(np.int64)
    open_usd = open_ticks * contracts.tick_usd
    plan = _make_plan(scenario, law, contracts, margin, path)
    rows = int(ROOM * plan.accounts.sum() + 8.0 * math.sqrt(plan.accounts.sum())) + 100
    while True:
        stage = CrossStage(
            portfolios=np.empty(rows, PORTFOLIO),
            legs=np.empty(rows * (len(law.legs) + 1), LEG),
            contracts=contracts,
            margin=margin,
            plan=plan,
            path_usd=path.ravel(),
            open_ticks=open_ticks,
            part=np.zeros(len(law.legs)),
            minute=np.zeros(len(law.legs), np.int64),
            held=np.zeros(HELD * len(contracts.coin), np.int64),
            rows=np.zeros(2, np.int64),
            bed=np.empty(rows, np.uint8),
        )
        if draw_portfolios(stage, int(seed)) == Status.OK:
            break
        rows *= 2
    n, n_legs = stage.rows
    cross = arrange(scenario, contracts, stage.portfolios[:n], stage.legs[:n_legs], stage.bed[:n], open_usd)
    return cross, stage.held.reshape(-1, HELD)[:, [LONG, SHORT]], {"cross": _describe(stage, open_usd)}


def _make_plan(
    scenario: Scenario, law: CrossAccounts, contracts: Contracts, margin: Margin, path: np.ndarray
) -> CrossPlan:
    """Return the assumptions in the units of the kernel."""
    assumptions = scenario.assumptions
    assert assumptions is not None  # it has a law of cross accounts
    weight, sudden = charges(scenario, contracts, margin, law.cap_usd, path)
    shares = np.array(list(assumptions.venue_shares.values()))
    weights = np.array([assumptions.open_interest_usd[coin] for coin in scenario.coins])
    legs = np.array(law.legs[: len(scenario.coins)])
    minutes = MINUTES_PER_DAY * law.mean_holding_days
    spot = next((v for v, venue in enumerate(scenario.venues) if venue.contract == "spot"), None)
    haircut = _haircuts(scenario, contracts)
    return CrossPlan(
        accounts=(law.accounts * shares / shares.sum())[: contracts.venue[contracts.is_perpetual != 0].max() + 1],
        reached=np.append(np.cumsum(legs)[:-1] / legs.sum(), 1.0),
        coin_weight=weights / weights.sum(),
        shares=np.array([law.hedged_share, law.long_share, law.coin_share]),
        size=np.array([math.log(law.median_usd), law.sigma, ndtr(math.log(law.cap_usd / law.median_usd) / law.sigma)]),
        distance=np.array([math.log(law.distance_median), law.distance_sigma]),
        holding_minutes=np.array([minutes, -math.expm1(-path.shape[1] / minutes)]),
        haircut=haircut if spot is not None else np.ones_like(haircut),
        weight=weight,
        sudden=sudden,
        index_market=np.arange(len(scenario.coins)) * len(scenario.venues) + (spot or 0),
    )


def _describe(stage: CrossStage, open_usd: np.ndarray) -> dict:
    """Return what was drawn: counts, and USD at the day's first prices."""
    contracts = stage.contracts
    lot_usd = contracts.lot_size * np.where(contracts.payoff < 0, 1.0, open_usd)
    usd = lot_usd @ stage.held.reshape(-1, HELD)
    return {
        "accounts": int(stage.rows[0]),
        "legs": int(stage.rows[1]),
        "long_usd": float(usd[LONG]),
        "short_usd": float(usd[SHORT]),
        "coin_usd": float(usd[COINS]),
    }


def _check_funding(scenario: Scenario) -> None:
    """Refuse intervals of funding that are no whole hours: cross accounts settle by the hour."""
    for venue in scenario.venues:
        if venue.funding is not None and venue.funding.interval_h % 1:
            raise InvalidConfigError(
                f"{venue.name}: funding.interval_h must be a whole number of hours where accounts are cross, got "
                f"{venue.funding.interval_h:g}; round it, or leave cross accounts out"
            )


def _check_distance(law: CrossAccounts) -> None:
    """Refuse wallets that no ledger holds."""
    largest_usd = law.cap_usd * law.distance_median * math.exp(LARGEST_Z * law.distance_sigma)
    if largest_usd > MOST_USD:
        raise InvalidConfigError(
            f"cross: distance_median {law.distance_median:g} with distance_sigma {law.distance_sigma:g} and cap_usd "
            f"{law.cap_usd:g} asks for wallets of up to {largest_usd:.1g} USD, above {MOST_USD:g}; lower one of them"
        )


def arrange(
    scenario: Scenario,
    contracts: Contracts,
    portfolios: np.ndarray,
    legs: np.ndarray,
    bed: np.ndarray | None = None,
    bed_usd: np.ndarray | None = None,
) -> Cross:
    """Return cross accounts with the state around them.

    Parameters
    ----------
    scenario : Scenario
        Gives the rules of the venues.
    contracts : Contracts
    portfolios : ndarray of PORTFOLIO
        All SLEEPING.
    legs : ndarray of LEG
        Those of one account side by side, filed nowhere.
    bed : ndarray of uint8 of shape (portfolios,), optional
        Up to which move each sleeps (`cascade.kernels.turns`). All are looked at in the first step if not given.
    bed_usd : ndarray of float64 of shape (markets,), optional
        Prices from which beds count moves. What the day opens at if not given.
    """
    n, n_markets = len(portfolios), len(contracts.coin)
    rung_shift, cursor = _rungs(scenario, contracts)
    bed = np.zeros(n, np.uint8) if bed is None else bed
    sleepers = np.argsort(bed, kind="stable").astype(np.int32)
    return Cross(
        portfolios=portfolios,
        legs=legs,
        heads=np.zeros(2 * n_markets * SLOTS if n else 0, np.int32),
        rung_shift=rung_shift,
        cursor=cursor,
        inside=np.zeros(2 * n_markets),
        watched=np.empty(n, np.int32),
        n_watched=np.zeros(1, np.int64),
        sleepers=sleepers,
        beds=np.searchsorted(bed[sleepers], np.arange(BEDS + 1)),
        woken=np.zeros(1, np.int64),
        alarms=np.repeat(cursor, 2),
        opening_usd=np.array(scenario.open_usd)[contracts.coin] if bed_usd is None else bed_usd,
        pace=paces(scenario),
        engines=_engines(scenario),
        haircut=_haircuts(scenario, contracts),
        last_part=np.zeros(n, np.int32),
    )


def _rungs(scenario: Scenario, contracts: Contracts) -> tuple[np.ndarray, np.ndarray]:
    """Return how many bits of a tick a rung of every market has, and the rung of its opening price."""
    at_open = np.array(scenario.open_usd)[contracts.coin]
    shift = np.maximum(np.log2(RUNG * at_open / contracts.tick_usd), 0.0).astype(np.int64)
    tick = np.floor(at_open / contracts.tick_usd).astype(np.int64) - contracts.floor_tick
    return shift, tick >> shift


def _engines(scenario: Scenario) -> np.ndarray:
    """Return the engines of all venues with empty queues; a spot venue has none."""
    engines = np.zeros(len(scenario.venues), ENGINE)
    engines["first_queued"] = engines["last_queued"] = NO_POSITION
    for engine, venue in zip(engines, scenario.venues, strict=True):
        if venue.liquidation is not None:
            engine["rate"] = venue.liquidation.orders_per_s
            engine["order"] = ORDERS[venue.liquidation.cross_order]
    return engines


def _haircuts(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return what each market's venue takes off its coin as collateral; all of it where the venue does not take it."""
    tables = [venue.cross.haircuts if venue.cross else {} for venue in scenario.venues]
    places = zip(contracts.coin, contracts.venue, strict=True)
    return np.array([tables[venue].get(scenario.coins[coin], 1.0) for coin, venue in places])
