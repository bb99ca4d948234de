"""A law of theory, what the engine made of it, and a control that must fail."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_ERRORS = 3.0  # a law holds within so many standard errors
LARGEST_ERROR = 0.02  # and only if the standard error is at most this share of the value
CONTROL_ERRORS = 5.0  # a control must miss by more than this


@dataclass(frozen=True)
class Check:
    """One quantity: what theory says, and what the engine's runs gave.

    `exact_within` is for what has no scatter: the largest difference of any run must not be above it. Then `error` is
    that largest difference.
    """

    what: str
    theory: float
    simulated: float
    error: float  # standard error of `simulated`
    exact_within: float | None = None

    @property
    def z(self) -> float:
        """Difference from theory in standard errors; for an exact quantity, in units of what is allowed."""
        unit = self.error if self.exact_within is None else self.exact_within
        difference = self.simulated - self.theory
        return difference / unit if unit > 0 else math.copysign(math.inf, difference) if difference else 0.0

    @property
    def holds(self) -> bool:
        """Whether the law is met, by a measurement that is sharp enough to say so."""
        if self.exact_within is not None:
            return self.error <= self.exact_within
        return abs(self.z) <= MOST_ERRORS and self.error <= LARGEST_ERROR * abs(self.theory)

    @property
    def fails(self) -> bool:
        """Whether it misses by as much as a control must."""
        return abs(self.z) > CONTROL_ERRORS


@dataclass(frozen=True)
class Control:
    """The same measurement where the law must not hold: another parameter in the theory, or a mechanism taken out."""

    change: str
    check: Check


@dataclass(frozen=True)
class Curve:
    """What a picture shows: points with errors, the line of theory, and the control's points."""

    x_label: str
    y_label: str
    x: np.ndarray
    y: np.ndarray
    error: np.ndarray
    line_x: np.ndarray
    line_y: np.ndarray
    control_x: np.ndarray = field(default_factory=lambda: np.empty(0))
    control_y: np.ndarray = field(default_factory=lambda: np.empty(0))
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Law:
    """A law, its set-up in words, what was measured, and its negative control."""

    title: str
    set_up: str
    theory: str  # the formula, in plain letters
    formula: str  # what the picture's line is, as mathtext
    checks: tuple[Check, ...]
    control: Control
    curve: Curve
    beside: tuple[Check, ...] = ()  # measured beside what the law covers: told, and not judged

    @property
    def holds(self) -> bool:
        """Whether every check holds and the control fails."""
        return all(check.holds for check in self.checks) and self.control.check.fails


def mean_check(what: str, theory: float, values: Sequence[float] | np.ndarray) -> Check:
    """Return the check of a mean over independent runs, with its standard error."""
    values = np.asarray(values, np.float64)
    return Check(what, float(theory), float(values.mean()), standard_error(values))


def variance_check(what: str, theory: float, values: Sequence[float] | np.ndarray) -> Check:
    """Return the check of a variance over independent runs; its error follows from the fourth moment."""
    values = np.asarray(values, np.float64)
    square = (values - values.mean()) ** 2
    n = len(values)
    return Check(what, float(theory), float(square.sum() / (n - 1)), standard_error(square))


def exact_check(
    what: str, theory: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray, within: float
) -> Check:
    """Return the check of runs that must each meet their own theory to `within`."""
    theory, values = np.asarray(theory, np.float64), np.asarray(values, np.float64)
    worst = float(np.abs(values - theory).max())
    return Check(what, float(theory.mean()), float(values.mean()), worst, within)


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of independent values."""
    return float(values.std(ddof=1) / math.sqrt(len(values)))
