"""Reported figures beside simulated ones, with a verdict on each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan, nan
from typing import TYPE_CHECKING

import numpy as np

from cascade.branching import describe as describe_branching
from cascade.costs import describe as describe_costs
from cascade.figures import FIGURES, FRACTIONS_OF_SEEDS, IMPOSED, describe_news

if TYPE_CHECKING:
    from cascade.facts import Figure as ReportedFigure
    from cascade.facts.figures import Tolerance
    from cascade.result import Replay

RUNTIME = ("positions", "book_messages", "loop_s", "population_s", "total_s", "peak_rss_mb")


@dataclass(frozen=True)
class Figure:
    """One figure over the seeds."""

    reported: float | tuple[float, float] | None
    median: float
    p05: float
    p95: float
    within: bool
    sense: str = ""  # how it was reported: "exact", "more-than", "required" ... (`cascade.facts`)
    tolerance: "Tolerance | None" = None  # that `within` hangs on

    def as_dict(self) -> dict:
        """Return what JSON can hold: null for what was not reported (a bound is only required) or has no meaning."""
        reported = list(self.reported) if isinstance(self.reported, tuple) else self.reported
        reported = None if self.sense == "required" else reported
        spread = {name: _or_none(getattr(self, name)) for name in ("median", "p05", "p95")}
        return {"reported": reported, **spread, "within": self.within}


@dataclass(frozen=True, repr=False)
class Summary:
    """Every figure over the seeds of an event; prints as a table."""

    event: str
    seeds: tuple[int, ...]
    figures: Mapping[str, Figure]
    runtime: Mapping[str, float]  # of the tracked run of one seed, the median
    candles: str = ""  # "FILE, DAY" where a candle file replaced the path (`Replay.candles`)
    news: Mapping[str, float] = field(default_factory=dict)  # of BTC, a block: spread and autocorrelation, the median
    branching: Mapping[str, float] = field(default_factory=dict)  # of BTC: `cascade.branching.describe`, the median
    costs: Mapping[str, float] = field(default_factory=dict)  # who pays: `cascade.costs.describe`, the median

    @property
    def holds(self) -> bool:
        """Whether no verdict is missed."""
        return all(figure.within for figure in self.figures.values())

    def as_dict(self) -> dict:
        """Return the summary as `--json` prints it."""
        figures = {name: figure.as_dict() for name, figure in self.figures.items()}
        return {"event": self.event, "seeds": list(self.seeds), "figures": figures, "runtime": dict(self.runtime)}

    def __str__(self) -> str:
        """Return the table of `cascade.report`."""
        from cascade.report import as_text

        return as_text(self)

    __repr__ = __str__


def summarise(replays: "Iterable[Replay]") -> Summary:
    """Return the summary of replays of one event; they are read one by one, and none is kept."""
    seeds, figures, runtimes, last = [], [], [], None
    news, branching, costs = [], [], []
    for replay in replays:
        seeds.append(replay.seed)
        figures.append(replay.figures())
        runtimes.append(replay.tracked.runtime)
        news.append(describe_news(replay.tracked))
        branching.append(describe_branching(replay.tracked))
        costs.append(describe_costs(replay.tracked))
        last = replay.event, replay.reported, replay.candles
        del replay
    if last is None:
        raise ValueError("a summary needs at least one replay, got none")
    event, reported, candles = last
    judged = {name: figure for name, figure in reported.items() if not (candles and name in IMPOSED)}
    by_name = {name: _figure(name, judged.get(name), [of[name] for of in figures]) for name in FIGURES}
    beside = map(_medians, (news, branching, costs))
    return Summary(event, tuple(seeds), by_name, _runtime(runtimes), candles, *beside)


def _figure(name: str, reported: "ReportedFigure | None", seeds: list[float]) -> Figure:
    """Return the figure over its seeds; of a truth value (the peak), the fraction of seeds where it holds."""
    values = [float(np.mean(seeds))] if name in FRACTIONS_OF_SEEDS else seeds
    known = [value for value in values if not isnan(value)]
    p05, median, p95 = np.quantile(known, (0.05, 0.5, 0.95)).tolist() if known else (nan,) * 3
    if reported is None or reported.value is None:
        return Figure(None, median, p05, p95, within=True)
    within, tolerance = reported.is_within(values), reported.judged_by(len(values))
    return Figure(reported.value, median, p05, p95, within, reported.sense, tolerance)


def _runtime(runtimes: list[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each measure; counts stay whole."""
    median = {name: float(np.median([of[name] for of in runtimes])) for name in RUNTIME}
    return {name: int(value) if name in ("positions", "book_messages") else value for name, value in median.items()}


def _medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each key."""
    return {name: float(np.median([row[name] for row in rows])) for name in rows[0]}


def without_nan(rows: Iterable[Mapping[str, float | str]]) -> list[dict]:
    """Return rows as JSON can hold them: null for what has no meaning."""
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]


def _or_none(value: float) -> float | None:
    return None if isnan(value) else value
