"""Every public function of `cascade.margins`, each argument in turn: bad input ends in one line of a known error."""

from fractions import Fraction

import numpy as np
import pytest

from cascade import margins
from cascade.errors import InvalidPositionError, UnknownCoinError, UnknownVenueError
from cascade.margins import drift, lending
from cascade.venues import load_venue

pytestmark = pytest.mark.small
POSITION = {
    **{"venue": "bybit", "coin": ["BTC", "ETH"], "side": [1, -1]},
    **{"entry_price": [70_000.0, 2_000.0], "size": [1.0, 10.0]},
}
MARK = {"mark_price": [70_500.0, 1_990.0]}
LEVERAGE = {"leverage": [5.0, 10.0]}
COLLATERAL = {"collateral": [7e3, 2e3]}
ACCOUNT = POSITION | MARK | {"venue": "binance", "wallet": [8e3, 9e3], "held": {"BTC": [0.1, 0.2]}}
AT_PRICE = {"venue": "okx", "coin": ["BTC", "ETH"], "price": [7e4, 2e3]}
FALL = {"venue": "bybit", "fall": [0.1, 0.4], "pool": [1.0, 2.0]}
FILL = {"bankruptcy_price": [7e4, 2e3], "fill_price": [7.1e4, 1.9e3]}
POOL = {"pool": [7.0, 8.0], "peak": [9.0, 10.0], "pool_peak": [10.0, 11.0]}
PAIR = {"health_factor": [0.9, 0.99], "collateral_usd": [1e4, 2e4], "debt_usd": [1e4, 2e4]}
LOAN = {
    **{"debt_usd": [90.0, 80.0], "collateral": [[1.0, 2.0]] * 2},
    **{"price_usd": [50.0, 20.0], "liquidation_factor": [0.9, 0.95]},
}
QUOTE = {
    **{"base_amount": [10.0, 20.0], "price": [100.0, 200.0], "store_front_price_factor": [0.5, 0.6]},
    **{"liquidation_factor": [0.9, 0.95], "base_price": [1.0, 1.0]},
}
SIZED = {"venue": "bybit", "coin": ["BTC", "ETH"], "size": [1.0, 10.0], "price": [7e4, 2e3]}
CALLS = [
    (margins.liquidation_price, POSITION | LEVERAGE),
    (margins.liquidation_price, POSITION | COLLATERAL),
    (margins.bankruptcy_price, POSITION | COLLATERAL | {"closing_fee": [0.0, 0.001]}),
    (margins.maintenance_margin, SIZED | {"entry_price": [7e4, 2e3]}),
    (margins.initial_margin, SIZED | LEVERAGE),
    (margins.max_leverage, AT_PRICE | {"notional": [1e5, 1e6]}),
    (margins.max_leverage, AT_PRICE | COLLATERAL),
    (margins.max_notional, AT_PRICE | LEVERAGE),
    (margins.collateral_value, {"venue": "okx", "held": {"BTC": [1.0, 2.0]}, "index_price": {"BTC": [7e4, 6e4]}}),
    (margins.account_state, ACCOUNT),
    (margins.cross_liquidation_price, ACCOUNT),
    (margins.cross_bankruptcy_price, ACCOUNT | {"closing_fee": [0.0, 0.001]}),
    (margins.clearance_fee, SIZED | {"left": [100.0, 50.0]}),
    (margins.pool_flow, {name: POSITION[name] for name in ("venue", "coin", "side", "size")} | FILL),
    (margins.deleveraging_score, POSITION | MARK | COLLATERAL),
    (margins.deleveraging_ranking, POSITION | MARK | COLLATERAL),
    (margins.pool_fall, POOL),
    (margins.is_deleveraging, FALL | {"was_deleveraging": [True, False]}),
    (margins.is_deleveraging, {"venue": "dydx", "fall": 0.0, "pool": 0.0, "equity": -1.0}),
    (margins.loss_beyond_fall, {"venue": "bybit", "fall": [0.1, 0.4], "pool_peak": [1.0, 2.0]}),
    (lending.aave_close_factor, PAIR),
    (lending.comet_is_liquidatable, LOAN),
    (lending.comet_quote_collateral, QUOTE),
]
OPTIONAL = {"equity", "held", "left", "pool_peak"}  # None is none given
MAY_BE_NONE = {("maintenance_margin", "entry_price"), ("initial_margin", "leverage")}
NOT_READ = {("is_deleveraging", "dydx"): {"fall"}}  # where the venue does not go by it
ALONE = {("is_deleveraging", "dydx"): {"equity", "pool"}}  # numbers that meet no other
MAY_BE_INF = {"health_factor"}  # of a loan without debt
MASKED = np.ma.array([1.0, 2.0], mask=[False, True])
BAD = {
    "shape": np.ones(3),
    "complex": 1.0 + 2.0j,
    "complex_array": np.array([1.0, 1.0j]),
    "complex_object": np.array([1.0, np.complex64(1.0j)], dtype=object),
    "datetime": np.datetime64("2026-02-06"),
    "datetimes": np.array([1, 1], "datetime64[ns]"),
    "datetime_object": [np.datetime64(1, "ns"), None],
    "timedelta": np.array([1, 1], "timedelta64[s]"),
    "masked": MASKED,
    "masked_alone": np.ma.masked,
    "masked_in_list": [1.0, np.ma.masked],
    "masked_in_rows": [[1.0, 1.0], MASKED],
    "masked_object": np.array([1.0, np.ma.masked], dtype=object),
    "huge": 10**400,
    "huge_in_list": [1, 10**400],
    "unprintable": 10**5000,
    "huge_fraction": Fraction(10**400),
    "ragged": [[1.0], [1.0, 2.0]],
    "ragged_object": np.array([[1.0], [1.0, 2.0]], dtype=object),
    "rows_in_object": np.array([np.arange(9.0), None], dtype=object),
    "text": "many",
    "number_as_text": "5",
    "texts": ["1", "2"],
    "bytes": b"1",
    "none": None,
    "none_in_list": [1.0, None],
    "nan": np.nan,
    "nan_in_list": [1.0, np.nan],
    "inf": np.inf,
    "mapping": {"BTC": None},
    "set": {1.0},
    "object": object(),
    "structured": np.zeros(2, [("a", float)]),
    "wide": np.array([[1.0j] * 50] * 50),  # whose repr has many lines
}
ONLY_THESE = (InvalidPositionError, UnknownVenueError, UnknownCoinError)


def is_bad(function, given, name, kind):
    """Whether this kind of input is bad for this argument."""
    key = (function.__name__, given.get("venue"))
    if name in NOT_READ.get(key, ()) or (kind == "shape" and name in {"venue", *ALONE.get(key, ())}):
        return False
    if kind == "none" and (name in OPTIONAL or (function.__name__, name) in MAY_BE_NONE):
        return False
    return not (kind == "inf" and name in MAY_BE_INF)


CASES = [
    pytest.param(function, given, name, kind, id=f"{function.__name__}-{i}-{name}-{kind}")
    for i, (function, given) in enumerate(CALLS)
    for name in given
    for kind in BAD
    if is_bad(function, given, name, kind)
]


@pytest.mark.parametrize(("function", "given"), CALLS)
def test_call__is_good_as_it_stands(function, given):
    found = function(**given)
    for part in found if isinstance(found, tuple) else (found,):
        assert np.size(part) > 0 and not np.isnan(np.asarray(part, float)).any()


@pytest.mark.parametrize(("function", "given", "name", "kind"), CASES)
def test_bad_input__is_refused_in_one_line_of_a_documented_error(function, given, name, kind):
    inside = isinstance(given[name], dict) and kind != "mapping"
    with pytest.raises(ONLY_THESE) as refusal:
        function(**given | {name: {"BTC": BAD[kind]} if inside else BAD[kind]})
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_every_public_function__is_swept():
    functions = {name for name in margins.__all__ if callable(getattr(margins, name)) and name[0].islower()}
    assert functions <= {function.__name__ for function, _ in CALLS}


# ── what stays good ──────────────────────────────────────────────────────────────────────────────────────────
def test_masked_array__without_masked_entries_is_an_array():
    at = ("binance", "BTC", "long", np.ma.array([7e4, 6e4]), 1)
    assert margins.liquidation_price(*at, leverage=10).shape == (2,)


def test_exact_numbers__are_numbers():
    assert margins.pool_fall(Fraction(7), np.array([Fraction(10)], dtype=object)).tolist() == pytest.approx([0.3])


def test_venues__may_be_given_as_such_in_a_list():
    venues = [load_venue("binance"), load_venue("okx"), load_venue("binance")]
    by_name = margins.liquidation_price(["binance", "okx", "binance"], "BTC", "long", 7e4, 1, leverage=10)
    assert margins.liquidation_price(venues, "BTC", "long", 7e4, 1, leverage=10).tolist() == by_name.tolist()


def test_coins_held__broadcast_over_accounts_with_one_wallet():
    at = ("binance", ["BTC"], 1, 70_000, 1, 70_000)
    for function in (margins.cross_liquidation_price, margins.cross_bankruptcy_price):
        each = [function(*at, wallet=10, held={"BTC": held}).tolist() for held in (0.1, 0.2, 0.3)]
        assert function(*at, wallet=10, held={"BTC": [0.1, 0.2, 0.3]}).tolist() == each


def test_nothing__is_taken_as_no_positions():
    assert margins.pool_flow([], "BTC", 1, 1, 5, 6).pool.shape == (0,)


def test_ranking__refuses_positions_along_two_axes():
    with pytest.raises(InvalidPositionError, match=r"must lie along one axis, got shape \(1, 2\); rank each row alone"):
        margins.deleveraging_ranking("binance", "BTC", 1, [[6e4, 5e4]], 1, 7e4, 1e3)


def test_socialised_funding__among_nobody_is_refused():
    with pytest.raises(InvalidPositionError, match="no open contracts"):
        drift.socialised_funding(1_000_000, 0, 0)
