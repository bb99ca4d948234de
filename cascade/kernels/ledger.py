"""The exact ledger: every flow of cash and contracts books one integer to both sides."""

from cascade.kernels.jit import rule
from cascade.state import (
    ACCOUNTS_LOTS,
    COLLATERAL,
    EXTERNAL,
    EXTERNAL_LOTS,
    FEES,
    FREE,
    LEDGER_COLUMNS,
    PAID,
    POOL,
)


@rule
def move(world, market, source, target, quanta):
    """Pay `quanta` from one column of the market's venue to another."""
    row = world.contracts.venue[market] * LEDGER_COLUMNS
    world.ledger.cash[row + source] -= quanta
    world.ledger.cash[row + target] += quanta


@rule
def hand_over(world, market, giver, taker, lots):
    """Move `lots` contracts (signed) from one holder to another."""
    world.ledger.lots[4 * market + giver] -= lots
    world.ledger.lots[4 * market + taker] += lots


@rule
def book_opening(world, market, side, lots, cost, margin, fee):
    """Book what an account pays for a new position against the book: contracts, collateral, taker fee."""
    row = world.contracts.venue[market] * LEDGER_COLUMNS
    world.ledger.cash[row + PAID] += side * cost
    world.ledger.cash[row + EXTERNAL] += side * cost
    hand_over(world, market, EXTERNAL_LOTS, ACCOUNTS_LOTS, side * lots)
    move(world, market, FREE, COLLATERAL, margin)
    move(world, market, FREE, FEES, fee)


@rule
def book_release(world, market, side, cost, margin, proceeds, payer):
    """Book the closing of contracts that cost `cost` for `proceeds` paid by `payer`; return what is left of the margin.

    The margin released and the profit go to the account's wallet; what falls below zero the pool pays.
    """
    row = world.contracts.venue[market] * LEDGER_COLUMNS
    world.ledger.cash[row + PAID] -= side * cost
    world.ledger.cash[row + payer] -= side * proceeds
    world.ledger.cash[row + COLLATERAL] -= margin
    left = margin + side * (proceeds - cost)
    world.ledger.cash[row + FREE] += left
    if left < 0:
        move(world, market, POOL, FREE, -left)
        return 0
    return left


@rule
def cash_of(world, venue):
    """Return the venue's cash in quanta: all columns, what was paid for open contracts counted as spent."""
    total = 0
    for column in range(LEDGER_COLUMNS):
        amount = world.ledger.cash[venue * LEDGER_COLUMNS + column]
        total += -amount if column == PAID else amount
    return total


@rule
def check_ledger(world, n_venues, n_markets):
    """Count a step at which a venue's cash or a market's contracts do not add up."""
    for venue in range(n_venues):
        if cash_of(world, venue) != world.ledger.start[venue]:
            world.ledger.broken[0] += 1
    lots = world.ledger.lots
    for market in range(n_markets):
        i = 4 * market
        if lots[i] + lots[i + 1] + lots[i + 2] + lots[i + 3] != 0:
            world.ledger.broken[1] += 1
