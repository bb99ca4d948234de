"""The exact ledger: every flow of cash and contracts books one integer to both sides."""

from cascade.kernels.jit import rule
from cascade.kernels.money import stance
from cascade.state import (
    ACCOUNTS_LOTS,
    COLLATERAL,
    EXTERNAL,
    EXTERNAL_LOTS,
    FREE,
    HOLDERS,
    LEDGER_COLUMNS,
    PAID,
)


@rule
def move(world, market, source, target, quanta):
    """Pay `quanta` from one column of the market's purse to another."""
    row = world.contracts.purse[market] * LEDGER_COLUMNS
    world.ledger.cash[row + source] -= quanta
    world.ledger.cash[row + target] += quanta


@rule
def hand_over(world, market, giver, taker, lots):
    """Move `lots` contracts (signed) from one holder to another."""
    world.ledger.lots[HOLDERS * market + giver] -= lots
    world.ledger.lots[HOLDERS * market + taker] += lots


@rule
def book_opening(world, market, side, lots, cost):
    """Book a new position of an account against the book: what was paid, and the contracts."""
    row = world.contracts.purse[market] * LEDGER_COLUMNS
    paid = stance(world.contracts, market, side) * cost
    world.ledger.cash[row + PAID] += paid
    world.ledger.cash[row + EXTERNAL] += paid
    hand_over(world, market, EXTERNAL_LOTS, ACCOUNTS_LOTS, side * lots)


@rule
def book_release(world, market, side, cost, margin, proceeds, payer):
    """Book the closing of contracts that cost `cost` for `proceeds` paid by `payer`; return what is left of the margin.

    `side` is that of the good (`money.stance`). The margin released and the profit go to the account's wallet. Below
    zero it is a loss that someone else has to bear: the caller says who.
    """
    row = world.contracts.purse[market] * LEDGER_COLUMNS
    world.ledger.cash[row + PAID] -= side * cost
    world.ledger.cash[row + payer] -= side * proceeds
    world.ledger.cash[row + COLLATERAL] -= margin
    left = margin + side * (proceeds - cost)
    world.ledger.cash[row + FREE] += left
    return left


@rule
def cash_of(world, purse):
    """Return a purse's cash in quanta: all columns, what was paid for open contracts counted as spent."""
    total = 0
    for column in range(LEDGER_COLUMNS):
        amount = world.ledger.cash[purse * LEDGER_COLUMNS + column]
        total += -amount if column == PAID else amount
    return total


@rule
def check_ledger(world):
    """Count a step at which a purse's cash or a market's contracts do not add up."""
    for purse in range(len(world.ledger.start)):
        if cash_of(world, purse) != world.ledger.start[purse]:
            world.ledger.broken[0] += 1
    for market in range(len(world.markets)):
        total = 0
        for holder in range(HOLDERS):
            total += world.ledger.lots[HOLDERS * market + holder]
        if total != 0:
            world.ledger.broken[1] += 1
