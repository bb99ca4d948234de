"""The study: S-curves by leverage, depth and pace, the plane of leverage and depth, and where in them is the edge."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from cascade.edge.market import Market, Outcome, Run, Setting
from cascade.engine import Progress

SHOCKS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08)
LEVERAGES = (1.0, 2.0, 4.0, 8.0)
DEPTHS, DEPTHS_LEVERAGE = (0.25, 0.5, 1.0, 2.0), 2.0
PHASE_SHOCK = 0.02
PHASE_LEVERAGES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
PHASE_DEPTHS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
PACES_MIN = (2, 10, 30)
RUNAWAY = 2.0  # amplification from which on a shock is said to have run away


@dataclass(frozen=True)
class Study:
    """The answer: outcomes by what was varied, in the order in which they were varied."""

    coin: str
    venue: str
    by_leverage: tuple[Outcome, ...]  # shocks within leverages
    by_depth: tuple[Outcome, ...]  # shocks within depths
    by_pace: tuple[Outcome, ...]  # leverages within paces
    phase: tuple[Outcome, ...]  # leverages within depths
    phase_calm: tuple[Outcome, ...]  # likewise, with providers who do not withdraw
    configuration: dict  # of the first world

    def as_dict(self) -> dict:
        """Return what JSON can hold: every outcome by its setting, and the edges."""
        parts = {name: getattr(self, name) for name in ("by_leverage", "by_depth", "by_pace", "phase", "phase_calm")}
        return {
            "coin": self.coin,
            "venue": self.venue,
            **{name: [_plain(outcome) for outcome in outcomes] for name, outcomes in parts.items()},
            "ratio_at_edge": {name: _finite(edge_ratios(parts[name], "depth")) for name in ("phase", "phase_calm")}
            | {"by_pace": _finite(edge_ratios(self.by_pace, "minutes"))},
        }


def study(
    market: Market | None = None, *, quick: bool = False, threads: int = 1, progress: Progress | None = None
) -> Study:
    """Measure S-curves by leverage and by depth, the edge by the pace of the news, and the plane of the two.

    Parameters
    ----------
    market : Market, optional
        By default Bitcoin at Binance.
    quick : bool
        A coarser grid, and one seed.
    threads, progress
        As in `sweep`.
    """
    market, seeds = market or Market(), (1,) if quick else (1, 2, 3)
    thin = slice(None, None, 2 if quick else 1)
    shocks, across, down = SHOCKS[thin], PHASE_LEVERAGES[thin], PHASE_DEPTHS[thin]
    plan = {
        "by_leverage": [Setting(shock, leverage) for leverage in LEVERAGES for shock in shocks],
        "by_depth": [Setting(shock, DEPTHS_LEVERAGE, depth) for depth in DEPTHS for shock in shocks],
        "by_pace": [Setting(PHASE_SHOCK, leverage, minutes=pace) for pace in PACES_MIN for leverage in across],
        "phase": [Setting(PHASE_SHOCK, leverage, depth) for depth in down for leverage in across],
    }
    plan["phase_calm"] = [replace(setting, withdrawal=False) for setting in plan["phase"]]
    outcomes = iter(market.sweep([setting for part in plan.values() for setting in part], seeds, threads, progress))
    found = {name: tuple(next(outcomes) for _ in part) for name, part in plan.items()}
    return Study(market.coin, market.venue, **found, configuration=market.scenario(plan["phase"][0]).resolved())


def by_value(outcomes: Sequence[Outcome], along: str) -> dict[float, list[Outcome]]:
    """Return the outcomes of each value of a setting's field."""
    rows: dict[float, list[Outcome]] = {}
    for outcome in outcomes:
        rows.setdefault(getattr(outcome.setting, along), []).append(outcome)
    return rows


def edge_ratios(outcomes: Sequence[Outcome], along: str) -> dict[float, float]:
    """Return g where the amplification passes `RUNAWAY` as leverage grows, by the value of another field; nan if never.

    Between two leverages, log g is interpolated along the log of the amplification.
    """
    found = {}
    for value, row in by_value(outcomes, along).items():
        grown = np.log([outcome.amplification for outcome in row])
        ratio = np.log([outcome.ratio.mean() for outcome in row])
        beyond = np.flatnonzero(grown >= np.log(RUNAWAY))
        if not len(beyond) or beyond[0] == 0:
            found[value] = np.nan
        else:
            step = slice(beyond[0] - 1, beyond[0] + 1)
            found[value] = float(np.exp(np.interp(np.log(RUNAWAY), grown[step], ratio[step])))
    return found


def smallest_runaway(outcomes: Sequence[Outcome], along: str) -> dict[float, float]:
    """Return the smallest shock whose amplification is at least `RUNAWAY`, by the value of a field; nan if none."""
    return {
        value: min((outcome.setting.shock for outcome in row if outcome.amplification >= RUNAWAY), default=np.nan)
        for value, row in by_value(outcomes, along).items()
    }


def _plain(outcome: Outcome) -> dict:
    """Return a setting, its runs by seed, and their amplification."""
    runs = {name: getattr(outcome, name).tolist() for name in Run._fields}
    return asdict(outcome.setting) | runs | {"amplification": outcome.amplification}


def _finite(ratios: dict[float, float]) -> dict[str, float | None]:
    return {f"{value:g}": None if ratio != ratio else ratio for value, ratio in ratios.items()}
