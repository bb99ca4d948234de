import tomllib
from math import nan
from pathlib import Path

import pytest

import cascade.facts
from cascade.errors import InvalidConfigError, UnknownEventError
from cascade.facts import Figure, Tolerance, known_events, load_event
from cascade.figures import FIGURES

pytestmark = pytest.mark.small

SHIPPED = Path(cascade.facts.__file__).parent / "2026-02-06.toml"


@pytest.fixture(scope="module")
def event():
    return load_event("2026-02-06")


# ── what ships ──────────────────────────────────────────────────────────────────────────────────────────────
def test_event__begins_at_midnight_utc_and_knows_its_coins(event):
    assert event.start_ns == 1_770_336_000 * 10**9
    assert event.coins == ("BTC", "ETH", "XRP", "SOL", "DOGE", "BNB")
    assert event.open_usd("BTC") == 72074.66
    assert event.open_usd("ETH") == 2140.0


def test_event__repeats_the_figures_of_the_source(event, shared):
    source = tomllib.loads((shared / "facts" / "2026-02-06.toml").read_text())
    value = {name: figure.value for name, figure in event.figures().items()}
    btc, others, liquidations = source["price"]["BTC"], source["price"]["others"], source["liquidations"]
    assert value["btc_drop"] == btc["intraday_drop"]["value"]
    assert value["btc_low_usd"] == btc["low_usd"]["value"]
    assert value["btc_close_usd"] == btc["close_usd"]["value"]
    assert event.path.open_usd == btc["open_usd"]["value"]
    assert event.path.volatility_within == btc["vol_30d_annualised"]["after"]
    assert event.path.volatility_before == btc["vol_30d_annualised"]["start_of_year"]
    assert event.path.before[0].usd == btc["before"][0]["usd"]
    assert value["eth_drop"] == tuple(others["ETH"]["value"])
    for coin in ("XRP", "SOL", "DOGE", "BNB"):
        assert value[f"{coin.lower()}_drop"] == others[coin]["value"]
    assert value["liquidated_usd"] == liquidations["total_usd"]["value"]
    assert value["liquidated_accounts"] == liquidations["accounts"]["value"]
    assert value["long_share"] == liquidations["long_share"]["value"]
    assert event.event.peak_window_utc == tuple(liquidations["peak_window_utc"])
    by_leverage = liquidations["by_leverage"]
    assert value["share_lt_10x"] == by_leverage["<10x"]["value"]
    assert value["share_10_20x"] == by_leverage["10-20x"]
    assert value["share_20_50x"] == by_leverage["20-50x"]
    assert value["share_gt_50x"] == by_leverage[">50x"]
    for venue, usd in liquidations["by_venue_usd"].items():
        usd = usd["value"] if isinstance(usd, dict) else usd
        share = usd / liquidations["total_usd"]["value"]
        assert value[f"share_{venue.lower()}"] == pytest.approx(share, abs=5e-4)
    for section in ("lending", "flows", "cross_asset", "feedback_loop", "expectations"):
        assert event.context[section] == source[section]
    assert list(event.inconsistencies) == source["inconsistencies"]


def test_event__states_its_shares_whole(event):
    value = {name: figure.value for name, figure in event.figures().items()}
    leverage = ("share_lt_10x", "share_10_20x", "share_20_50x", "share_gt_50x")
    venues = ("share_binance", "share_okx", "share_bybit", "share_other")
    assert sum(value[name] for name in leverage) == pytest.approx(1)
    assert sum(value[name] for name in venues) == pytest.approx(1)
    assert 1 - value["btc_low_usd"] / event.path.open_usd == pytest.approx(value["btc_drop"], abs=1e-6)


def test_figures__are_those_that_a_replay_measures(event):
    assert tuple(event.figures()) == FIGURES


def test_figures__leave_out_what_nobody_reported(event):
    silent = {name for name, figure in event.figures().items() if figure.value is None}
    assert silent == {"peak_window_share", "amplification", "btc_drop_without_cascade"}


@pytest.mark.parametrize(
    ("name", "holds", "fails"),
    [
        ("liquidated_usd", [2.069e9, 2.03e9, 2.11e9], [2.02e9, 2.12e9, nan]),
        ("liquidated_accounts", [430_000, 422_000, 438_000], [421_000, 439_000]),
        ("long_share", [0.90, 0.97], [0.899, 0.971]),
        ("share_gt_50x", [0.1401, 0.1599], [0.139, 0.161]),
        ("share_binance", [0.387, 0.405], [0.385, 0.407]),
        ("btc_drop", [0.1257, 0.1305], [0.1255, 0.1307]),
        ("btc_low_usd", [62_660, 63_025], [62_650, 63_035]),
        ("btc_close_usd", [63_545, 64_175], [63_535, 64_185]),
        ("peak_window_is_peak", [0.9, 1.0], [0.85]),
        ("eth_drop", [0.131, 0.23], [0.13, 0.24]),
        ("xrp_drop", [0.22, 0.25], [0.219, 0.251]),
        ("sol_drop", [0.14, 0.17], [0.139, 0.171]),
        ("doge_drop", [0.14, 0.17], [0.139, 0.171]),
        ("bnb_drop", [0.12, 0.15], [0.119, 0.151]),
        ("tracking_rms", [0.0, 0.0015], [0.0016, nan]),
    ],
)
def test_median__holds_within_its_tolerance_and_not_beyond(event, name, holds, fails):
    within = {value: event.figures()[name].is_within([value] * 20) for value in [*holds, *fails]}
    assert within == dict.fromkeys(holds, True) | dict.fromkeys(fails, False)


# ── verdicts ────────────────────────────────────────────────────────────────────────────────────────────────
def test_verdict__is_true_where_nothing_was_reported():
    assert Figure().is_within([nan])


def test_verdict__holds_every_seed_to_its_own_tolerance():
    figure = Figure(value=100.0, section="1", within=Tolerance(relative=0.02), each_seed=Tolerance(relative=0.1))
    assert figure.is_within([100.0] * 19 + [109.0])
    assert not figure.is_within([100.0] * 19 + [111.0])
    assert not figure.is_within([103.0] * 20), "the median is off, though no seed is"
    assert figure.is_within([103.0]), "one seed has no median: it is held to the tolerance of seeds"
    assert not figure.is_within([111.0])


def test_verdict__is_false_without_seeds_or_with_one_that_is_nan():
    figure = Figure(value=100.0, section="1", within=Tolerance(relative=0.02))
    assert not figure.is_within([])
    assert not figure.is_within([100.0, 100.0, nan])


# ── bad input ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("2026-02-07", "did you mean '2026-02-06'?"),
        ("flash", "known: 2026-02-06"),
        ("../facts/2026-02-06", "2026-02-06"),
    ],
)
def test_load_event__names_the_known_events(name, hint):
    with pytest.raises(UnknownEventError) as caught:
        load_event(name)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load_event__reads_a_file_of_the_users(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SHIPPED.read_text().replace('name = "2026-02-06"', 'name = "mine"'))
    assert load_event(path).name == "mine"
    assert known_events() == ["2026-02-06"]


BAD_EDITS = {  # what is replaced in the file that ships, by what, and what the line must say
    "unknown figure": ("[reported.long_share]", "[reported.long_shares]", "did you mean 'long_share'?"),
    "unknown tolerance": ("within = { relative = 0.003 }", "within = { relativ = 0.003 }", "did you mean 'relative'?"),
    "unknown table": ("[event]", "[evnt]", "did you mean 'event'?"),
    "unknown path key": ("highest_rise", "higest_rise", "did you mean 'highest_rise'?"),
    "missing open": ("open_usd = 72074.66", "", "path.open_usd: is missing"),
    "negative price": ("open_usd = 72074.66", "open_usd = -72074.66", "path.open_usd: input should be greater than 0"),
    "nan price": ("open_usd = 72074.66", "open_usd = nan", "path.open_usd: input should be a finite number"),
    "fall in percent": ("fall = 0.16", "fall = 16", "path.coins.ETH.fall"),
    "date that is none": ("date = 2026-02-06", 'date = "yesterday"', "event.date"),
    "name with a slash": ('name = "2026-02-06"', 'name = "../up"', "event.name"),
    "figure without section": ('section = "1.1.1"\nwithin = { absolute', "within = { absolute", "needs its `section`"),
    "figure without tolerance": ("within = { absolute = 0.0025 }", "", "a tolerance `within`"),
    "relative to a range": ("{ low = 0.131, high = 0.23 }", "{ relative = 0.1 }", "give `low` and `high`"),
    "unordered anchors": ('time = "05:30"', 'time = "13:30"', "in order of time"),
    "no close": ('time = "24:00"', 'time = "23:00"', "must be the close"),
    "time of day": ('time = "05:30"', 'time = "5h30"', '"HH:MM"'),
    "anchor without a price": ("fall = 0.035\n", "", "either `fall` or `usd`"),
    "anchor without a source": ('source = "public: about 3.5 %"', "", "source: is missing"),
    "time with another zone": ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00+08:00", "a whole minute in UTC"),
    "time without a zone": ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00", "a whole minute in UTC"),
    "anchor on the day": ("2026-01-31T18:00:00Z", "2026-02-06T18:00:00Z", "must lie before"),
    "not TOML": ("[event]", "[event", "is no TOML"),
}


@pytest.mark.parametrize("edit", BAD_EDITS)
def test_load_event__refuses_a_bad_file_in_one_line(edit, tmp_path):
    old, new, message = BAD_EDITS[edit]
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidConfigError) as caught:
        load_event(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01", b"\x00\x01", None])
def test_load_event__refuses_what_is_no_text(content, tmp_path):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidConfigError) as caught:
        load_event(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
