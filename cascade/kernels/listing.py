"""What stands in a book, in the order in which it would trade."""

from cascade.kernels.book import at, next_tick_above, next_tick_below
from cascade.kernels.jit import kernel, rule
from cascade.state import BUY, NO_ORDER, TICKS


@rule
def next_level(book, side, tick):
    """Return the level of `side` behind `tick`, or -1 or TICKS."""
    return next_tick_below(book, 0, tick) if side == BUY else next_tick_above(book, 0, tick)


@kernel
def list_orders(book, side, rows):
    """Copy the resting orders of `side`, in the order in which they would trade, into `rows`; return how many."""
    count = 0
    tick = book.best[at(side)]
    while 0 <= tick < TICKS:
        slot = book.levels[at(tick)]["head"]
        while slot != NO_ORDER:
            order, row = book.orders[at(slot)], rows[at(count)]
            row["order"] = order["id"]
            row["side"] = side
            row["tick"] = tick
            row["lots"] = order["lots"]
            row["owner"] = order["owner"]
            count += 1
            slot = order["next"]
        tick = next_level(book, side, tick)
    return count


@kernel
def list_levels(book, side, rows):
    """Sum the levels of `side`, best first, into `rows` until they are full; return how many."""
    count = 0
    tick = book.best[at(side)]
    while 0 <= tick < TICKS and count < rows.size:
        row = rows[at(count)]
        row["tick"] = tick
        row["lots"] = 0
        row["orders"] = 0
        slot = book.levels[at(tick)]["head"]
        while slot != NO_ORDER:
            row["lots"] += book.orders[at(slot)]["lots"]
            row["orders"] += 1
            slot = book.orders[at(slot)]["next"]
        count += 1
        tick = next_level(book, side, tick)
    return count
