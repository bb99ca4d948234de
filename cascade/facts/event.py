"""An event: its name and date, its figures, its path; and its reader."""

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from cascade.errors import UnknownEventError, did_you_mean
from cascade.facts.figures import Figure, Figures
from cascade.facts.path import PathFacts
from cascade.reading import Strict, read_model
from cascade.units import NS_PER_S

HERE = Path(__file__).parent


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
    if path.suffix.lower() != ".toml":
        path = HERE / f"{name_or_path}.toml"
        if path.stem not in known_events() or path.parent != HERE:
            name = str(name_or_path)
            hint = did_you_mean(name, known_events())
            raise UnknownEventError(f"no facts for event {name!r} (a file of your own ends in .toml){hint}")
    return read_model(Event, path)


def known_events() -> list[str]:
    """Return the names of the events that ship with the package."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


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
