"""Replay and question a crash account by account: margin, liquidation and order books, with the feedback between them.

Names are imported when they are first used, so that small uses stay instant.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cascade import errors as errors
    from cascade import margins as margins
    from cascade import plots as plots
    from cascade.engine import simulate as simulate
    from cascade.fitting import calibrate as calibrate
    from cascade.margins import bankruptcy_price as bankruptcy_price
    from cascade.margins import initial_margin as initial_margin
    from cascade.margins import liquidation_price as liquidation_price
    from cascade.margins import maintenance_margin as maintenance_margin
    from cascade.margins import max_leverage as max_leverage
    from cascade.orderbook import OrderBook as OrderBook
    from cascade.reconstruction import replay as replay
    from cascade.result import Replay as Replay
    from cascade.result import Result as Result
    from cascade.scenario import Scenario as Scenario
    from cascade.scenario import one_market as one_market
    from cascade.summary import Summary as Summary
    from cascade.summary import summarise as summarise

_HOMES = {
    "cascade.engine": ("simulate",),
    "cascade.fitting": ("calibrate",),
    "cascade.margins": (
        *("bankruptcy_price", "initial_margin", "liquidation_price", "maintenance_margin", "max_leverage"),
    ),
    "cascade.orderbook": ("OrderBook",),
    "cascade.reconstruction": ("replay",),
    "cascade.result": ("Replay", "Result"),
    "cascade.scenario": ("Scenario", "one_market"),
    "cascade.summary": ("Summary", "summarise"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("errors", "margins", "plots")

__all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = import_module(f"cascade.{name}")
    elif name == "__version__":
        try:
            value = version("liquidation-cascade")
        except PackageNotFoundError:
            value = "0+unknown"
    else:
        raise AttributeError(f"module 'cascade' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
