"""The rules of venues in words: on the command line, for every venue that ships, and for a user's own."""

import re
import sys

import pytest
from own_venues import VENUE_FILE, write_venue

from cascade import cli
from cascade.venues import FOLDER, list_venues, load_venue
from cascade.venues.words import COLUMNS, describe, overview

pytestmark = pytest.mark.small
COINS = "BTC ETH XRP SOL DOGE BNB"


@pytest.fixture
def shown(monkeypatch, capsys):
    """Return a function that runs `cascade venues ...` and returns status, output, errors."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["cascade", "venues", *arguments])
        monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return run


def test_venues__lists_all_in_a_table_of_one_line_each(shown):
    status, out, _ = shown()
    header, *rows = out.splitlines()
    assert (status, tuple(header.split())) == (0, COLUMNS)
    assert [row.split()[0] for row in rows] == list_venues()
    assert all(row.endswith(COINS) for row in rows)
    hyperliquid = next(row for row in rows if row.startswith("hyperliquid"))
    assert re.split(r" {2,}", hyperliquid)[1:5] == [
        *("linear", "20 % at a time, at market", "equity below 0, at mark", "400 m USD")
    ]


@pytest.mark.parametrize(
    ("venue", "words"),
    [
        (
            "binance",
            [
                "the whole position",
                "limited at the bankruptcy price",
                "1.5 % (BTC 1.25 %), at most what is left, goes to the insurance pool",
                "the rest goes to the account",
            ],
        ),
        (
            "bybit",
            [
                "at most what is left, goes to the venue",
                "down to the next bracket below",
                "fallen by 30 % from its maximum over 8 h",
                "less than 25 %",
            ],
        ),
        ("okx", ["the bracket 2 below", "closed at the mark", "The fee of closing, 0.05 %, is added in the trigger"]),
        ("deribit", ["as brings equity back", "a market order", "what it lacks is socialised", "Never."]),
        (
            "hyperliquid",
            ["20 % of a position above 100,000 USD", "within 30 s", "Below 66.67 % of that margin", "Every 1 h"],
        ),
        (
            "bitmex",
            ["sized in USD, settled in the coin", "When the pool cannot pay", "up to 200 BTC", "No clearance fee"],
        ),
        ("drift", ["10 % of a position above 1,000 USD", "SOL 20 %"]),
        ("dydx", ["owes more than it has", "One bracket: rate 1.2 %, 50x"]),
        ("spot", ["no contract, no leverage", "ticks of 0.00001 USD"]),
    ],
)
def test_venue__is_shown_in_words_with_its_sources(shown, venue, words):
    status, out, _ = shown("show", venue)
    text = " ".join(out.split())
    assert status == 0
    for expected in words:
        assert expected in text
    for coin in load_venue(venue).coins.values():
        assert coin.source in text


def test_own_venue__is_shown_from_its_file(shown, tmp_path):
    status, out, _ = shown("show", str(write_venue(tmp_path, VENUE_FILE)))
    assert status == 0
    assert "A venue of one's own" in out and "[a pool]" in out and "[not stated]" in out


def test_unknown_venue__is_refused_in_one_line(shown, tmp_path):
    assert shown("show", "bybitt")[::2] == (
        *(2, "cascade: there is no venue 'bybitt'; did you mean 'bybit'? (a file of your own is given as PATH.toml)\n"),
    )
    status, out, err = shown("show", str(write_venue(tmp_path, VENUE_FILE, "fall = 0.3", "fall = 0.1")))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "own.toml: line 32, deleveraging.stop: must not be above fall 0.1" in err
    status, out, err = shown("show", str(write_venue(tmp_path, f"a = {5000 * '['}")))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "own.toml: line 1, stands in more than 16 brackets or keys" in err


@pytest.mark.parametrize("name", list_venues())
def test_words__of_every_venue_are_sentences_with_a_source(name):
    rules = describe(load_venue(name))
    for rule in rules:
        assert rule.words[0].isupper() or rule.words.startswith("spot")
        assert rule.words.endswith(".")
        assert "None" not in rule.words and "{" not in rule.words
        assert rule.heading == "contract" or rule.source not in ("", "not stated")
    assert len({rule.heading for rule in rules}) == len(rules)


def test_overview__says_what_is_missing(tmp_path):
    text = VENUE_FILE[: VENUE_FILE.index("[deleveraging]")] + VENUE_FILE[VENUE_FILE.index("[funding]") :]
    (row,) = overview([load_venue(write_venue(tmp_path, text))])
    assert row[3] == "never"
    rules = {rule.heading: rule.words for rule in describe(load_venue(write_venue(tmp_path, text)))}
    assert rules["insurance pool"].endswith("; what it lacks is socialised.")


def test_words__where_shortages_are_socialised_only_the_fall_of_the_pool_deleverages(tmp_path):
    by_shortage = {}
    for shortage in ("deleverage", "socialise"):
        path = write_venue(tmp_path, VENUE_FILE, "pool_usd = 1e6", f'pool_usd = 1e6\nshortage = "{shortage}"')
        by_shortage[shortage] = {rule.heading: rule.words for rule in describe(load_venue(path))}
    assert "until by less than 25 %, or cannot pay, winners" in by_shortage["deleverage"]["deleveraging"]
    assert "until by less than 25 %, winners" in by_shortage["socialise"]["deleveraging"]
    words = by_shortage["socialise"]["insurance pool"]
    assert words.endswith("; what it lacks where winners are not deleveraged is socialised.")


@pytest.mark.parametrize("name", list_venues())
def test_described_rules__name_as_assumed_what_the_file_marks_so(name):
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    described = {heading: source for heading, _, source in describe(load_venue(name))}
    headings = {"mark": "mark price", "insurance": "insurance pool", "cross": "collateral in coin"}
    for table, body in re.findall(r"^\[([\w.]+)\]\n(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL):
        comments = " ".join(re.findall(r"#(.*)", body))
        if table != "fees" and "[assumed]" in comments:
            source = described[headings.get(table, table.removeprefix("coins."))]
            assert "[assumed]" in source, table


@pytest.mark.parametrize("name", list_venues())
def test_show__parts_no_number_from_its_unit_and_no_word_at_its_hyphen(shown, name):
    _, out, _ = shown("show", name)
    assert [line for line in out.splitlines() if line.endswith("-") or re.match(r" *%", line)] == []
    assert max(map(len, out.splitlines())) <= 100
