"""Rows of depth that a file lists one by one -> numbered messages, which blocks of the file do not cut in two."""

import numpy as np

from cascade.tape.rows import Kind, made


class Numbering:
    """Rows with the same stamp are one message, and so are snapshot rows that follow one another."""

    def __init__(self, stamp: str) -> None:
        self.stamp = stamp  # name of the column
        self.held = made(Kind.DEPTH, 0)  # the last message so far: it may go on in the next block
        self.last = 0

    def whole(self, rows: np.ndarray) -> np.ndarray:
        """Return the rows of the messages that are complete, numbered."""
        rows = np.concatenate((self.held, rows))
        if len(rows) == 0:
            return rows
        is_snapshot = rows["is_snapshot"] == 1
        begins = (np.diff(rows[self.stamp]) != 0) & ~(is_snapshot[1:] & is_snapshot[:-1])
        begins |= is_snapshot[1:] != is_snapshot[:-1]
        rows["message"] = self.last + np.concatenate(([0], np.cumsum(begins)))
        self.last = int(rows["message"][-1])
        end = int(np.searchsorted(rows["message"], self.last))
        self.held = rows[end:].copy()
        return rows[:end]
