"""What cross accounts can be charged while they sleep: bounds by market, for their beds (`kernels.portfolios`).

An account of gross notional V has slack S. While every market has moved by less than x of its pace, it has lost at most
x times its pace of each leg's value, and is charged at most `x * pace * value` times the highest rate it can meet, what
steps between brackets may add at once, and the day's funding. So it sleeps until x is (S - at once) / weight. Which
brackets it can meet hangs on what a leg can be worth: at its entry up to the path's highest price, at a mark up to one
and its market's pace times the opening price, as all wake before x is 1.
"""

import numpy as np

from cascade.kernels.slack import SECONDS_PER_HOUR, STEEP
from cascade.scenario import Scenario
from cascade.state import BRACKETS, BY_MARK_NOTIONAL, BY_SIZE, ON_MARK, Contracts, Margin

WIDER = 4.0  # times the largest account, at least: what a leg is taken to be worth at its entry or at a mark


def paces(scenario: Scenario) -> np.ndarray:
    """Return how far every market moves while the first coin moves by one, by the coins' volatility."""
    volatility = np.array([scenario.priors.coins[coin].volatility for coin in scenario.coins])
    return np.repeat(volatility / volatility[0], len(scenario.venues))


def charges(
    scenario: Scenario, contracts: Contracts, margin: Margin, cap_usd: float, path: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the most that a quantum of notional is charged: for a whole move against it, and at once.

    Parameters
    ----------
    scenario : Scenario
        Gives volatilities, funding, and how long the day is.
    contracts, margin : Contracts, Margin
        Units and margin rules of all markets.
    cap_usd : float
        Gross notional of the largest account.
    path : ndarray of float64 of shape (coins, minutes)
        Prices before the day; the last are those at which accounts are drawn.

    Returns
    -------
    ndarray, ndarray
        float64, shape (markets,): requirement, fees and funding of a whole move, at the market's pace; steps between
        brackets and the day's funding.
    """
    markets = range(len(contracts.coin))
    open_usd = path[contracts.coin, -1]
    pace, fallen = paces(scenario), path.max(axis=1)[contracts.coin] / open_usd
    leg_usd = cap_usd * np.maximum(WIDER, 1.01 * np.maximum(1.0 + pace, fallen))
    highest, step = np.array([_rates(contracts, margin, m, leg_usd[m], open_usd[m]) for m in markets]).T
    paid, times = _funding(scenario, contracts)
    lot_quanta = contracts.quantum * contracts.lot_size * np.where(contracts.payoff > 0, open_usd, 1.0 / open_usd)
    weight = pace * (1.0 + highest + margin.trigger_fee + paid)
    return weight, step + paid + times / lot_quanta


def _rates(contracts: Contracts, margin: Margin, market: int, leg_usd: float, open_usd: float) -> tuple[float, float]:
    """Return the highest maintenance rate that legs of up to `leg_usd` meet, and by how much it can step up at once."""
    n, first = int(margin.n_brackets[market]), market * BRACKETS
    if n == 0:
        return 0.0, 0.0
    rates, floors, amounts = (table[first : first + n] for table in (margin.rate, margin.floor, margin.amount_usd))
    unit_usd = open_usd if margin.bracket_unit[market] == BY_SIZE else 1.0
    is_met = floors * unit_usd < leg_usd if contracts.payoff[market] > 0 else np.ones(n, bool)
    highest = float(rates[is_met].max())
    is_joined = np.allclose(np.diff(amounts), np.diff(rates) * floors[1:]) and margin.basis[market] == ON_MARK
    if is_joined or margin.bracket_unit[market] != BY_MARK_NOTIONAL:
        return highest, 0.0
    return highest, float((rates.max() if rates[-1] > STEEP else highest) - rates[is_met].min())


def _funding(scenario: Scenario, contracts: Contracts) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of notional that the day's funding takes from one side of each market, and how often."""
    hours = np.array([venue.funding.interval_h if venue.funding else 0.0 for venue in scenario.venues])[contracts.venue]
    day_h = scenario.seconds / SECONDS_PER_HOUR
    times = np.ceil(np.divide(day_h, hours, out=np.zeros(len(hours)), where=hours > 0.0))
    return abs(scenario.priors.funding.rate_8h) * (hours / 8.0) * times, times
