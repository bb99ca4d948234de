from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("repeatable")

SHARED = Path(__file__).resolve().parents[2] / "shared"  # material that lies beside the repository, where it is present


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("../shared is absent: what this test compares with is not part of the repository")
    return SHARED
