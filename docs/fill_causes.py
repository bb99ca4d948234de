"""Fill docs/attribution.md, and its picture, from what `cascade attribute` writes.

    python docs/fill_causes.py            runs the command below, and fills from what it wrote
    python docs/fill_causes.py FOLDER     fills from a folder that the command wrote before

Whoever changes results runs this; no figure of a result is typed in by hand anywhere in the documentation.
"""

import json
from pathlib import Path

from fill import ROOT, fill_from, origin, replace, shrink

COMMAND = "cascade attribute 2026-02-06 --seeds 10 --first-seed 1000"
PAGE = ROOT / "docs" / "attribution.md"


def fill(folder: Path) -> None:
    """Fill from a folder that the command wrote."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    report = (folder / "report.txt").read_text(encoding="utf-8").strip()
    replace(PAGE, "shares", f"```text\n{report}\n```\n\n{origin(f'`{COMMAND}`', manifest)}")
    shrink(folder / "waterfall.png", ROOT / "docs" / "pictures" / "waterfall.png")


if __name__ == "__main__":
    fill_from(COMMAND, fill)
