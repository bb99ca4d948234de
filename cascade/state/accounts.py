"""Positions and the ladders on which they wait for their triggers."""

from typing import NamedTuple

import numpy as np

from cascade.state.book import TICKS

NO_POSITION = -1
OPEN, PENDING, CLOSED, STOPPING, QUEUED, LIQUIDATED = 0, 1, 2, 3, 4, 5  # status of a position
WATCHED, SLEEPING = 6, 7  # of a cross account: looked at in the next step; never yet looked at
FALLING, RISING = 0, 1  # ladders: what fires when the price falls to a tick, and when it rises to it

POSITION = np.dtype(
    [
        ("cost", np.int64),  # quanta paid for the open lots; what a pending one will spend (its notional)
        ("margin", np.int64),  # collateral, quanta
        ("lots", np.int32),  # open lots; 0 before opening and after closing
        ("market", np.int16),
        ("side", np.int8),  # +1 long, -1 short
        ("bucket", np.int8),  # leverage bucket: 0 <10x, 1 10-20x, 2 20-50x, 3 >50x
        ("leverage", np.float32),  # chosen at opening
        ("stop_fraction", np.float32),  # stop at this fall (long) or rise (short) from entry; 0 for none
        ("stop_tick", np.int32),  # -1 for none
        ("liquidation_tick", np.int32),  # sort key of the liquidation trigger; -1 for none
        ("filed_tick", np.int32),  # the tick it is filed under in the ladder; -1 if it is not
        ("next", np.int32),  # in its ladder's list, or in a queue
        ("prev", np.int32),  # in its ladder's list; in the liquidation queue, the step of the breach
        ("close_step", np.int32),  # when its owner closes it; beyond the day's last step for never
        ("close_next", np.int32),  # next position that is closed in the same step
        ("status", np.int8),
        ("group", np.int8),  # 0 isolated, 1 the low-leverage or hedged remainder (2, in records: cross)
        ("round_stop", np.int16),  # 1 where its stop goes to a round price
    ],
    align=False,
)
assert POSITION.itemsize == 64


class Accounts(NamedTuple):
    """All positions of all markets; one position is one account, and its row is its number."""

    rows: np.ndarray  # POSITION, shape (positions,): first those open before the day, then openings in time order
    opening: np.ndarray  # int64, shape (steps + 1,): openings of step t are rows opening[t] to opening[t + 1]
    closing: np.ndarray  # int32, shape (steps,): first position to close in each step, or -1
    isolated: np.ndarray  # int64, shape (2 * markets,): of each market, from which row to before which the isolated
    # positions are that are open before the day: the remainder's are behind them
    last_part: np.ndarray = np.zeros(0, np.int32)  # shape (positions,): step + 1 of the last partial order; 0 for none


class Ladder(NamedTuple):
    """Trigger ladders of all markets: positions in lists by the tick at which they fire."""

    heads: np.ndarray  # int32, shape (2 * markets * TICKS,): position + 1, or 0;
    # index (2 * market + direction) * TICKS + tick
    stake: np.ndarray  # int64, shape (2 * markets * STAKE_BINS,): lots filed, by bins of ticks (the liquidation map)
    stops: np.ndarray  # int64, likewise: of these, the lots that are filed at their stop


STAKE_SHIFT = 6
STAKE_BINS = TICKS >> STAKE_SHIFT
