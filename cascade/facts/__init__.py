"""What was reported of a day, as data: one TOML file per event, and its reader.

Every figure carries the place where the source states it and the tolerance of its verdict; every anchor of the price
path carries its source, or "assumed". A file of one's own has the form of `2026-02-06.toml` beside this one.
"""

from cascade.facts.event import Event, known_events, load_event
from cascade.facts.figures import MEDIAN_NEEDS_SEEDS, Figure, Figures, Tolerance
from cascade.facts.path import MINUTES_PER_DAY, CoinPath, DatedAnchor, DayAnchor, PathFacts

__all__ = [
    "MEDIAN_NEEDS_SEEDS",
    "MINUTES_PER_DAY",
    "CoinPath",
    "DatedAnchor",
    "DayAnchor",
    "Event",
    "Figure",
    "Figures",
    "PathFacts",
    "Tolerance",
    "known_events",
    "load_event",
]
