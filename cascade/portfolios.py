"""Leverage assumptions -> cross accounts: what each holds, what is in its wallet, and the state of venues' engines."""

import numpy as np

from cascade.scenario import Scenario
from cascade.state import (
    ENGINE,
    LARGEST_LOSS,
    LARGEST_MARGIN,
    LARGEST_NOTIONAL,
    LEG,
    NO_POSITION,
    PORTFOLIO,
    TICKS,
    WATCHED,
    Contracts,
    Cross,
    Margin,
)

ORDERS = {"largest_loss": LARGEST_LOSS, "largest_notional": LARGEST_NOTIONAL, "largest_margin": LARGEST_MARGIN}


def make_cross(scenario: Scenario, contracts: Contracts, margin: Margin, seed: int) -> tuple[Cross, dict]:
    """Return the cross accounts of a day, and what was drawn; none where the assumptions name none."""
    return arrange(scenario, contracts, np.zeros(0, PORTFOLIO), np.zeros(0, LEG)), {}


def arrange(scenario: Scenario, contracts: Contracts, portfolios: np.ndarray, legs: np.ndarray) -> Cross:
    """Return cross accounts with the state around them, all to be looked at in the first step.

    Parameters
    ----------
    scenario : Scenario
        Gives the rules of the venues.
    contracts : Contracts
    portfolios : ndarray of PORTFOLIO
        With wallets and legs; lists and status are set here.
    legs : ndarray of LEG
        Those of one account side by side.
    """
    portfolios["next"] = np.arange(1, len(portfolios) + 1)
    portfolios["next"][-1:] = NO_POSITION
    portfolios["status"], portfolios["moved_by"], portfolios["trigger_step"] = WATCHED, NO_POSITION, NO_POSITION
    legs["filed_tick"] = legs["next"] = legs["prev"] = NO_POSITION
    return Cross(
        portfolios=portfolios,
        legs=legs,
        heads=np.zeros(2 * len(contracts.coin) * TICKS if len(portfolios) else 0, np.int32),
        cursor=_cursors(scenario, contracts),
        engines=_engines(scenario),
        haircut=_haircuts(scenario, contracts),
        watched=np.array([0 if len(portfolios) else NO_POSITION]),
    )


def _cursors(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return the tick of every market's opening price."""
    at_open = np.array(scenario.open_usd)[contracts.coin]
    return np.floor(at_open / contracts.tick_usd).astype(np.int64) - contracts.floor_tick


def _engines(scenario: Scenario) -> np.ndarray:
    """Return the engines of all venues with empty queues; a spot venue has none."""
    engines = np.zeros(len(scenario.venues), ENGINE)
    engines["first_queued"] = engines["last_queued"] = NO_POSITION
    for engine, venue in zip(engines, scenario.venues, strict=True):
        if venue.liquidation is not None:
            engine["rate"] = int(venue.liquidation.orders_per_s)
            engine["order"] = ORDERS[venue.liquidation.cross_order]
            engine["keeps_surplus"] = venue.liquidation.surplus == "pool"
    return engines


def _haircuts(scenario: Scenario, contracts: Contracts) -> np.ndarray:
    """Return what each market's venue takes off its coin as collateral; all of it where the venue does not take it."""
    tables = [venue.cross.haircuts if venue.cross else {} for venue in scenario.venues]
    places = zip(contracts.coin, contracts.venue, strict=True)
    return np.array([tables[venue].get(scenario.coins[coin], 1.0) for coin, venue in places])
