"""The liquidity file: what was measured of a market, with errors, what made it, and the priors that follow.

`fitted_priors` puts those into priors, with the depth of the recording or, scaled to another day, with the depth that
the given priors state: sizes of quotes and trades are shares of depth.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cascade.config import Priors, load_priors
from cascade.errors import InvalidConfigError
from cascade.liquidity.microstructure import Figure, Seconds
from cascade.reading import Strict, read_model
from cascade.tape import TapeReport
from cascade.writing import write_whole

SHIPPED = Path(__file__).parents[1] / "fitted" / "liquidity"


@dataclass(frozen=True)
class LiquidityFit:
    """What a recording says of a market's liquidity."""

    coin: str
    symbol: str
    reports: tuple[TapeReport, ...]
    market: Seconds
    measured: dict[str, Figure]
    classes: Mapping[str, Sequence[float]]  # what the entries of a figure with several are for
    priors: dict[str, dict[str, Any]]

    def to_toml(self, command: str) -> str:
        """Return the text of the liquidity file; `command` is what made it."""
        return "\n".join([*self._made(command), *self._market(), *self._measured(), *self._priors()]) + "\n"

    def sections(self) -> dict[str, dict[str, Any]]:
        """Return what the priors say, as `Priors.changed` takes it."""
        rest = {name: keys for name, keys in self.priors.items() if name != "coin"}
        return {"coins": {self.coin: self.priors["coin"]}, **rest}

    def with_prior(self, section: str, key: str, value: float) -> "LiquidityFit":
        """Return a copy with one prior changed."""
        return replace(self, priors=self.priors | {section: self.priors[section] | {key: value}})

    def table(self) -> str:
        """Return every figure with its standard error, for people."""
        lines = []
        for name, figure in self.measured.items():
            at = [""] if np.ndim(figure.value) == 0 else [f" {of:g}" for of in self.classes[name]]
            for of, value, error in zip(at, np.ravel(figure.value), np.ravel(figure.error), strict=True):
                lines.append(f"{name + of:<44} {value:>12.5g} ± {error:.2g}")
        return "\n".join(lines)

    def _made(self, command: str) -> list[str]:
        lines = [
            f"# Liquidity of {self.symbol or self.coin}, estimated from a recording; errors are standard errors.",
            "",
        ]
        lines += ["[made]", f"command = {_toml(command)}"]
        for report in self.reports:
            path = Path(report.path)
            lines += ["[[made.files]]", f"name = {_toml(path.name)}", f"sha256 = {_toml(_sha256(path))}"]
            lines += [f"format = {_toml(report.source_format)}", f"first = {_toml(_clock(report.first_ns))}"]
            lines += [f"last = {_toml(_clock(report.last_ns))}", f"rows = {_toml(report.rows)}"]
            lines += [f"flaws = {_toml(report.flaws)}"]
        return lines

    def _market(self) -> list[str]:
        mid = self.market.mid_usd
        facts = {
            "coin": self.coin,
            "symbol": self.symbol,
            "seconds": len(self.market),
            "tick_usd": self.market.tick_usd,
            "first_mid_usd": float(mid[0]),
            "last_mid_usd": float(mid[-1]),
        }
        return ["", "[market]", *(f"{key} = {_toml(value)}" for key, value in facts.items())]

    def _measured(self) -> list[str]:
        lines = ["", "[measured]  # value, error; USD, bp of the mid, seconds, one side of the book unless said"]
        for name, figure in self.measured.items():
            if np.ndim(figure.value) == 0:
                lines.append(f"{name} = {_toml([float(figure.value), float(figure.error)])}")
        for name, figure in self.measured.items():
            if np.ndim(figure.value) > 0:
                lines += ["", f"[measured.{name}]", f"of = {_toml(list(self.classes[name]))}"]
                lines += [f"value = {_toml(figure.value.tolist())}", f"error = {_toml(figure.error.tolist())}"]
        return lines

    def _priors(self) -> list[str]:
        lines = []
        for section, keys in self.priors.items():
            lines += ["", f"[priors.{section}]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
        return lines


# ── priors from a file ───────────────────────────────────────────────────────────────────────────────────────
class LiquidityFile(Strict):
    """A liquidity file as it is read: what was measured is for people, the priors are for runs."""

    made: dict[str, Any]
    market: dict[str, Any]
    measured: dict[str, Any]
    priors: dict[str, dict[str, Any]]  # coin, liquidity, flow, run: keys of the priors of the same names


def fitted_priors(path: str | Path, base: Priors | None = None, keep_depth: bool = False) -> Priors:
    """Return priors with what a liquidity file says of its coin.

    Parameters
    ----------
    path : str or Path
        A liquidity file, or the coin of one that ships ("BTC").
    base : Priors, optional
        Whatever the file does not say; the shipped ones by default.
    keep_depth : bool
        Take the depth and the volatility of `base`, for another day: sizes are shares of depth, and go with it.

    Raises
    ------
    InvalidConfigError
        If there is no such file, or it does not fit.
    """
    base = base or load_priors()
    found = Path(path)
    if not found.suffix and not found.exists():
        found = SHIPPED / f"{str(path).lower()}.toml"
    file = read_model(LiquidityFile, found)
    coin = str(file.market.get("coin", ""))
    sections = {name: dict(keys) for name, keys in file.priors.items() if name != "coin"}
    if not keep_depth:
        sections["coins"] = {coin: file.priors.get("coin", {})}
    elif coin not in base.coins:
        raise InvalidConfigError(
            f"{found}: the priors state no depth of {coin}; add it to them, or take the file's own"
        )
    return base.changed(**sections)


def write_fit(fit: LiquidityFit, out: Path, command: str) -> Path:
    """Write the liquidity file, whole or not at all; `command` is what made it."""
    write_whole(out, fit.to_toml(command))
    return out


# ── text ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _toml(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {_toml(entry)}" for key, entry in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(float(f"{value:.6g}"))
    return str(value)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _clock(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
