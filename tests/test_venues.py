"""Venue files: what ships, what a user may write, and what is refused in one line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import cascade.margins as margins
from cascade.errors import InvalidConfigError, UnknownVenueError
from cascade.venues import list_venues, load_venue

pytestmark = pytest.mark.small
TIERS = Path(__file__).resolve().parents[2] / "shared" / "margin" / "tiers"
COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "BNB")

OWN = """
name = "own"
title = "a venue of one's own"
contract = "linear"

[margin]
bracket_unit = "mark_notional"
deduction = "cumulative"
basis = "mark"
fee_in_trigger = false
source = "made up"

[fees]
taker = "5bps"

[mark]
rule = "index_plus_basis"
basis_window_s = "5min"

[liquidation]
rule = "whole"
orders_per_s = 10
published_per_s = 0

[insurance]
pool_usd = 1e6

[coins.BTC]
tick_usd = 0.1
lot_base = 0.001
source = "made up"
date = "2026"
brackets = [
    { floor = 0, cap = 1_000, maintenance_rate = "1%", max_leverage = 50, amount_usd = 0 },
    { floor = 1_000, cap = 5_000, maintenance_rate = 0.02, max_leverage = 20, amount_usd = 10 },
]
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a venue file with one text replaced, and returns its path."""

    def write_file(old="", new="", text=OWN):
        assert old in text
        path = tmp_path / "own.toml"
        path.write_text(text.replace(old, new, 1))
        return path

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
    start = OWN.index("brackets = [")
    path = write(text=OWN[:start] + 'stand_in = "binance"\n')
    assert len(load_venue(path).coins["BTC"].brackets) == 12


BRACKET_2 = "{ floor = 1_000, cap = 5_000, maintenance_rate = 0.02, max_leverage = 20, amount_usd = 10 },"
BAD = [  # what is replaced, by what, and what the line says: key path, and remedy
    ('title = "a', 'titel = "b', "line 3, titel: unknown key; did you mean 'title'?"),
    ("amount_usd = 10 ", "amount = 10 ", "coins.BTC.brackets[1].amount: unknown key; did you mean 'amount_usd'?"),
    ("basis_window_s", "basis_windw_s", "mark.basis_windw_s: unknown key; did you mean 'basis_window_s'?"),
    ("floor = 1_000", "floor = 1_100", "coins.BTC.brackets[1].floor: must be 1000, the cap of the bracket before"),
    ("floor = 1_000", "floor = 900", "leave no gap or overlap"),
    ("floor = 0", "floor = 10", "coins.BTC.brackets[0].floor: must be 0, got 10; begin with the smallest"),
    ("cap = 5_000", "cap = 500", "coins.BTC.brackets[1].cap: must be above the floor 1000, got 500"),
    ('"1%"', '"2%"', "coins.BTC.brackets[0].maintenance_rate: 0.02 is not below the initial margin rate 0.02"),
    ('"1%"', "-0.01", "coins.BTC.brackets[0].maintenance_rate: input should be greater than 0, got -0.01"),
    ('"1%"', '"one"', "cannot read 'one'; write it like 0.4%"),
    ('"1%"', "nan", "coins.BTC.brackets[0].maintenance_rate: input should be a finite number, got nan"),
    ("max_leverage = 20", "max_leverage = 50", "brackets[1].maintenance_rate: 0.02 is not below"),
    (BRACKET_2, BRACKET_2.replace("= 0.02", "= 0.015").replace("20", "50"), "[1].max_leverage: must be below 50"),
    (BRACKET_2, BRACKET_2.replace("= 0.02", "= 0.005"), "[1].maintenance_rate: must be at least 0.01"),
    ("max_leverage = 20", "max_leverage = 0.5", "[1].max_leverage: input should be greater than or equal to 1"),
    ("amount_usd = 10", "amount_usd = 11", "[1].amount_usd: must be 10, which follows from floors and rates, got 11"),
    ('deduction = "cumulative"', 'deduction = "whole"', "brackets[1].amount_usd: must be 0"),
    (
        '"mark_notional"',
        '"contracts"',
        "margin.deduction: cumulative amounts follow only from brackets by mark_notional",
    ),
    ('"mark_notional"', '"notional"', "margin.bracket_unit: input should be 'mark_notional', 'entry_notional' or"),
    ('basis = "mark"', 'basis = "entry"', "margin.deduction: cumulative amounts follow only"),
    (
        'contract = "linear"',
        'contract = "inverse"',
        "coins.BTC.contract_usd: is missing; inverse contracts need the size of a lot, above 0",
    ),
    ('contract = "linear"', 'contract = "spot"', "margin: has no place in a spot venue"),
    ("[insurance]\npool_usd = 1e6", "", "insurance: is missing; linear contracts need [insurance]"),
    ('taker = "5bps"', "", "fees.taker: is missing; add it"),
    ('taker = "5bps"', "taker = 1.5", "fees.taker: input should be less than 1, got 1.5"),
    ("tick_usd = 0.1", "tick_usd = 0", "coins.BTC.tick_usd: input should be greater than 0, got 0"),
    ('source = "made up"\ndate', 'source = ""\ndate', "coins.BTC.source: string should have at least 1 character"),
    ("pool_usd = 1e6", 'pool_usd = "much"', "insurance.pool_usd: input should be a valid number"),
    (
        'rule = "whole"',
        'rule = "half"',
        "liquidation.rule: input should be 'whole', 'brackets', 'fraction' or 'compliance', got 'half'",
    ),
    (
        'date = "2026"',
        'date = "2026"\nstand_in = "okx"',
        "coins.BTC.stand_in: needs stand_in_price_usd beside it, to turn okx's coins into USD",
    ),
    ('date = "2026"', 'date = "2026"\nstand_in = "binanse"', "no other venue 'binanse'; did you mean 'binance'?"),
    ('date = "2026"', 'date = "2026"\nstand_in = "spot"', "spot has no brackets of its own for BTC"),
    ('contract = "linear"', "contract = linear", "is no TOML"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_bad_file__is_refused_in_one_line_that_names_file_key_and_remedy(write, old, new, words):
    path = write(old, new)
    with pytest.raises(InvalidConfigError) as refusal:
        load_venue(path)
    line = str(refusal.value)
    assert line.startswith(str(path))
    assert words in line
    assert "\n" not in line


def test_bad_file__fee_in_the_trigger_counts(write):
    path = write("fee_in_trigger = false", "fee_in_trigger = true")
    path.write_text(path.read_text().replace('"5bps"', "0.01"))
    with pytest.raises(InvalidConfigError, match=r"brackets\[0\].maintenance_rate: 0.01 and the fee in the trigger"):
        load_venue(path)


def test_bad_file__stand_in_by_contracts_needs_a_price(write):
    start = OWN.index("brackets = [")
    text = OWN[:start] + 'stand_in = "binance"\n'
    text = text.replace('"mark_notional"', '"contracts"').replace('"cumulative"', '"whole"')
    with pytest.raises(InvalidConfigError, match="needs stand_in_price_usd beside it"):
        load_venue(write(text=text))


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "there is no such file"), (b"", "is empty"), (b"# nothing\n", "is empty"), (b"\xff\xfe\x00", "no text")],
)
def test_bad_file__absent_empty_or_binary(tmp_path, content, words):
    path = tmp_path / "own.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidConfigError, match=words):
        load_venue(path)
    with pytest.raises(InvalidConfigError, match="cannot be read"):
        load_venue(tmp_path)


def test_unknown_venue__is_refused_with_the_nearest_name():
    with pytest.raises(UnknownVenueError, match=r"did you mean 'bybit'\?"):
        load_venue("bybitt")


def test_reader__does_not_import_numba():
    code = "import sys, cascade.venues as v; v.load_venue('okx'); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
