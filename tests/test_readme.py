"""What README and guide show, runs: their Python as it stands there, and their links lead somewhere."""

import doctest
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cascade.figures import FIGURES
from cascade.report import LABELS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^(<!-- slow -->\n)?```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([\w-]+))?\)")
COMMANDS = ("pip install . && cascade replay 2026-02-06", "pip install -e '.[test]' && pytest")
LARGEST_PICTURE = 300_000  # bytes


def blocks(page: Path) -> Iterator[tuple[bool, str, str]]:
    """Yield whether a block is slow, its language, and its source at the line where it stands in the page."""
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        yield bool(match[1]), match[2], "\n" * text.count("\n", 0, match.start(3)) + match[3]


def run_page(page: Path, with_slow: bool) -> int:
    """Run the blocks of a page one after the other, in one namespace; return how many."""
    names: dict = {}
    count = 0
    for is_slow, language, source in blocks(page):
        if is_slow and not with_slow:
            continue
        if language == "python":
            exec(compile(source, str(page), "exec"), names)
        else:
            test = doctest.DocTestParser().get_doctest(source, names, page.name, str(page), 0)
            result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, clear_globs=False)
            assert result.failed == 0 and result.attempted > 0
        count += 1
    return count


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page__its_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    count = run_page(page, with_slow=False)
    assert count > 0 or page.name not in ("README.md", "guide.md")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/guide.md"])
def test_page__its_slow_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_page(ROOT / page, with_slow=True) > sum(not is_slow for is_slow, _, _ in blocks(ROOT / page))


@pytest.mark.small
def test_readme__names_the_two_commands():
    fenced = re.findall(r"^```\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert "\n".join(COMMANDS) + "\n" in fenced


@pytest.mark.small
def test_readme__holds_a_line_for_every_figure_and_no_missed_one():
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- table -->")[1].split("<!-- /table -->")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    labels = [line.split("|")[1].strip().replace("&emsp;", "  ") for line in lines]
    assert labels == [LABELS[name].rstrip() for name in FIGURES]
    assert "✗" not in text


@pytest.mark.small
@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_page__its_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target, heading in LINK.findall(text):
        if "://" in target:
            continue
        path = (page.parent / target).resolve()
        assert path.exists(), f"{page.name}: {target}"
        if heading:
            assert f"#{heading}" in {anchor_of(line) for line in path.read_text(encoding="utf-8").splitlines()}


def anchor_of(line: str) -> str:
    """Return the anchor that a heading gets, with its #; nothing for other lines."""
    if not line.startswith("#"):
        return ""
    title = line.lstrip("#").strip().lower()
    return "#" + re.sub(r"[^\w -]", "", title).replace(" ", "-")


@pytest.mark.small
def test_pictures__are_small():
    pictures = list((ROOT / "docs" / "pictures").glob("*.png"))
    assert pictures
    assert [picture.name for picture in pictures if picture.stat().st_size > LARGEST_PICTURE] == []
