"""Fractions and durations as people write them."""

import pytest

from cascade.errors import did_you_mean
from cascade.units import parse_fraction, parse_seconds

pytestmark = pytest.mark.small


@pytest.mark.parametrize(
    ("text", "fraction"),
    [("-12.81%", -0.1281), ("5bps", 0.0005), ("1 bp", 0.0001), ("0.004", 0.004), ("+1e-3", 0.001), (0.25, 0.25)],
)
def test_parse_fraction__reads_percents_and_basis_points(text, fraction):
    assert parse_fraction(text) == pytest.approx(fraction, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10ms", 0.01), ("1.5h", 5400), ("2 d", 172_800), ("5min", 300), ("30", 30), (7, 7)]
)
def test_parse_seconds__reads_durations(text, seconds):
    assert parse_seconds(text) == pytest.approx(seconds, rel=1e-15)


@pytest.mark.parametrize("text", ["", "%", "five", "5 parsecs", "1..2", "5%%", "nan"])
def test_parse__refuses_what_it_cannot_read_and_shows_how_to_write_it(text):
    for parse in (parse_fraction, parse_seconds):
        with pytest.raises(ValueError, match="write it like"):
            parse(text)


def test_did_you_mean__names_the_nearest_or_all():
    assert did_you_mean("binanse", ["binance", "okx"]) == "; did you mean 'binance'?"
    assert did_you_mean("btc", ["BTC", "ETH"]) == "; did you mean 'BTC'?"
    assert did_you_mean("zzz", ["okx", "binance"]) == "; known: binance, okx"
