"""Fill docs/validation.md, and its pictures, from what `cascade validate` writes.

    python docs/fill_laws.py             runs the command, and fills from what it wrote
    python docs/fill_laws.py FOLDER...   fills from folders that it wrote before, each with some of the laws

Whoever changes results runs this; no figure of a result is typed in by hand anywhere in the documentation.
"""

import json
import re
from pathlib import Path

from fill import ROOT, fill_from, origin, replace, shrink

PAGE = ROOT / "docs" / "validation.md"
LINK = re.compile(r"\]\((law_\w+\.png)\)")  # in a folder pictures lie beside the text


def fill(*folders: Path) -> None:
    """Fill from folders that the command wrote."""
    texts = [(folder / "laws.md").read_text(encoding="utf-8").strip() for folder in folders]
    manifests = [json.loads((folder / "manifest.json").read_text(encoding="utf-8")) for folder in folders]
    replace(PAGE, "laws", LINK.sub(r"](pictures/\1)", "\n\n".join(texts)))
    commands = ", ".join(f"`{manifest['command']}`" for manifest in manifests)
    replace(PAGE, "origin", origin(commands, manifests[0]))
    for folder in folders:
        for picture in folder.glob("law_*.png"):
            shrink(picture, ROOT / "docs" / "pictures" / picture.name)


if __name__ == "__main__":
    fill_from("cascade validate", fill)
