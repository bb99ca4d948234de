"""Fill docs/validation.md, and its pictures, from what `cascade validate` writes.

    python docs/fill_laws.py             runs the command, and fills from what it wrote
    python docs/fill_laws.py FOLDER...   fills from folders that it wrote before, each with some of the laws

Whoever changes results runs this; no figure of a result is typed in by hand anywhere in the documentation.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fill import ROOT, replace, shrink

PAGE = ROOT / "docs" / "validation.md"
LINK = re.compile(r"\]\((law_\w+\.png)\)")  # in a folder pictures lie beside the text


def main() -> None:
    """Run the command unless folders are given, and fill."""
    if len(sys.argv) > 1:
        fill([Path(folder) for folder in sys.argv[1:]])
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "out"
        if subprocess.run(["cascade", "validate", "--out", str(place)]).returncode == 2:
            sys.exit(2)
        fill([place])


def fill(folders: list[Path]) -> None:
    """Fill from folders that the command wrote."""
    texts = [(folder / "laws.md").read_text(encoding="utf-8").strip() for folder in folders]
    manifests = [json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in folders]
    replace(PAGE, "laws", LINK.sub(r"](pictures/\1)", "\n\n".join(texts)))
    replace(PAGE, "origin", origin(manifests))
    for folder in folders:
        for picture in folder.glob("law_*.png"):
            shrink(picture, ROOT / "docs" / "pictures" / picture.name)


def origin(manifests: list[dict]) -> str:
    """Return what made the figures."""
    commands = ", ".join(f"`{manifest['command']}`" for manifest in manifests)
    first = manifests[0]
    libraries = ", ".join(f"{name} {version}" for name, version in first["libraries"].items())
    return f"Made by {commands}: version {first['version']}, kernels `{first['kernel_hash']}`; {libraries}."


if __name__ == "__main__":
    main()
