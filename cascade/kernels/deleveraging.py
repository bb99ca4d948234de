"""Deleveraging: winners of the other side are closed against a bankrupt position, off the book and without a fee.

They are closed in their venue's ranking (`winners`), at the bankruptcy price or at the mark. Who would be left with
less than nothing at that price is passed over: its bankruptcy price and that of the other do not overlap.
"""

import numpy as np

from cascade.kernels.accounts import entry_quote, file_ahead, part_of, release_lots
from cascade.kernels.jit import rule
from cascade.kernels.ledger import hand_over
from cascade.kernels.money import average_quote, quote, stance
from cascade.kernels.pools import is_alarmed, mark_value, shortfall
from cascade.kernels.slack import entry_of, good_side
from cascade.kernels.stops import set_triggers
from cascade.kernels.triggers import unfile
from cascade.kernels.turns import watch
from cascade.kernels.wallets import release_leg
from cascade.kernels.winners import drop_first, equity_after, first_winner, leg_of, lots_of, rank_winners
from cascade.state import (
    ACCOUNTS_LOTS,
    CLOSED,
    DELEVERAGE,
    EQUITY_NEGATIVE,
    EXTERNAL,
    EXTERNAL_LOTS,
    N_DELEVERAGED,
    N_TAPE,
    NEVER,
    NO_POSITION,
    OPEN,
    POOL_EMPTY,
    POOL_FALL,
    SLEEPING,
    TALLY_DELEVERAGED,
)


@rule
def is_due(world, market, loss):
    """Whether a position whose take-over would cost the pool `loss` is closed against winners instead."""
    terms = world.rules[market]
    trigger = terms["trigger"]
    if trigger == NEVER or loss <= 0:
        return False
    if trigger == EQUITY_NEGATIVE or (trigger == POOL_FALL and is_alarmed(world, market)):
        return True
    return (trigger == POOL_EMPTY or terms["shortage"] == DELEVERAGE) and shortfall(world, market, loss) > 0


@rule
def deleverage(world, event, lots, value):
    """Close winners against up to `lots` of the event's position, worth `value` quanta; return how many were found.

    What they were worth is left in the tally. The winners' side of it is booked here, the other by the caller.
    """
    market, step = np.int64(event["market"]), np.int64(event["step"])
    segment = 2 * market + (1 if event["side"] > 0 else 0)
    built = world.winners.built[segment]
    if built == 0 or step + 1 - built >= world.rules[market]["refresh"]:
        rank_winners(world, segment, step)
    done, paid = np.int64(0), np.int64(0)
    while done < lots:
        i = first_winner(world, segment)
        if i == NO_POSITION:
            break
        closed = min(lots - done, lots_of(world, i))
        part = part_of(value, done + closed, lots) - paid
        if equity_after(world, i, closed, part, step) < 0:
            drop_first(world.winners, segment)
            continue
        close_winner(world, i, closed, part, event)
        done += closed
        paid += part
    world.counters.fills[TALLY_DELEVERAGED] = paid
    return done


@rule
def close_winner(world, i, lots, value, event):
    """Close `lots` of the winner `i` for `value` quanta, and write it down.

    Cash and contracts pass through the hands of the outside, which the bankrupt position gives and takes the same.
    """
    market, contracts, j = np.int64(event["market"]), world.contracts, leg_of(world, i)
    n = world.counters.n[N_DELEVERAGED]
    note = world.records.deleveraged[min(n, len(world.records.deleveraged) - 1)]
    side = np.int64(-event["side"])
    note["account"], note["liquidation"] = event["account"], world.counters.n[N_TAPE]
    note["step"], note["lots"], note["market"], note["side"] = event["step"], lots, market, side
    note["price_usd"] = quote(contracts, market, average_quote(contracts, market, lots, value))
    note["mark_usd"] = world.markets[market]["mark_usd"]
    note["forgone"] = stance(contracts, market, side) * (mark_value(world, market, lots) - value)
    entry = entry_of(world, j) if j >= 0 else entry_quote(world, i)
    note["entry_usd"] = quote(contracts, market, entry)
    if j >= 0:
        close_leg_of_winner(world, j, lots, value, note)
    else:
        close_position_of_winner(world, i, lots, value, note)
    world.counters.n[N_DELEVERAGED] = n + 1


@rule
def close_leg_of_winner(world, j, lots, value, note):
    """Close `lots` of leg `j` for `value` quanta; its account is looked at anew."""
    leg, p = world.cross.legs[j], np.int64(world.cross.legs[j]["portfolio"])
    row, cost = world.cross.portfolios[p], leg["cost"]
    note["counterparty"] = len(world.accounts.rows) + p
    note["leverage"], note["bucket"] = row["leverage"], row["bucket"]
    release_leg(world, p, j, lots, value, EXTERNAL, EXTERNAL_LOTS)
    note["profit"] = good_side(world, j) * (value - (cost - leg["cost"]))
    if row["status"] == OPEN or row["status"] == SLEEPING:
        row["moved_by"] = leg["market"]
        watch(world, p)


@rule
def close_position_of_winner(world, i, lots, value, note):
    """Close `lots` of position `i` for `value` quanta: what is left goes to its wallet, the rest of it stays open."""
    row = world.accounts.rows[i]
    market, cost = np.int64(row["market"]), row["cost"]
    note["counterparty"], note["leverage"], note["bucket"] = i, row["leverage"], row["bucket"]
    if row["status"] == OPEN:
        unfile(world.accounts, world.ladder, i)
    release_lots(world, i, lots, value, EXTERNAL)
    hand_over(world, market, ACCOUNTS_LOTS, EXTERNAL_LOTS, np.int64(row["side"]) * lots)
    note["profit"] = stance(world.contracts, market, np.int64(row["side"])) * (value - (cost - row["cost"]))
    if row["lots"] == 0:
        row["status"] = CLOSED
    elif row["status"] == OPEN:
        set_triggers(world, i)
        file_ahead(world, i)
