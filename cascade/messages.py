"""What callers send to an order book, checked and brought into the layout that the kernels read."""

import operator

import numpy as np

from cascade.errors import InvalidOrderError, did_you_mean
from cascade.state import BUY, MESSAGE, SELL

SIDES = {"buy": BUY, "sell": SELL}
INT32 = np.iinfo(np.int32)
INT64 = np.iinfo(np.int64)
FIELDS = dict(MESSAGE.fields or {})


def as_messages(messages: np.ndarray) -> np.ndarray:
    """Return `messages` as a writable, contiguous array of MESSAGE: itself if it is one."""
    if not isinstance(messages, np.ndarray) or messages.dtype.names is None or messages.ndim != 1:
        raise InvalidOrderError("messages must be a one-dimensional structured array; see cascade.state.MESSAGE")
    if messages.dtype == MESSAGE:
        return np.require(messages, requirements=["C", "W", "A"])
    copy = np.zeros(messages.size, MESSAGE)
    for name in messages.dtype.names:
        if name not in FIELDS:
            raise InvalidOrderError(f"messages: unknown field {name!r}{did_you_mean(name, FIELDS)}")
        if not np.issubdtype(messages.dtype[name], np.integer):
            raise InvalidOrderError(f"messages: {name} must hold integers, not {messages.dtype[name]}")
        copy[name] = _narrow(name, messages[name])
    return copy


def _narrow(name: str, values: np.ndarray) -> np.ndarray:
    """Return `values` as the field `name`; what no tick, size, side or kind can be becomes -1."""
    limits = np.iinfo(MESSAGE[name])
    fits = (values >= limits.min) & (values <= limits.max)
    if name in ("order", "owner") and not fits.all():
        raise InvalidOrderError(f"messages: {name} must lie in [{limits.min}, {limits.max}], got {values[~fits][0]}")
    return np.where(fits, values, -1).astype(MESSAGE[name])


def is_whole(value: object) -> bool:
    """Whether `value` is a whole number, and no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def whole(name: str, value: int, limits: np.iinfo | None = None) -> int:
    """Return a whole number; beyond `limits` it is an error, without limits -1 stands for what no int32 can hold."""
    if not is_whole(value):
        raise InvalidOrderError(f"{name} must be a whole number, got {value!r}; tick_of and lots_of convert")
    value = operator.index(value)
    if limits is not None and not limits.min <= value <= limits.max:
        raise InvalidOrderError(f"{name} must lie in [{limits.min}, {limits.max}], got {value}")
    return value if limits is not None or INT32.min <= value <= INT32.max else -1


def side_of(side: str) -> int:
    """Return BUY or SELL."""
    if not isinstance(side, str) or side not in SIDES:
        raise InvalidOrderError(f"side must be 'buy' or 'sell', got {side!r}")
    return SIDES[side]
