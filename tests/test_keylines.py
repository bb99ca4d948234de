"""Lines of keys in TOML: all keys that `tomllib` reads are found, and where they stand."""

import tomllib
from pathlib import Path

import pytest

import cascade
from cascade.keylines import key_lines

pytestmark = pytest.mark.small
SHIPPED = sorted(Path(cascade.__file__).parent.rglob("*.toml"))

TRICKY = '''a = "x#[y" # c = 1
b.c = [ 1, [2,
 3], {d = 1.5, e."f g" = '}'}]
[[t.u]]
x = 1979-05-27T07:32:00Z
[t.u.v]
y = """
[not]
a = 2
"""
[[t.u]]
z = \'\'
"w\\u0041\\n" = 1
[t."q.r"]
k = -1.5e-3'''


def paths(tables, path=()):
    """Yield the path of every key, table and element that was read."""
    for key, value in tables.items() if isinstance(tables, dict) else enumerate(tables):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, key))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_lines__are_known_of_every_key_that_ships(path):
    text = path.read_text()
    lines = key_lines(text)
    assert set(lines) == set(paths(tomllib.loads(text)))
    rows = text.splitlines()
    for keys, line in lines.items():
        if isinstance(keys[-1], str):
            assert keys[-1] in rows[line - 1]


def test_lines__of_what_is_hard_to_read():
    lines = key_lines(TRICKY)
    assert set(lines) == set(paths(tomllib.loads(TRICKY)))
    assert lines["b", "c", 1, 1] == 3
    assert lines["b", "c", 2, "e", "f g"] == 3
    assert (lines["t", "u", 0, "v", "y"], lines["t", "u", 1], lines["t", "u", 1, "z"]) == (7, 11, 12)
    assert lines["t", "q.r", "k"] == 15
    assert lines["t", "u", 1, "wA\n"] == 13


def test_lines__of_nothing_are_none():
    assert key_lines("") == {}
