"""Laws that theory knows, and what the engine makes of them: small worlds, run many times, each with a control.

Every law is a scenario setting of the engine. Its checks must hold within three standard errors, with a standard error
of at most 2% of the value; its negative control must fail by more than five.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cascade.errors import InvalidConfigError, did_you_mean
from cascade.validation.branching import cluster_sizes, linear_impact, random_sizes
from cascade.validation.clustering import hawkes
from cascade.validation.decay import decaying_impact
from cascade.validation.impact import decay, diffusion, metaorder
from cascade.validation.law import Check, Control, Curve, Law
from cascade.validation.margin_raise import margin_raised
from cascade.validation.static_book import metastable, square_root, static_fall
from cascade.validation.zero_intelligence import blind_flow

__all__ = ["LAWS", "Check", "Control", "Curve", "Law", "Validation", "validate"]

LAWS: dict[str, Callable[[bool], Law]] = {
    "T1": static_fall,
    "T2": linear_impact,
    "T3": random_sizes,
    "T4": cluster_sizes,
    "T5": square_root,
    "T6": metastable,
    "T7": decaying_impact,
    "T9": margin_raised,
    "hawkes": hawkes,
    "flow": blind_flow,
    "metaorder": metaorder,
    "decay": decay,
    "diffusion": diffusion,
}


@dataclass(frozen=True)
class Validation:
    """The laws that were run, in order."""

    laws: dict[str, Law]
    quick: bool

    @property
    def holds(self) -> bool:
        """Whether every law holds and every control fails."""
        return all(law.holds for law in self.laws.values())

    def as_dict(self) -> dict:
        """Return everything but the curves as plain values, with None for what is infinite."""
        return {
            "quick": self.quick,
            "holds": self.holds,
            "laws": {
                name: {
                    "title": law.title,
                    "set_up": law.set_up,
                    "theory": law.theory,
                    "holds": law.holds,
                    "checks": [_plain(check) | {"holds": check.holds} for check in law.checks],
                    "beside": [_plain(check) for check in law.beside],
                    "control": {"change": law.control.change}
                    | _plain(law.control.check)
                    | {"fails": law.control.check.fails},
                }
                for name, law in self.laws.items()
            },
        }


def validate(
    names: Sequence[str] = (),
    quick: bool = False,
    threads: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Validation:
    """Run laws through the engine.

    Parameters
    ----------
    names : sequence of str
        Some of `LAWS`; none for all.
    quick : bool
        Fewer runs: the errors are larger, and stay below 2% of the values.
    threads : int
        Laws side by side.
    progress : callable, optional
        Called with the law that has just been run, and the fraction of them that is done.

    Raises
    ------
    InvalidConfigError
        If a name is not known.
    """
    for name in names:
        if name not in LAWS:
            raise InvalidConfigError(f"there is no law {name!r}{did_you_mean(name, LAWS)}")
    chosen = [name for name in LAWS if name in names or not names]
    laws: dict[str, Law] = {}
    with ThreadPoolExecutor(threads) as pool:
        for name, law in zip(chosen, pool.map(lambda name: LAWS[name](quick), chosen), strict=True):
            laws[name] = law
            if progress is not None:
                progress(f"{name}: {law.title}", len(laws) / len(chosen))
    return Validation(laws, quick)


def _plain(check: Check) -> dict:
    """Return a check as plain values."""
    values = {
        "what": check.what,
        "theory": check.theory,
        "simulated": check.simulated,
        "error": check.error,
        "exact_within": check.exact_within,
        "z": check.z,
    }
    return {key: None if isinstance(x, float) and not math.isfinite(x) else x for key, x in values.items()}
