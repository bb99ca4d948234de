"""What was reported of a day, as data: one TOML file per event, and its reader.

Every figure carries the place where the source states it and the tolerance of its verdict; every anchor of the price
path carries its source, or "assumed". A file of one's own has the form of `2026-02-06.toml` beside this one.
"""

from datetime import UTC, date, datetime, time
from math import isnan, nan
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cascade.errors import UnknownEventError, did_you_mean
from cascade.reading import Strict, flaw, read_model
from cascade.units import NS_PER_S
from cascade.units import Fraction as FractionText

HERE = Path(__file__).parent
MINUTES_PER_DAY = 1440
MEDIAN_NEEDS_SEEDS = 10  # the median of fewer is as noisy as they are: they are judged one by one

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[FractionText, Field(gt=-1, lt=1)]
Volatility = Annotated[FractionText, Field(ge=0)]  # a year
Source = Annotated[str, Field(min_length=1)]
Range = tuple[float, float]


def load_event(name_or_path: str | Path) -> "Event":
    """Return what was reported of an event.

    Parameters
    ----------
    name_or_path : str or Path
        The name of an event that ships with the package ("2026-02-06"), or the path of a file of that form,
        which ends in ".toml".

    Raises
    ------
    UnknownEventError
        If no event has that name.
    InvalidConfigError
        If the file is absent, is no TOML, or holds an unknown key, lacks one, or a value that cannot be.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = HERE / f"{name_or_path}.toml"
        if path.stem not in known_events() or path.parent != HERE:
            name = str(name_or_path)
            hint = did_you_mean(name, known_events())
            raise UnknownEventError(f"no facts for event {name!r} (a file of your own ends in .toml){hint}")
    return read_model(Event, path)


def known_events() -> list[str]:
    """Return the names of the events that ship with the package."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


# ── reported figures ────────────────────────────────────────────────────────────────────────────────────────
class Tolerance(Strict):
    """How near a simulated value must come to the reported one: all that is given must hold."""

    relative: Annotated[FractionText, Field(gt=0, lt=1)] | None = None  # of the reported value
    absolute: Annotated[FractionText, Field(gt=0)] | None = None
    low: float | None = None
    high: float | None = None

    def holds(self, value: float, reported: float | Range | None) -> bool:
        """Whether `value` is near enough; nan never is."""
        centre = nan if reported is None or isinstance(reported, tuple) else reported
        return (
            not isnan(value)
            and (self.relative is None or abs(value - centre) <= self.relative * abs(centre))
            and (self.absolute is None or abs(value - centre) <= self.absolute)
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


class Figure(Strict):
    """A reported figure and the tolerances of its verdict; `value` is None where nothing was reported."""

    value: float | Range | None = None
    sense: Literal["exact", "about", "more-than", "range", "derived", "required"] = "exact"
    section: str = ""  # of the source report
    note: str = ""
    within: Tolerance | None = None  # for the median over seeds
    each_seed: Tolerance | None = None  # for every seed

    def is_within(self, seeds: list[float]) -> bool:
        """Whether simulated values, one per seed, agree with what was reported; True where nothing was.

        Every seed is held to `each_seed`, and the median to `within`; but where seeds have a tolerance of their own
        and are fewer than `MEDIAN_NEEDS_SEEDS`, to the former alone.
        """
        if self.value is None or self.within is None:
            return True
        if self.each_seed is not None:
            if not all(self.each_seed.holds(value, self.value) for value in seeds):
                return False
            if len(seeds) < MEDIAN_NEEDS_SEEDS:
                return True
        return bool(seeds) and not any(map(isnan, seeds)) and self.within.holds(median(seeds), self.value)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.value is not None and not (self.section and self.within):
            raise ValueError("a reported figure needs its `section` and a tolerance `within`")
        about_one_number = any(t and (t.relative or t.absolute) for t in (self.within, self.each_seed))
        if about_one_number and not isinstance(self.value, float):
            raise ValueError("`relative` and `absolute` need one reported number; for a range give `low` and `high`")
        return self


class Figures(Strict):
    """Every figure that a replay is judged by. What a file leaves out was not reported."""

    liquidated_usd: Figure = Figure()
    liquidated_accounts: Figure = Figure()
    long_share: Figure = Figure()
    share_lt_10x: Figure = Figure()
    share_10_20x: Figure = Figure()
    share_20_50x: Figure = Figure()
    share_gt_50x: Figure = Figure()
    share_binance: Figure = Figure()
    share_okx: Figure = Figure()
    share_bybit: Figure = Figure()
    share_other: Figure = Figure()
    btc_drop: Figure = Figure()
    btc_low_usd: Figure = Figure()
    btc_close_usd: Figure = Figure()
    peak_window_share: Figure = Figure()
    peak_window_is_peak: Figure = Figure()
    eth_drop: Figure = Figure()
    xrp_drop: Figure = Figure()
    sol_drop: Figure = Figure()
    doge_drop: Figure = Figure()
    bnb_drop: Figure = Figure()
    amplification: Figure = Figure()
    btc_drop_without_cascade: Figure = Figure()
    tracking_rms: Figure = Figure()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for name, figure in self:
            values = figure.value if isinstance(figure.value, tuple) else (figure.value,)
            highest = 1.0 if "share" in name or "drop" in name else float("inf")
            for value in values:
                if value is not None and not 0 <= value <= highest:
                    raise flaw(
                        f"cannot be {value:g}; a fraction lies in 0 to 1, and nothing is negative", name, "value"
                    )
        return self


# ── the path ────────────────────────────────────────────────────────────────────────────────────────────────
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


# ── the event ───────────────────────────────────────────────────────────────────────────────────────────────
class About(Strict):
    """Name and date of an event, and whom its report names."""

    name: Annotated[str, Field(pattern=r"^\w[\w.-]*$")]  # names folders
    date: date
    peak_window_utc: tuple[str, str] | None = None
    sources_named: tuple[str, ...] = ()


class Event(Strict):
    """What was reported of a day."""

    event: About
    reported: Figures
    path: PathFacts
    context: dict[str, Any] = Field(default_factory=dict)  # reported as well, but nothing reads it yet
    inconsistencies: tuple[dict[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The event's name."""
        return self.event.name

    @property
    def start_ns(self) -> int:
        """Midnight UTC at which the day begins, in nanoseconds."""
        return int(datetime.combine(self.event.date, time(), UTC).timestamp()) * NS_PER_S

    @property
    def coins(self) -> tuple[str, ...]:
        """BTC, and the coins that follow it."""
        return ("BTC", *self.path.coins)

    def open_usd(self, coin: str) -> float:
        """Return the coin's opening price."""
        return self.path.open_usd if coin == "BTC" else self.path.coins[coin].open_usd

    def figures(self) -> dict[str, Figure]:
        """Return every figure that a replay is judged by, by its name."""
        return {name: getattr(self.reported, name) for name in Figures.model_fields}

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.path.before[-1].time_ns >= self.start_ns:
            raise ValueError(f"the anchors of `path.before` must lie before {self.event.date}")
        return self
