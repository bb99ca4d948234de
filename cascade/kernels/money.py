"""What lots are worth: the few places where prices in USD and ticks meet money and goods of a contract.

A linear contract is a good of coins, priced in USD. An inverse contract is a good of USD, priced in coins: its quote is
1 / price, and who is long of the coin is short of the dollar. Seen so, equity, requirement, liquidation and bankruptcy
price obey one set of rules: `stance` for the side, `quote` for the price, money of the market's purse for collateral.
"""

import numpy as np

from cascade.kernels.jit import rule

USD_QUANTA = 1e6
MOST_TICKS = 1e9  # beyond any book: an infinite price becomes this many ticks


@rule
def stance(contracts, market, side):
    """Return the side of the good: that of the position, reversed for an inverse contract."""
    return side * contracts.payoff[market]


@rule
def quote(contracts, market, price):
    """Return a price in USD as money for a unit of the good, and the other way round; 0 and inf swap."""
    if contracts.payoff[market] > 0:
        return price
    return 1.0 / price if price > 0.0 else np.inf


@rule
def size_of(contracts, market, lots):
    """Return the goods in so many lots: coins, or USD of an inverse contract."""
    return lots * contracts.lot_size[market]


@rule
def value_of(contracts, market, lots, ticks):
    """Return the value in quanta of lots at a price given in ticks, with its fraction if it is a mark."""
    if contracts.payoff[market] > 0:
        return np.int64(lots * contracts.quanta[market] * ticks)
    return np.int64(lots * contracts.lot_quanta[market] / ticks)


@rule
def lots_worth(contracts, market, usd_quanta, ticks):
    """Return how many lots, at least one, are worth so many 1e-6 USD at a price in ticks."""
    inverse = USD_QUANTA * contracts.lot_size[market]
    one = ticks * contracts.quanta[market] if contracts.payoff[market] > 0 else inverse
    return max(np.int64(usd_quanta / one + 0.5), 1)


@rule
def coins_in_lot(contracts, market, ticks):
    """Return how many coins a lot holds at a price in ticks."""
    if contracts.payoff[market] > 0:
        return contracts.lot_size[market]
    return contracts.lot_size[market] / (ticks * contracts.tick_usd[market])


@rule
def usd_quanta_of(contracts, market, lots, quanta):
    """Return in 1e-6 USD what lots are worth that cost so many quanta."""
    inverse = np.int64(USD_QUANTA * contracts.lot_size[market] * lots)
    return quanta if contracts.payoff[market] > 0 else inverse


@rule
def average_quote(contracts, market, lots, quanta):
    """Return the average quote at which lots are worth so many quanta."""
    return quanta / (contracts.quantum[market] * size_of(contracts, market, lots))


@rule
def ticks_from(contracts, market, price_usd):
    """Return a price in ticks of the market's book, with its fraction; infinity becomes a tick beyond any book."""
    return min(price_usd / contracts.tick_usd[market], MOST_TICKS) - contracts.floor_tick[market]


@rule
def mark_quote(world, market):
    """Return the market's mark as a quote."""
    return quote(world.contracts, market, world.markets[market]["mark_usd"])
