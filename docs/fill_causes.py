"""Fill docs/attribution.md, and its picture, from what `cascade attribute` writes.

    python docs/fill_causes.py            runs the command below, and fills from what it wrote
    python docs/fill_causes.py FOLDER     fills from a folder that the command wrote before

Whoever changes results runs this; no figure of a result is typed in by hand anywhere in the documentation.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from fill import ROOT, replace, shrink

COMMAND = "cascade attribute 2026-02-06 --seeds 10 --first-seed 1000"
PAGE = ROOT / "docs" / "attribution.md"


def main() -> None:
    """Run the command unless a folder is given, and fill."""
    if len(sys.argv) > 1:
        fill(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "out"
        status = subprocess.run([*COMMAND.split(), "--out", str(place)]).returncode
        if status:
            sys.exit(status)
        fill(place)


def fill(folder: Path) -> None:
    """Fill from a folder that the command wrote."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    libraries = ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())
    made = f"Made by `{COMMAND}`: version {manifest['version']}, kernels `{manifest['kernel_hash']}`; {libraries}."
    report = (folder / "report.txt").read_text(encoding="utf-8").strip()
    replace(PAGE, "shares", f"```text\n{report}\n```\n\n{made}")
    shrink(folder / "waterfall.png", ROOT / "docs" / "pictures" / "waterfall.png")


if __name__ == "__main__":
    main()
