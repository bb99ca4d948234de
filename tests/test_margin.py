"""Margin rules: worked examples with their sources, the trigger against its price, and refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_venues import ask, one_bracket, own_venue, tables_of

import cascade.margins as margins
from cascade.errors import InvalidPositionError, UnknownCoinError, UnknownVenueError
from cascade.kernels import margin as rules
from cascade.state import BRACKETS
from cascade.venues import load_venue, margin_tables

pytestmark = pytest.mark.small
VENUES, COINS = ("binance", "okx", "bybit", "other"), ("BTC", "ETH", "XRP", "SOL", "DOGE", "BNB")
PRICE = {"BTC": 72_074.66, "ETH": 2_140.0, "XRP": 1.5, "SOL": 93.0, "DOGE": 0.105, "BNB": 700.0}

# A jump of the whole position's rate at 100 and at 1,000 USD, by notional at the mark: no venue here has it.
JUMPING = own_venue([(0, 100, 0.01, 50), (100, 1000, 0.05, 10), (1000, 10_000, 0.2, 4)], deduction="whole", fee=0.0005)
TABLES = {(name, coin): tables_of(name, coin) for name in VENUES for coin in COINS}
TABLES["jumping", "BTC"] = margin_tables([JUMPING], ["BTC"])

# Profit of the ETH position of the Binance example, less its maintenance margin, USD.
ETH_LEAVES = 3683.979 * (1335.18 - 1456.84) - (3683.979 * 1335.18 * 0.1 - 135_365.0)

WORKED = [  # rate, amount, basis, fee, side, size, entry, collateral, liquidation price, tolerance; sources:
    # Binance GET /fapi/v2/positionRisk, example of its documentation (nautilus_trader@a95c804, hedge-mode payload)
    (0.005, 50, "mark", 0, 1, 20.0, 6563.665, 13200.7072691, 5930.78, 0.005),
    # Binance positionRisk of a real account, March 2024: DOGEUSDT
    (0.005, 0, "mark", 0, -1, 32.0, 0.16395, 0.88304001, 0.19059204, 1e-7),
    # Binance help centre, "How to Calculate Liquidation Price of USD-M Futures Contracts": what ETH leaves to BTC
    (0.025, 16300, "mark", 0, 1, 109.488, 32481.98, 1_535_443.01 + ETH_LEAVES, 26316.89, 0.005),
    # OKX API, GET /api/v5/tradingBot/signal/positions, example: equity (from mgnRatio) at the mark
    (
        0.008,
        0,
        "mark",
        0.0005,
        1,
        0.15,
        1584.33,
        11.719278420807477 * 0.0085 * 0.15 * 1584.33,
        1438.7380360728976,
        1e-6,
    ),
    # Bybit V5 payload, May 2025: DGBUSDT short 1x, price in ticks of 1e-6
    (0.02, 0, "entry", 0, -1, 2000.0, 0.008866, 17.732, 0.017554, 1e-6),
    # freqtrade tests/exchange/test_exchange.py, test_get_liquidation_price (c9ae5e1): Binance, Gate, Bybit
    (0.01, 0.01, "mark", 0, -1, 1.0, 10.0, 2.0, 11.89108910891089, 1e-9),
    (0.01, 0, "mark", 0.0006, -1, 1.0, 10.0, 2.0, 11.87413417771621, 1e-9),
    (0.01, 0, "entry", 0, 1, 1.0, 10.0, 10.0, 0.1, 1e-9),
    # Hyperliquid, real isolated positions with the price that it reported: BTC long 1x, SOL short 5x
    (0.01, 0, "mark", 0, 1, 0.00039, 63287.0, 24.673292, 22.37166537, 22.4e-4),
    (0.025, 0, "mark", 0, -1, 0.48, 163.11, 15.650731, 190.94213618, 190.9e-4),
    # Phemex help centre, "liq price for USDT-M"
    (0.01, 0, "mark", 0.0006, 1, 500.0, 0.4, 40.096, 0.3232, 5e-5),
]


@pytest.mark.parametrize("case", WORKED)
def test_liquidation_price__agrees_with_worked_examples(case):
    rate, amount, basis, fee, side, size, entry, collateral, expected, tolerance = case
    table = one_bracket(rate, amount, basis, fee)
    at = {"side": side, "size_base": size, "entry_usd": entry, "collateral_usd": collateral}
    assert ask(table, rules.LIQUIDATION_PRICE, **at) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("venue", "coin", "size", "price", "expected"),
    [  # by hand from the tables: notional * rate - amount, or one rate for the whole
        ("binance", "BTC", 1.0, 70_000, 280.0),
        ("binance", "BTC", 10.0, 70_000, 700_000 * 0.005 - 300),
        ("binance", "BTC", 1_000.0, 70_000, 70_000_000 * 0.02 - 132_000),
        ("okx", "BTC", 10.0, 70_000, 700_000 * 0.004),  # 1,000 contracts: still the first bracket
        ("okx", "BTC", 10.01, 70_000, 700_700 * 0.005),
        ("bybit", "BTC", 40.0, 70_000, 2_800_000 * 0.0063 - 3_020),
        ("bybit", "SOL", 1_000.0, 100, 100_000 * 0.0065 - 75),  # Binance's bracket stands in
    ],
)
def test_maintenance_margin__is_that_of_the_tables(venue, coin, size, price, expected):
    assert margins.maintenance_margin(venue, coin, size, price) == pytest.approx(expected, rel=1e-12)


def test_maintenance_margin__goes_by_entry_where_the_venue_does():
    assert margins.maintenance_margin("bybit", "BTC", 1, 50_000, entry_price=70_000) == pytest.approx(350)
    assert margins.maintenance_margin("binance", "BTC", 1, 50_000, entry_price=70_000) == pytest.approx(200)


@st.composite
def positions(draw):
    """A market, and a position that its bracket allows: any bracket, any collateral from the least to 1x."""
    key = draw(st.sampled_from(sorted(TABLES)))
    table, entry = TABLES[key], PRICE[key[1]] * draw(st.floats(0.3, 3))
    k = draw(st.integers(0, int(table.n_brackets[0]) - 1))
    low, high = table.floor[k], table.floor[k + 1]
    measure = draw(st.floats(max(low, high * 1e-6) * (1 + 1e-9), high))
    size = measure if table.bracket_unit[0] == 2 else measure / entry
    share = draw(st.floats(0, 1))
    collateral = size * entry * table.initial_rate[k] ** share
    return table, draw(st.sampled_from([1, -1])), size, entry, collateral


@settings(max_examples=400, deadline=None)
@given(positions())
def test_trigger__holds_just_past_the_liquidation_price_and_not_just_before(position):
    table, side, size, entry, collateral = position
    at = {"side": side, "size_base": size, "entry_usd": entry, "collateral_usd": collateral}
    price = ask(table, rules.LIQUIDATION_PRICE, **at)
    if price == 0.0:
        assert side == 1
        assert not ask(table, rules.IS_UNDERWATER, mark_usd=0.0, **at)
        return
    assert side * (entry - price) > 0
    step = 1e-9 * max(price, entry)
    if price > step:
        assert ask(table, rules.IS_UNDERWATER, mark_usd=price - side * step, **at)
    assert not ask(table, rules.IS_UNDERWATER, mark_usd=price + side * step, **at)
    between = np.linspace(price + side * step, entry, 20)  # the first crossing on the way, not a later one
    assert not any(ask(table, rules.IS_UNDERWATER, mark_usd=mark, **at) for mark in between)


@settings(max_examples=200, deadline=None)
@given(positions())
def test_liquidation_price__comes_before_bankruptcy(position):
    table, side, size, entry, collateral = position
    at = {"side": side, "size_base": size, "entry_usd": entry, "collateral_usd": collateral}
    liquidation, bankruptcy = (ask(table, q, **at) for q in (rules.LIQUIDATION_PRICE, rules.BANKRUPTCY_PRICE))
    assert side * (liquidation - bankruptcy) >= -1e-9 * entry
    left = rules.equity_usd(side, size, entry, collateral, bankruptcy)
    assert left == pytest.approx(max(0.0, collateral - size * entry) if side == 1 else 0.0, abs=1e-6 * collateral)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("coin", COINS)
def test_trigger__agrees_with_the_price_in_every_bracket(venue, coin):
    table = TABLES[venue, coin]
    for k in range(int(table.n_brackets[0])):
        measure = table.floor[k] + 0.9 * (table.floor[k + 1] - table.floor[k])
        size = measure if table.bracket_unit[0] == 2 else measure / PRICE[coin]
        for side in (1, -1):
            collateral = size * PRICE[coin] * table.initial_rate[k]
            at = {"side": side, "size_base": size, "entry_usd": PRICE[coin], "collateral_usd": collateral}
            price = ask(table, rules.LIQUIDATION_PRICE, **at)
            assert not ask(table, rules.IS_UNDERWATER, mark_usd=price + side * 1e-9 * PRICE[coin], **at)
            if price > 0:
                assert ask(table, rules.IS_UNDERWATER, mark_usd=price - side * 1e-9 * PRICE[coin], **at)


def test_liquidation_price__lies_on_the_edge_where_the_next_bracket_asks_for_more_than_is_left():
    """Short 1 at 90 with 14: at 100 the rate jumps from 1% to 5%, and 14 - 10 = 4 is less than 5% of 100."""
    assert margins.liquidation_price(JUMPING, "BTC", "short", 90, 1, collateral=14) == 100.0


def test_liquidation_price__uses_the_bracket_of_that_price_and_not_of_the_entry():
    """Long 5 BTC at 70,000 with 3x: 350,000 at entry, in bracket 2; at the price, 234,000, in bracket 1."""
    expected = (70_000 - 70_000 / 3) / (1 - 0.004)
    assert margins.liquidation_price("binance", "BTC", "long", 70_000, 5, leverage=3) == pytest.approx(expected)


@pytest.mark.parametrize("venue", ["binance", "okx", "other"])
def test_liquidation_price__is_0_for_a_long_at_1x(venue):
    assert margins.liquidation_price(venue, "BTC", "long", 70_000, 1, leverage=1) == 0.0
    assert margins.bankruptcy_price(venue, "BTC", "long", 70_000, 1, leverage=1) == 0.0


@pytest.mark.parametrize("venue", ["binance", "bybit", "other"])
@pytest.mark.parametrize("coin", COINS)
def test_maintenance_margin__is_continuous_where_amounts_are_cumulative(venue, coin):
    brackets = load_venue(venue).coins[coin].brackets
    edges = np.array([row.floor for row in brackets[1:]])
    below, above = (margins.maintenance_margin(venue, coin, edges * (1 + e), 1.0) for e in (0.0, 1e-12))
    np.testing.assert_allclose(above, below, rtol=1e-9)


def test_max_leverage__is_that_of_the_bracket_and_0_above_the_last():
    at = [300_000, 300_001, 1.8e9, 1.81e9]
    assert margins.max_leverage("binance", "BTC", at).tolist() == pytest.approx([150, 100, 1, 0])
    assert margins.max_leverage("okx", "BTC", [700_000, 700_001], price=70_000).tolist() == pytest.approx([100, 66.67])
    # freqtrade test_get_max_leverage_futures: 1,500 of collateral fill a bracket of 50,000 at 33.3x
    rows = [(0, 10_000, 0.0065, 75), (10_000, 50_000, 0.01, 50), (50_000, 250_000, 0.02, 20)]
    assert margins.max_leverage(own_venue(rows), "BTC", collateral=1_500) == pytest.approx(100 / 3)


def test_max_notional__is_the_bound_of_the_last_bracket_that_allows_the_leverage():
    assert margins.max_notional("binance", "BTC", [151, 150, 120, 100, 1]).tolist() == [0, 3e5, 3e5, 8e5, 1.8e9]
    assert margins.max_notional("okx", "BTC", 100, price=70_000) == pytest.approx(700_000)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(VENUES), st.sampled_from(COINS), st.floats(0.01, 1e5), st.floats(1, 150))
def test_max_notional__can_be_opened_at_its_leverage_and_no_more(venue, coin, price, leverage):
    notional = margins.max_notional(venue, coin, leverage, price=price)
    if notional:
        size = notional / price
        assert margins.initial_margin(venue, coin, size, price, leverage=leverage) == pytest.approx(notional / leverage)
        assert margins.max_leverage(venue, coin, notional * 1.0001, price=price) < leverage


def test_initial_margin__is_at_the_highest_leverage_unless_one_is_given():
    assert margins.initial_margin("binance", "BTC", 1, 75_000) == pytest.approx(500)
    assert margins.initial_margin("binance", "BTC", 1, 75_000, leverage=10) == pytest.approx(7_500)
    assert margins.initial_margin("binance", "BTC", 1e6, 75_000) == np.inf


def test_faces__take_arrays_and_give_what_they_give_for_each():
    venue, coin = ["binance", "okx", "bybit"], ["BTC", "ETH", "SOL"]
    entry, size, leverage, side = [70_000, 2_000, 90], [1.0, 2.0, 3.0], [10, 20, 50], ["long", -1, 1]
    together = margins.liquidation_price(venue, coin, side, entry, size, leverage=leverage)
    each = [
        margins.liquidation_price(*one[:5], leverage=one[5])
        for one in zip(venue, coin, side, entry, size, leverage, strict=True)
    ]
    assert together.tolist() == each
    grid = margins.liquidation_price("binance", "BTC", [[1], [-1]], 70_000, np.array([1, 10, 100]), collateral=1e6)
    assert grid.shape == (2, 3)
    assert isinstance(margins.bankruptcy_price("binance", "BTC", 1, 7, 1, leverage=2), float)
    assert margins.maintenance_margin("binance", "BTC", [], 7).shape == (0,)


BAD_NUMBERS = [float("nan"), float("inf"), -1.0, 0.0, [1.0, -2.0], "much", None]


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("name", ["entry_price", "size", "leverage"])
@pytest.mark.parametrize("function", [margins.liquidation_price, margins.bankruptcy_price])
def test_faces__refuse_numbers_that_are_not_positive(function, name, bad):
    given = {"entry_price": 70_000.0, "size": 1.0, "leverage": 5.0, name: bad}
    with pytest.raises(InvalidPositionError) as refusal:
        function("binance", "BTC", 1, **given)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"leverage": 151}, InvalidPositionError, "above 150, the highest that the venue allows"),
        ({"size": 100, "leverage": [10, 100]}, InvalidPositionError, "leverage 100 at index 1 is above 50"),
        ({"size": 1e6}, InvalidPositionError, "too large for the venue"),
        ({"side": "up"}, InvalidPositionError, "'long'"),
        ({"side": 0}, InvalidPositionError, "got 0"),
        ({"collateral": 5.0}, InvalidPositionError, "exactly one of leverage and collateral"),
        ({"leverage": None}, InvalidPositionError, "exactly one of leverage and collateral"),
        ({"leverage": None, "collateral": -5.0}, InvalidPositionError, "collateral must be positive"),
        ({"size": [1, 2], "entry_price": [1, 2, 3]}, InvalidPositionError, "shapes do not fit"),
        ({"size": [1, 2], "leverage": [1, 2, 3]}, InvalidPositionError, "shapes do not fit"),
        ({"venue": "binanse"}, UnknownVenueError, "did you mean 'binance'?"),
        ({"venue": "spot"}, InvalidPositionError, "no leverage"),
        ({"coin": "BTCC"}, UnknownCoinError, "did you mean 'BTC'?"),
        ({"coin": "btc"}, UnknownCoinError, "did you mean 'BTC'?"),
    ],
)
def test_faces__refuse_in_one_line_what_cannot_be(change, error, words):
    given = {"venue": "binance", "coin": "BTC", "side": 1, "entry_price": 70_000, "size": 1, "leverage": 5} | change
    with pytest.raises(error) as refusal:
        margins.liquidation_price(**given)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_max_leverage__asks_for_the_price_where_brackets_measure_contracts():
    with pytest.raises(InvalidPositionError, match="give price"):
        margins.max_leverage("okx", "BTC", 1e6)
    with pytest.raises(InvalidPositionError, match="exactly one of notional and collateral"):
        margins.max_leverage("binance", "BTC")


def test_tables__are_laid_out_by_coin_then_venue_and_leave_spot_without_brackets():
    venues = [load_venue(name) for name in ("binance", "okx", "spot")]
    table = margin_tables(venues, ["BTC", "SOL"])
    assert table.n_brackets.tolist() == [12, 99, 0, 10, 10, 0]
    assert len(table.floor) == 6 * BRACKETS
    assert table.floor[BRACKETS + 1] == 10.0  # OKX, BTC: 1,000 contracts of 0.01 BTC
    assert table.floor[12] == 1.8e9  # behind the last bracket of Binance: the largest position
    assert table.trigger_fee.tolist() == [0, 0.0005, 0, 0, 0.0005, 0]
    assert table.clearance_fee.tolist() == [0.0125, 0.0005, 0, 0.015, 0.0005, 0]
