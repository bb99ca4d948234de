"""The manifest of an output folder: what made it, what it can be made from again, and the hash of every file."""

import json
import subprocess
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from cascade.output.files import plain, write_json

if TYPE_CHECKING:
    from cascade.result import Replay

MANIFEST = "manifest.json"
MADE_BY = "cascade"
LIBRARIES = ("numpy", "numba", "llvmlite", "scipy", "polars", "matplotlib")


def write_manifest(folder: Path, origin: dict) -> None:
    """Write what made the folder, and the hash of every file in it, last of all."""
    outputs = {
        path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()
    }
    write_json(folder / MANIFEST, {"made_by": MADE_BY, **origin, "outputs": outputs})


def origin_of(replay: "Replay") -> dict:
    """Return what a run can be repeated from: configuration, code, libraries; nothing that changes between runs."""
    provenance = dict(replay.tracked.provenance)
    configuration = provenance.pop("configuration", {})
    canonical = json.dumps(configuration, sort_keys=True, default=plain)
    return {
        "event": replay.event,
        **code(),
        "configuration_sha256": sha256(canonical.encode()).hexdigest(),
        "configuration": configuration,
        "inputs": provenance.pop("inputs", {}),
        **({"provenance": provenance} if provenance else {}),
    }


def code() -> dict:
    """Return which code and libraries ran."""
    return {
        "version": _version("liquidation-cascade"),
        "commit": _commit(),
        "kernel_hash": _kernel_hash(),
        "libraries": {name: _version(name) for name in LIBRARIES},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


@cache
def _kernel_hash() -> str:
    from cascade.kernels.jit import kernel_hash

    return kernel_hash()


@cache
def _commit() -> str | None:
    """Return the commit of the checkout that this code runs from, marked if it has changes; None outside one."""
    here = Path(__file__).resolve().parents[1]
    if not (here.parent / ".git").exists():
        return None
    with suppress(OSError, subprocess.SubprocessError):
        command = ["git", "-C", str(here.parent), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip() or None
    return None
