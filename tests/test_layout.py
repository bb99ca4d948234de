"""Rules of the house that import-linter cannot say."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.small

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "cascade").rglob("*.py"))
KERNELS = sorted((ROOT / "cascade" / "kernels").glob("*.py"))
KERNELS_MAY_IMPORT = ("numba", "numpy", "llvmlite", "cascade.kernels", "cascade.state")  # llvmlite: numba's intrinsics
TEST_COMMAND = "pip install -e '.[test]' && pytest"


def imports(source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the modules that a source imports, each with the names taken from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), [alias.name for alias in node.names]


def private_imports(source: str) -> list[str]:
    return [f"{module}: {name}" for module, names in imports(source) for name in [*names, *module.split(".")]
            if name.startswith("_") and not name.startswith("__") and module != "__future__"]  # fmt: skip


def foreign_imports(source: str) -> list[str]:
    """Return what a kernel must not import."""
    modules = [
        f"{module}.{name}" if module == "cascade" else module
        for module, names in imports(source)
        for name in (names or [""])
    ]
    return [
        module
        for module in modules
        if module.split(".")[0] not in sys.stdlib_module_names
        and not any(module == allowed or module.startswith(f"{allowed}.") for allowed in KERNELS_MAY_IMPORT)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module__imports_no_private_name(path):
    assert private_imports(path.read_text()) == []


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_kernel__imports_numba_numpy_and_state_only(path):
    assert foreign_imports(path.read_text()) == []


def test_checks__fail_where_they_should():
    assert private_imports("from cascade.kernels.jit import _cache_dir") == ["cascade.kernels.jit: _cache_dir"]
    assert private_imports("from __future__ import annotations\nfrom cascade import __version__") == []
    assert foreign_imports("import scipy.stats") == ["scipy.stats"]
    assert foreign_imports("from cascade import errors") == ["cascade.errors"]
    assert foreign_imports("import os\nimport numpy as np\nfrom cascade import state") == []


def test_ci__runs_the_test_command_of_the_readme():
    assert TEST_COMMAND in (ROOT / "README.md").read_text()
    assert f'"{TEST_COMMAND}"' in (ROOT / ".ci" / "run").read_text()
