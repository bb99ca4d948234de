"""Compiled code is kept by a hash of every source that it was made from."""

import shutil
from pathlib import Path

import numpy as np
import pytest

import cascade
from cascade.kernels import jit

PACKAGE = Path(cascade.__file__).parent

pytestmark = pytest.mark.small


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Return a copy of what is compiled, of which the hash is taken."""
    for name in ("kernels", "state"):
        shutil.copytree(PACKAGE / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(jit, "__file__", str(tmp_path / "kernels" / "jit.py"))
    return sorted(tmp_path.rglob("*.py"))


def test_hash__changes_with_every_source(sources):
    before = jit.kernel_hash()
    for path in sources:
        text = path.read_bytes()
        path.write_bytes(text + b"# changed\n")
        assert jit.kernel_hash() != before, path
        path.write_bytes(text)
    assert jit.kernel_hash() == before


def test_hash__changes_with_a_file_that_is_moved(sources):
    before = jit.kernel_hash()
    book = next(path for path in sources if path.match("state/book.py"))
    book.rename(book.with_name("books.py"))
    assert jit.kernel_hash() != before


def last_of(array):
    return array[-1]


@pytest.mark.skipif(not jit.JITTED, reason="without the JIT, Python counts from the end")
@pytest.mark.parametrize(("module", "is_ours"), (("someone.else", False), ("cascade.kernels.new", True)))
def test_index__counts_from_the_end_in_code_of_others_alone(monkeypatch, module, is_ours):
    from numba import njit

    monkeypatch.setattr(last_of, "__module__", module)
    compiled = njit(boundscheck=True)(last_of)
    if is_ours:
        with pytest.raises(IndexError):
            compiled(np.arange(3.0))
    else:
        assert compiled(np.arange(3.0)) == 2.0
