"""The price path as reported: anchors, each with its source or "assumed", and what lies between them."""

from datetime import UTC, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from cascade.reading import Strict
from cascade.units import NS_PER_S
from cascade.units import Fraction as FractionText

MINUTES_PER_DAY = 1440

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[FractionText, Field(gt=-1, lt=1)]
Volatility = Annotated[FractionText, Field(ge=0)]  # a year
Source = Annotated[str, Field(min_length=1)]


def _is_time_of_day(text: str) -> str:
    hours, _, minutes = text.partition(":")
    is_clock = len(hours) == len(minutes) == 2 and (hours + minutes).isdigit() and int(minutes) < 60
    if not is_clock or not 0 < 60 * int(hours) + int(minutes) <= MINUTES_PER_DAY:
        raise ValueError('must be a time of day "HH:MM", after "00:00" and not after "24:00"')
    return text


def _is_utc(value: datetime) -> datetime:
    if value.tzinfo is None or value.utcoffset() or value.second or value.microsecond:
        raise ValueError("must be a whole minute in UTC, as 2026-01-31T18:00:00Z")
    return value.astimezone(UTC)


class DatedAnchor(Strict):
    """A price before the day."""

    time: Annotated[datetime, AfterValidator(_is_utc)]
    usd: Positive
    source: Source

    @property
    def time_ns(self) -> int:
        """UTC nanoseconds."""
        return int(self.time.timestamp()) * NS_PER_S


class DayAnchor(Strict):
    """A price within the day, as USD or as a fall from the open."""

    time: Annotated[str, AfterValidator(_is_time_of_day)]  # UTC
    fall: Fraction | None = None
    usd: Positive | None = None
    source: Source

    @property
    def minute(self) -> int:
        """Minutes after midnight."""
        return 60 * int(self.time[:2]) + int(self.time[3:])

    def fall_from(self, open_usd: float) -> float:
        """Return the fall from the opening price."""
        return 1 - self.usd / open_usd if self.fall is None and self.usd is not None else self.fall or 0.0

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.fall is None) == (self.usd is None):
            raise ValueError("an anchor needs either `fall` or `usd`")
        return self


class CoinPath(Strict):
    """How a coin's path follows from Bitcoin's."""

    open_usd: Positive
    fall: Annotated[Fraction, Field(gt=0)]  # within the day, to its low
    beta: Positive  # of its log price before the day to Bitcoin's
    volatility_before: Volatility  # of the bridge of its own, before the day
    volatility_within: Volatility  # likewise, within the day
    source: Source


class PathFacts(Strict):
    """Anchors and volatilities from which the price paths are built (`cascade.paths`)."""

    seed: Annotated[int, Field(ge=0)]  # of the bridges; one for all runs
    open_usd: Positive
    volatility_before: Volatility
    volatility_within: Volatility
    highest_rise: Annotated[Fraction, Field(ge=0)]  # above the open, of the path within the day
    clear_of_low: Annotated[Fraction, Field(ge=0)]  # by which the path stays above its low, away from the low's minute
    low_width_min: Annotated[float, Field(gt=0)]  # minutes over which that margin opens
    source: Source
    before: Annotated[tuple[DatedAnchor, ...], Field(min_length=1)]
    within: Annotated[tuple[DayAnchor, ...], Field(min_length=1)]
    coins: dict[str, CoinPath] = Field(default_factory=dict)

    @property
    def falls(self) -> list[float]:
        """The fall from the open at each anchor within the day."""
        return [anchor.fall_from(self.open_usd) for anchor in self.within]

    @model_validator(mode="after")
    def _check(self) -> Self:
        minutes = [anchor.minute for anchor in self.within]
        for name, times in (("before", [anchor.time_ns for anchor in self.before]), ("within", minutes)):
            if times != sorted(set(times)):
                raise ValueError(f"the anchors `{name}` must be in order of time, each time once")
        if minutes[-1] != MINUTES_PER_DAY:
            raise ValueError('the last anchor `within` must be the close, at "24:00"')
        if max(self.falls) <= 0:
            raise ValueError("one of the anchors `within` must lie below the open")
        if "BTC" in self.coins:
            raise ValueError("`coins` are those that follow BTC, whose own path is `before` and `within`")
        return self
