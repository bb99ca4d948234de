"""Venue files: what ships, what a user may write, and what is refused in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from own_venues import VENUE_FILE, write_venue

import cascade.margins as margins
from cascade.errors import UnknownVenueError
from cascade.venues import list_venues, load_venue

pytestmark = pytest.mark.small
TIERS = Path(__file__).resolve().parents[2] / "shared" / "margin" / "tiers"
COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "BNB")


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a venue file with one text replaced, and returns its path."""

    def write_file(old="", new="", text=VENUE_FILE):
        return write_venue(tmp_path, text, old, new)

    return write_file


@pytest.mark.parametrize("name", list_venues())
def test_shipped_venues__know_all_six_coins_and_their_sources(name):
    venue = load_venue(name)
    assert venue.name == name
    assert set(venue.coins) == set(COINS)
    for coin in venue.coins.values():
        assert coin.source
        assert coin.date
        assert bool(coin.brackets) == (name != "spot")


@pytest.mark.skipif(not TIERS.is_dir(), reason=f"no published brackets at {TIERS}: the data is not compared with them")
@pytest.mark.parametrize(
    ("name", "file", "keys"),
    [
        ("binance", "binance_usdm_2026-01-31.json", ("floor", "cap", "mmr", "max_leverage", "cum")),
        ("bybit", "bybit_linear_2024-12-25.json", ("floor", "cap", "mmr", "max_leverage", "deduction")),
        ("okx", "okx_swap_2025-H2.json", ("min_contracts", "max_contracts", "mmr", "max_leverage", None)),
    ],
)
def test_shipped_venues__hold_every_published_bracket(name, file, keys):
    fields = ("floor", "cap", "maintenance_rate", "max_leverage", "amount_usd")
    for coin, tiers in json.loads((TIERS / file).read_text())["tiers"].items():
        brackets = load_venue(name).coins[coin].brackets[: len(tiers)]
        found = [tuple(getattr(row, field) for field in fields) for row in brackets]
        assert found == [tuple(tier[key] if key else None for key in keys) for tier in tiers], coin


@pytest.mark.parametrize(
    ("name", "coins"),
    [("binance", ()), ("bybit", ("XRP", "SOL")), ("okx", ("ETH", "XRP", "SOL", "DOGE", "BNB")), ("other", COINS)],
)
def test_stand_ins__are_marked_and_are_binance_brackets(name, coins):
    venue, binance = load_venue(name), load_venue("binance")
    assert {coin for coin in COINS if venue.coins[coin].stand_in == "binance"} == set(coins)
    for coin in set(coins) - {"ETH"}:
        own, theirs = venue.coins[coin].brackets, binance.coins[coin].brackets
        terms = ("floor", "cap", "maintenance_rate", "max_leverage")
        assert all(getattr(a, term) == getattr(b, term) for a, b in zip(own, theirs, strict=True) for term in terms)


def test_stand_ins__follow_above_the_brackets_that_are_known():
    first, second, *_ = load_venue("okx").coins["ETH"].brackets
    assert (first.cap, first.max_leverage) == (5_000, 100)
    assert (second.floor, second.max_leverage) == (5_000, 75)
    assert second.cap * 0.1 * 2_140 == pytest.approx(3e6)


def test_own_file__is_read_with_percents_and_durations(write):
    venue = load_venue(write())
    assert venue.fees.taker == pytest.approx(0.0005)
    assert venue.mark is not None
    assert venue.mark.basis_window_s == 300
    expected = (100 - 100 / 10) / (1 - 0.01)
    for given in (venue, write(), str(write())):
        assert margins.liquidation_price(given, "BTC", "long", 100, 5, leverage=10) == pytest.approx(expected)


def test_own_file__may_name_a_stand_in(write):
    start = VENUE_FILE.index("brackets = [")
    path = write(text=VENUE_FILE[:start] + 'stand_in = "binance"\n')
    assert len(load_venue(path).coins["BTC"].brackets) == 12


def test_unknown_venue__is_refused_with_the_nearest_name():
    with pytest.raises(UnknownVenueError, match=r"did you mean 'bybit'\?"):
        load_venue("bybitt")


def test_reader__does_not_import_numba():
    code = "import sys, cascade.venues as v; v.load_venue('okx'); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
