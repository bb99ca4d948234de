"""Fill the figures of README.md and docs/figures.md, and the pictures, from one run.

    python docs/fill.py            runs the command below, and fills from what it wrote
    python docs/fill.py FOLDER     fills from a folder that the command wrote before

Whoever changes results runs this; no figure of a result is typed in by hand anywhere in the documentation.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image  # matplotlib's own dependency

ROOT = Path(__file__).resolve().parents[1]
COMMAND = "cascade replay 2026-02-06 --seeds 20 --first-seed 1000 --priors"
PICTURES = ("path", "shares", "liquidation_map", "liquidity", "branching", "pools")
WIDTH_PX, COLOURS = 1400, 128  # what a page shows; keeps a picture below 300 kB


def fill_from(command: str, fill: Callable[..., None]) -> None:
    """Call `fill` with the folders that are given, or with one that the command writes, unless it is refused."""
    if len(sys.argv) > 1:
        fill(*map(Path, sys.argv[1:]))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "out"
        status = subprocess.run([*command.split(), "--out", str(place)]).returncode
        if status not in (0, 1):  # 1: a figure is missed
            sys.exit(status)
        fill(place)


def fill(folder: Path) -> None:
    """Fill from a folder that the command wrote."""
    report = (folder / "report.md").read_text(encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    table = "\n".join(line for line in report.splitlines() if line.startswith("|"))
    below = report.split(table, 1)[1].split("```")[0].strip().splitlines()
    notes = "\n".join(line for line in below if not is_timing(line))
    ranges = re.search(r"```\n(.*?)```", report, re.DOTALL)
    replace(ROOT / "README.md", "table", f"{table}\n\n{notes}")
    seeds = f", seeds {manifest['seeds'][0]} to {manifest['seeds'][-1]}"
    replace(ROOT / "docs" / "figures.md", "origin", origin(f"`{COMMAND}`", manifest, seeds))
    if ranges is not None:
        replace(ROOT / "docs" / "figures.md", "ranges", f"```text\n{ranges[1]}```")
    for name in PICTURES:
        if (folder / f"{name}.png").exists():
            shrink(folder / f"{name}.png", ROOT / "docs" / "pictures" / f"{name}.png")


def is_timing(line: str) -> bool:
    """Whether a note speaks of this machine rather than of the day."""
    return "peak memory" in line


def replace(path: Path, name: str, text: str) -> None:
    """Put text between the two comments that name a place in a Markdown file."""
    before, rest = path.read_text(encoding="utf-8").split(f"<!-- {name} -->", 1)
    after = rest.split(f"<!-- /{name} -->", 1)[1]
    path.write_text(f"{before}<!-- {name} -->\n{text}\n<!-- /{name} -->{after}", encoding="utf-8")


def origin(commands: str, manifest: dict, seeds: str = "") -> str:
    """Return what made the figures."""
    libraries = ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())
    made_by = f"version {manifest['version']}, kernels `{manifest['kernel_hash']}`{seeds}"
    return f"Made by {commands}: {made_by}; {libraries}."


def shrink(source: Path, target: Path) -> None:
    """Copy a picture at the size of a page, with few colours."""
    picture = Image.open(source).convert("RGB")
    height = round(picture.height * WIDTH_PX / picture.width)
    picture = picture.resize((WIDTH_PX, height), Image.Resampling.LANCZOS)
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(target, optimize=True)


if __name__ == "__main__":
    fill_from(COMMAND, fill)
