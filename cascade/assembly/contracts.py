"""A scenario's coins and venues -> markets: their units and places."""

import numpy as np

from cascade.errors import InvalidConfigError
from cascade.scenario import Scenario
from cascade.state import Contracts
from cascade.units import QUANTUM_COIN, QUANTUM_USD


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
