"""Cross accounts: several positions of one venue, one collateral."""

from typing import NamedTuple

import numpy as np

PORTFOLIO = np.dtype(
    [
        ("wallet", np.int64),  # quanta in its venue's purse: what was paid in, and profits and losses realised
        ("first_leg", np.int32),  # its legs are rows first_leg to first_leg + n_legs
        ("next", np.int32),  # in its venue's queue
        ("trigger_step", np.int32),  # of its last breach
        ("leverage", np.float32),  # gross notional over equity at the day's start
        ("moved_by", np.int16),  # market whose move had it looked at last; -1 for none
        ("n_legs", np.int8),
        ("venue", np.int8),
        ("status", np.int8),  # SLEEPING, WATCHED, OPEN, QUEUED or LIQUIDATED
        ("bucket", np.int8),  # leverage bucket at the day's start
        ("settled", np.int8),  # hours of the day whose funding it has paid
        ("is_taken", np.int8),  # 1 once a liquidation order was sent for it
    ]
)
LEG = np.dtype(
    [
        ("cost", np.int64),  # quanta paid for the open lots; 0 of coin collateral
        ("lots", np.int32),  # 0 once closed
        ("rung", np.int32),  # of its edge in the slack ladder; -1 if it is not filed
        ("next", np.int32),  # in its ladder's list
        ("prev", np.int32),
        ("portfolio", np.int32),
        ("market", np.int16),
        ("side", np.int8),  # +1 long, -1 short
        ("is_coin", np.int8),  # 1: coin held as collateral, in its spot market
    ]
)
assert PORTFOLIO.itemsize == LEG.itemsize == 32

SLOTS = 1 << 15  # of a wheel of edges
BEDS = 128  # of those who sleep from the day's start: a bed for every so many-th part of a whole move
CROSS_GROUP = 2  # of a liquidation in the tape
LARGEST_LOSS, LARGEST_NOTIONAL, LARGEST_MARGIN = range(3)  # which leg of a breached account is closed first
ENGINE = np.dtype(
    [
        ("first_queued", np.int64),  # portfolio to liquidate first, or -1
        ("last_queued", np.int64),
        ("rate", np.int64),  # liquidation orders of cross accounts per step
        ("order", np.int64),  # LARGEST_LOSS, LARGEST_NOTIONAL or LARGEST_MARGIN
    ]
)


class Cross(NamedTuple):
    """Cross accounts: several positions of one venue, one collateral; filed by how far marks can move at least."""

    portfolios: np.ndarray  # PORTFOLIO, shape (portfolios,)
    legs: np.ndarray  # LEG
    heads: np.ndarray  # int32, shape (2 * markets * SLOTS,): leg + 1, or 0; of a market, falling wheel then rising
    rung_shift: np.ndarray  # int64, shape (markets,): a rung is this many bits of a tick
    cursor: np.ndarray  # int64, shape (markets,): the mark's rung up to which legs were looked at
    inside: np.ndarray  # float64, shape (2 * markets,): marks, USD, between which a market's mark stays in its rung
    watched: np.ndarray  # int32, shape (portfolios,): whom to look at in the next step,
    n_watched: np.ndarray  # int64, shape (1,): as many of them
    sleepers: np.ndarray  # int32, shape (portfolios,): who sleeps from the day's start, bed by bed,
    beds: np.ndarray  # int64, shape (BEDS + 1,): where each bed begins
    woken: np.ndarray  # int64, shape (1,): beds that were woken
    alarms: np.ndarray  # int64, shape (2 * markets,): rungs down to and up to which the next bed may sleep
    opening_usd: np.ndarray  # float64, shape (markets,): prices from which beds count moves,
    pace: np.ndarray  # float64, shape (markets,): and how far a market moves while the first coin moves by one
    engines: np.ndarray  # ENGINE, shape (venues,)
    haircut: np.ndarray  # float64, shape (markets,): taken off the coin of a market as collateral at its venue
    last_part: np.ndarray  # int32, shape (portfolios,): step + 1 of the last order that closed a part of a leg, or 0
