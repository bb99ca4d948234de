"""The crash of 2025-10-10 at Hyperliquid: the input of `experiments/deleveraging_2025_10_10`, and one seed of it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXPERIMENT = Path(__file__).resolve().parents[1] / "experiments" / "deleveraging_2025_10_10"
sys.path.insert(0, str(EXPERIMENT))

import crash  # noqa: E402


def test_path__is_at_the_stated_prices_at_the_stated_times():
    case = crash.Case("as stated")
    for coin, (first_usd, low_usd) in crash.PRICES_USD.items():
        path = crash.path_usd(coin, case)
        at = lambda minute, path=path: path[60 * minute // crash.BLOCK_S - 1]  # noqa: E731
        assert len(path) == 60 * crash.MINUTES // crash.BLOCK_S
        assert at(crash.SLIDE) == pytest.approx(first_usd)
        assert at(crash.CRASH + case.minutes) == pytest.approx(low_usd) == pytest.approx(path.min())
        assert crash.before_usd(coin)[-1] == pytest.approx(first_usd)
    bitcoin = crash.path_usd("BTC", case)[60 * crash.CRASH // crash.BLOCK_S - 1]
    assert bitcoin == pytest.approx(112_000, rel=0.005)
    halved = crash.path_usd("BTC", crash.Case("half the fall", fall=0.5))
    assert np.log(halved.min() / 117_000) == pytest.approx(0.5 * np.log(101_500 / 117_000))


def test_accounts__hold_the_stated_open_interest():
    accounts = crash.accounts(crash.Case("as stated"))
    held = sum(accounts.open_interest_usd.values())
    assert held == pytest.approx(13.8e9 * 3601.8 / 5511.0, rel=1e-3)
    assert sum(bucket.mass_usd for bucket in accounts.buckets) == pytest.approx(2 * 0.05 * held)
    assert accounts.cross.accounts * crash.mean_size_usd() == pytest.approx(2 * 0.7 * held)


KEYS = ("delay_s", "orders_before", "deleveraged_share", "deleveraged_in_all_share", "forgone_share")


@pytest.mark.slow
def test_quick__deleverages_after_liquidations_and_more_of_a_faster_fall(tmp_path):
    command = [sys.executable, str(EXPERIMENT / "run.py"), "--quick", "--out", str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "public record" in said and (tmp_path / "deleveraging.png").stat().st_size > 10_000
    told = json.loads((tmp_path / "deleveraging.json").read_text())
    stated, fast, slow = ({key: row[key]["mean"] for key in KEYS} for row in told["cases"])
    assert stated["delay_s"] > 0 and stated["orders_before"] > 100
    for key in ("deleveraged_share", "deleveraged_in_all_share"):
        assert slow[key] < min(stated[key], fast[key])
    assert 0.05 < stated["deleveraged_in_all_share"] < 0.6
    assert stated["deleveraged_in_all_share"] < stated["deleveraged_share"] < 0.9  # hardly anybody before 21:15
    assert stated["forgone_share"] == pytest.approx(0.0, abs=1e-6)  # winners are closed at the mark
