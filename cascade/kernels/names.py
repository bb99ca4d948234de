"""Order ids of the caller's choice: chains of ids through the orders' own rows (`chain`).

No tombstones, nothing to rehash. The home of an id is its low bits, mixed with a scramble of its high bits: dense ids
lie side by side in memory, ids at any stride still spread.
"""

import numpy as np

from cascade.kernels.book import at
from cascade.kernels.jit import rule, trailing_zeros
from cascade.state import NO_ORDER

HALF, LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)
SCRAMBLE = np.uint64(0x9E37_79B1)  # a prime near 2**32 over the golden ratio; products stay below 2**64


@rule
def home_of(heads, order):
    """Return where the chain of id `order` begins in `heads`."""
    size = np.uint64(heads.size)
    bits = np.uint64(trailing_zeros(size))
    word = np.uint64(order)
    high = word >> bits
    high = (high ^ (high >> HALF)) & LOW
    return (word ^ (((high * SCRAMBLE) & LOW) >> (HALF - bits))) & (size - np.uint64(1))


@rule
def find(exchange, order):
    """Return the slot of id `order`, or NO_ORDER."""
    orders = exchange.book.orders
    slot = exchange.heads[home_of(exchange.heads, order)]
    while slot != NO_ORDER and orders[at(slot)]["id"] != order:
        slot = orders[at(slot)]["chain"]
    return np.int64(slot)


@rule
def enter(exchange, order, owner, slot):
    """Name the order in `slot`."""
    row = exchange.book.orders[at(slot)]
    home = home_of(exchange.heads, order)
    row["id"] = order
    row["owner"] = owner
    row["chain"] = exchange.heads[home]
    exchange.heads[home] = slot


@rule
def forget(exchange, order, slot):
    """Take id `order`, which is in `slot`, out of its chain."""
    orders = exchange.book.orders
    home = home_of(exchange.heads, order)
    behind = orders[at(slot)]["chain"]
    link = exchange.heads[home]
    if link == slot:
        exchange.heads[home] = behind
        return
    while orders[at(link)]["chain"] != slot:
        link = orders[at(link)]["chain"]
    orders[at(link)]["chain"] = behind
