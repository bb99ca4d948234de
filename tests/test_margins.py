"""Cross accounts, inverse contracts, settlement, deleveraging, and the rules of chains: laws, and examples by hand."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from own_venues import own_venue

import cascade.margins as margins
from cascade.errors import InvalidConfigError, InvalidPositionError, UnknownCoinError, UnknownVenueError
from cascade.margins import drift, dydx, lending
from cascade.venues import load_venue

pytestmark = pytest.mark.small
PRICE = {"BTC": 72_074.66, "ETH": 2_140.0, "XRP": 1.5, "SOL": 93.0, "DOGE": 0.105, "BNB": 700.0}
COINS = tuple(PRICE)
LINEAR = ("binance", "okx", "bybit", "hyperliquid", "dydx", "drift")
INVERSE = ("binance_coinm", "bybit_inverse", "bitmex", "deribit")
JUMPING = own_venue([(0, 100, 0.01, 50), (100, 1000, 0.05, 10), (1000, 10_000, 0.2, 4)], deduction="whole", fee=0.0005)
sides = st.sampled_from([1, -1])


# ── inverse contracts ────────────────────────────────────────────────────────────────────────────────────────
@st.composite
def inverse_positions(draw):
    """A position at a venue of inverse contracts that its bracket allows: side, entry, USD, coins of collateral."""
    venue, coin = draw(st.sampled_from(INVERSE)), draw(st.sampled_from(COINS))
    entry = PRICE[coin] * draw(st.floats(0.3, 3))
    size = entry * load_venue(venue).coins[coin].brackets[-1].cap * draw(st.floats(1e-6, 0.9))
    highest = margins.max_leverage(venue, coin, size / entry, price=entry)
    collateral = size / entry / (highest * draw(st.floats(0.01, 1.0)))
    return venue, coin, draw(sides), entry, size, collateral


@settings(max_examples=200, deadline=None)
@given(inverse_positions())
def test_inverse_trigger__holds_just_past_the_liquidation_price_and_not_just_before(position):
    venue, coin, side, entry, size, collateral = position
    price = margins.liquidation_price(venue, coin, side, entry, size, collateral=collateral)

    def is_breached(mark):
        return margins.account_state(venue, [coin], side, entry, size, mark, wallet=collateral).is_breached

    if price > 1e8 * entry:  # a short at 1x: at finite prices so high, the last digits decide
        assert side == -1
        assert not is_breached(entry * (1e9 if price == np.inf else 1e7))
        return
    assert is_breached(price * (1 - side * 1e-7))
    assert not is_breached(price * (1 + side * 1e-7))
    assert side * (entry - price) > 0


@settings(max_examples=200, deadline=None)
@given(inverse_positions())
def test_inverse_bankruptcy__leaves_exactly_nothing_and_comes_after_liquidation(position):
    venue, coin, side, entry, size, collateral = position
    at = (venue, coin, side, entry, size)
    ruin = margins.bankruptcy_price(*at, collateral=collateral)
    if ruin < np.inf:
        left = collateral + side * size * (1 / entry - 1 / ruin)
        assert left == pytest.approx(0.0, abs=1e-9 * size / entry)
    assert side * margins.liquidation_price(*at, collateral=collateral) >= side * ruin - 1e-9 * entry


def test_inverse_position__by_hand():
    """Long 100,000 USD at 50,000 is 2 BTC; 10x is 0.2 BTC. Bankrupt where 2 + 0.2 BTC is worth it: 45,454.55.

    Maintenance on Bybit is 0.5 % of 2 BTC, 0.01: liquidated where 0.19 is lost, 100,000 / 2.19 = 45,662.10.
    """
    at = ("bybit_inverse", "BTC", "long", 50_000, 100_000)
    assert margins.initial_margin("bybit_inverse", "BTC", 100_000, 50_000, leverage=10) == pytest.approx(0.2)
    assert margins.maintenance_margin("bybit_inverse", "BTC", 100_000, 50_000) == pytest.approx(0.01)
    assert margins.bankruptcy_price(*at, leverage=10) == pytest.approx(100_000 / 2.2)
    assert margins.liquidation_price(*at, leverage=10) == pytest.approx(100_000 / 2.19)
    assert margins.max_leverage("bybit_inverse", "BTC", 150) == pytest.approx(100)  # notional in coins


def test_inverse_short__fully_covered_in_coin_is_never_taken():
    at = ("binance_coinm", "BTC", "short", 50_000, 50_000)
    assert margins.bankruptcy_price(*at, leverage=1) == np.inf
    assert margins.liquidation_price(*at, collateral=1.1) == np.inf


def test_venues__may_be_mixed_and_each_keeps_its_own_money():
    both = margins.liquidation_price(["binance", "bybit_inverse"], "BTC", "long", 50_000, [2, 100_000], leverage=10)
    alone = [
        margins.liquidation_price("binance", "BTC", "long", 50_000, 2, leverage=10),
        margins.liquidation_price("bybit_inverse", "BTC", "long", 50_000, 100_000, leverage=10),
    ]
    assert both.tolist() == alone


def test_deribit__grows_by_steps_that_stay_near_its_formula():
    """Maintenance 1 % + 0.005 % per BTC: within half a step of the published line, everywhere."""
    brackets = load_venue("deribit").coins["BTC"].brackets
    sizes = np.linspace(1, 1_999, 500)
    rates = margins.maintenance_margin("deribit", "BTC", sizes * 50_000, 50_000) / sizes
    steps = np.array([next(row.cap - row.floor for row in brackets if size <= row.cap) for size in sizes])
    assert (np.abs(rates - (0.01 + 0.00005 * sizes)) <= 0.00005 * np.maximum(steps / 2, 10) + 1e-12).all()


# ── cross accounts ───────────────────────────────────────────────────────────────────────────────────────────
@st.composite
def accounts(draw):
    """An account of one to six positions over coins and both sides, with a wallet that may be too small."""
    venue = draw(st.sampled_from([*LINEAR, JUMPING, *INVERSE]))
    n = draw(st.integers(1, 6))
    one = isinstance(venue, type(JUMPING)) or venue in INVERSE
    coins = ["BTC"] * n if one else draw(st.lists(st.sampled_from(COINS), min_size=n, max_size=n))
    price = np.array([90.0 if venue is JUMPING else PRICE[coin] for coin in coins])
    mark = np.array([draw(st.floats(0.7, 1.4)) for _ in coins])
    marks = {coin: factor * p for coin, factor, p in zip(coins, mark, price, strict=True)}  # one mark for each coin
    entry = price * np.array([draw(st.floats(0.8, 1.25)) for _ in coins])
    worth = np.array([draw(st.floats(10, 1e7)) for _ in coins]) if venue is not JUMPING else np.full(n, 90.0)
    size = worth if venue in INVERSE else worth / price
    side = np.array([draw(sides) for _ in coins])
    wallet = worth.sum() * draw(st.floats(0.0, 0.6)) / (price[0] if venue in INVERSE else 1.0)
    return venue, coins, side, entry, size, np.array([marks[coin] for coin in coins]), wallet


@settings(max_examples=300, deadline=None)
@given(accounts(), st.data())
def test_cross_price__is_where_the_account_is_first_breached_on_the_way(account, data):
    venue, coins, side, entry, size, mark, wallet = account
    prices = margins.cross_liquidation_price(venue, coins, side, entry, size, mark, wallet)
    state = margins.account_state(venue, coins, side, entry, size, mark, wallet)
    if state.is_breached:
        np.testing.assert_allclose(prices, mark, rtol=1e-12)
        return
    k = data.draw(st.integers(0, len(coins) - 1))
    moving = np.array([coin == coins[k] for coin in coins])

    def is_breached(price):
        marks = np.where(moving, price, mark)
        return bool(margins.account_state(venue, coins, side, entry, size, marks, wallet).is_breached)

    target = prices[k] if prices[k] not in (0.0, np.inf) else mark[k] * (1e-4 if side[k] > 0 else 1e4)
    assert side[k] * (mark[k] - prices[k]) >= 0
    steps = mark[k] + np.linspace(0, 1, 40)[:-1] * (target - mark[k]) * (1 - 1e-7)
    assert not any(is_breached(price) for price in steps)
    if prices[k] not in (0.0, np.inf):
        assert is_breached(prices[k] * (1 - side[k] * 1e-7))


@settings(max_examples=200, deadline=None)
@given(accounts(), st.data())
def test_cross_bankruptcy__leaves_exactly_nothing(account, data):
    venue, coins, side, entry, size, mark, wallet = account
    prices = margins.cross_bankruptcy_price(venue, coins, side, entry, size, mark, wallet)
    k = data.draw(st.integers(0, len(coins) - 1))
    assume(prices[k] not in (0.0, np.inf))
    marks = np.where(np.array(coins) == coins[k], prices[k], mark)
    state = margins.account_state(venue, coins, side, entry, size, marks, wallet)
    worth = size / marks if venue in INVERSE else size * marks
    assert state.equity == pytest.approx(0.0, abs=1e-7 * (worth.sum() + abs(wallet)))


@pytest.mark.parametrize("venue", [*LINEAR, *INVERSE])
@pytest.mark.parametrize("side", [1, -1])
def test_cross_account_of_one_position__is_an_isolated_position(venue, side):
    size = 30_000.0 if venue in INVERSE else 0.5
    wallet = margins.initial_margin(venue, "BTC", size, 60_000, leverage=10)
    at = (side, 60_000, size)
    alone = margins.liquidation_price(venue, "BTC", *at, collateral=wallet)
    shared = margins.cross_liquidation_price(venue, ["BTC"], *at, 60_000, wallet)
    assert shared.tolist() == pytest.approx([alone], rel=1e-12)
    ruin = margins.bankruptcy_price(venue, "BTC", *at, collateral=wallet)
    assert margins.cross_bankruptcy_price(venue, ["BTC"], *at, 60_000, wallet).tolist() == pytest.approx([ruin])


def test_cross_account__by_hand():
    """Long 1 BTC at 70,000 and short 10 ETH at 2,000, wallet 8,000, marks 70,000 and 2,100: 1,000 is lost on ETH.

    Binance: maintenance of ETH 0.4 % of 21,000 = 84. BTC falls to p: 8,000 - 1,000 - 84 + p - 70,000 = 0.004 p.
    """
    at = (["BTC", "ETH"], [1, -1], [70_000, 2_000], [1, 10], [70_000, 2_100])
    prices = margins.cross_liquidation_price("binance", *at, wallet=8_000)
    assert prices[0] == pytest.approx((70_000 - 6_916) / 0.996)
    assert prices[1] == pytest.approx((20_000 + 8_000 - 280) / 10.04)
    ruin = margins.cross_bankruptcy_price("binance", *at, wallet=8_000)
    assert ruin.tolist() == pytest.approx([63_000, 2_800])
    state = margins.account_state("binance", *at, wallet=8_000)
    assert (state.equity, state.maintenance_margin) == pytest.approx((7_000, 280 + 84))
    assert state.initial_margin == pytest.approx((70_000 + 21_000) / 150)


def test_hedged_account__has_no_price_of_ruin():
    """Long and short 1 BTC: profits cancel at every price, and only the requirement grows: upwards, far away."""
    at = (["BTC", "BTC"], [1, -1], [70_000, 71_000], [1, 1], [70_000, 70_000])
    down, up = margins.cross_liquidation_price("binance", *at, wallet=10_000)
    assert down == 0.0
    assert up > 500_000
    assert margins.cross_bankruptcy_price("binance", *at, wallet=10_000).tolist() == [0.0, np.inf]


def test_coin_as_collateral__falls_with_the_position_it_backs():
    """Long 1 BTC at 70,000 with 0.2 BTC, which count 95 %: p + 0.19 p - 70,000 = 0.004 p."""
    at = ("binance", ["BTC"], 1, 70_000, 1, 70_000)
    assert margins.cross_liquidation_price(*at, wallet=0, held={"BTC": 0.2})[0] == pytest.approx(70_000 / 1.186)
    assert margins.cross_bankruptcy_price(*at, wallet=0, held={"BTC": 0.2})[0] == pytest.approx(70_000 / 1.19)
    in_cash = margins.collateral_value("binance", {"BTC": 0.2}, {"BTC": 70_000})
    assert in_cash == pytest.approx(13_300)
    assert margins.cross_liquidation_price(*at, wallet=in_cash)[0] < 70_000 / 1.186


def test_accounts__broadcast_over_wallets():
    at = (["BTC", "ETH"], [1, -1], [70_000, 2_000], [1, 10], [70_000, 2_100])
    together = margins.cross_liquidation_price("binance", *at, wallet=[8_000, 12_000, 500])
    assert together.shape == (3, 2)
    each = [margins.cross_liquidation_price("binance", *at, wallet=w).tolist() for w in (8_000, 12_000, 500)]
    assert together.tolist() == each
    assert each[2] == [70_000, 2_100]  # breached already: the marks
    assert margins.account_state("binance", *at, wallet=[8_000, 500]).is_breached.tolist() == [False, True]


# ── settlement ───────────────────────────────────────────────────────────────────────────────────────────────
venues_with_fees = st.sampled_from([*LINEAR, *INVERSE])


@settings(max_examples=200, deadline=None)
@given(venues_with_fees, sides, st.floats(0.01, 1e4), st.floats(0.5, 1.5))
def test_pool_flow__adds_up_and_no_fee_exceeds_what_is_left(venue, side, worth, fill):
    entry = 50_000.0
    size = worth if venue in INVERSE else worth / entry
    flow = margins.pool_flow(venue, "BTC", side, size, entry, fill * entry)
    left = side * size * ((1 / entry - 1 / (fill * entry)) if venue in INVERSE else (fill - 1) * entry)
    venue = load_venue(venue)
    kept, insured = (flow.fee, 0.0) if venue.fees.clearance_to == "venue" else (0.0, flow.fee)
    assert kept + flow.pool + flow.account == pytest.approx(left, rel=1e-9, abs=1e-12 * worth)
    assert 0 <= flow.fee <= max(left, 0.0) * (1 + 1e-9) + 1e-15
    assert flow.account >= 0
    if left < 0:
        assert flow.pool == pytest.approx(left)
    elif venue.liquidation.surplus == "account":
        assert flow.pool == pytest.approx(insured, abs=1e-12 * worth)


def test_pool_flow__by_hand():
    """Long 2 BTC filled at 60,300, bankrupt at 60,000: 600 left. Bybit takes 0.055 % of 120,600; its pool the rest.

    Binance: 1.25 % would be 1,507.50, so all 600, a fee for its pool. Hyperliquid
    charges nothing and gives the 600 back.
    """
    fills = margins.pool_flow(["bybit", "binance", "hyperliquid"], "BTC", "long", 2, 60_000, 60_300)
    assert fills.fee.tolist() == pytest.approx([66.33, 600, 0])
    assert fills.pool.tolist() == pytest.approx([533.67, 600, 0])
    assert fills.account.tolist() == pytest.approx([0, 0, 600])
    assert margins.pool_flow("bybit", "BTC", "short", 2, 60_000, 60_300) == pytest.approx((0, -600, 0))


# ── deleveraging ─────────────────────────────────────────────────────────────────────────────────────────────
def test_ranking__by_hand():
    """Shorts of 1 BTC at a mark of 60,000; profit over entry times value over equity, by Binance's rule.

    From 66,000 with 6,600: 6,000/66,000 * 60,000/12,600 = 0.433. From 63,000 with 630: 3,000/63,000 * 60,000/3,630
    = 0.787. From 59,000: a loss. From 75,000 with 75,000: 0.2 * 60,000/90,000 = 0.133. Hyperliquid takes entry over
    mark instead of the profit: 1.1 * 4.76 = 5.24, 1.05 * 16.5 = 17.4, 1.25 * 0.667 = 0.83.
    """
    at = ("BTC", "short", [66_000, 63_000, 59_000, 75_000], 1, 60_000, [6_600, 630, 5_000, 75_000])
    score = margins.deleveraging_score("binance", *at)
    assert score[[0, 1, 3]].tolist() == pytest.approx([0.4329, 0.7871, 0.1333], abs=1e-4)
    assert np.isnan(score[2])
    assert margins.deleveraging_ranking("binance", *at).tolist() == [1, 0, 3]
    scores = margins.deleveraging_score("hyperliquid", *at)[[0, 1, 3]]
    assert scores.tolist() == pytest.approx([5.238, 17.355, 0.8333], abs=1e-3)


def test_ranking__of_inverse_contracts_counts_in_coin():
    """Long 60,000 USD from 50,000 (1.2 BTC) at 60,000 (1 BTC) with 0.12: 0.2 won; 0.2 / 1.2 * 1 / 0.32 = 0.5208."""
    at = ("BTC", "long", 50_000, 60_000, 60_000, 0.12)
    assert margins.deleveraging_score("bybit_inverse", *at) == pytest.approx(0.2 / 1.2 / 0.32)


def test_falling_pool__deleverages_from_30_percent_on_until_25():
    falls = [0.31, 0.3, 0.29, 0.26, 0.24]
    assert margins.is_deleveraging("bybit", falls, 1e8).tolist() == [True, True, False, False, False]
    assert margins.is_deleveraging("bybit", falls, 1e8, True).tolist() == [True, True, True, True, False]
    assert margins.is_deleveraging("bybit", 0.0, 0.0)
    assert margins.is_deleveraging("binance", 0.9, [1.0, 0.0]).tolist() == [False, True]
    assert margins.is_deleveraging("dydx", 0.9, 0.0, equity=[-1.0, 1.0]).tolist() == [True, False]
    assert margins.pool_fall(70, 100) == pytest.approx(0.3)


# ── chains ───────────────────────────────────────────────────────────────────────────────────────────────────
MARKETS = {
    "BTC": dydx.Perpetual(5_000_000_000, -5, -8, dydx.Tier(20_000, 600_000)),
    "ETH": dydx.Perpetual(300_000_000, -5, -9, dydx.Tier(50_000, 600_000)),
}


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**9), st.integers(-(10**9), 10**9), st.floats(0, 1), sides, st.integers(-(10**11), 10**11))
def test_dydx__deleveraging_moves_quote_quantums_and_loses_none(btc, eth, part, side, quote):
    delta = -side * max(1, int(btc * part))
    liquidated = dydx.Subaccount(quote, {"BTC": side * btc, "ETH": eth})
    offsetting = dydx.Subaccount(10**14, {"BTC": -side * btc})
    one, other = dydx.deleverage(liquidated, offsetting, MARKETS, "BTC", delta)
    assert one.quote + other.quote == liquidated.quote + offsetting.quote
    assert one.positions.get("BTC", 0) + other.positions.get("BTC", 0) == 0


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 10**9), sides, st.integers(-(10**11), 10**11))
def test_dydx__at_its_bankruptcy_price_an_account_of_one_position_ends_with_nothing(btc, side, quote):
    account = dydx.Subaccount(quote, {"BTC": side * btc})
    received = dydx.bankruptcy_quote(account, MARKETS, "BTC", -side * btc)
    assert account.quote + received == 0


def test_dydx__margin_grows_with_open_interest_up_to_the_whole():
    tier = dydx.Tier(200_000, 500_000, 10**6, 2 * 10**6)
    assert [dydx.initial_ppm(tier, x) for x in (0, 10**6, 1_500_000, 2 * 10**6, 10**9)] == [
        *(200_000, 200_000, 600_000, 1_000_000, 1_000_000)
    ]


def test_drift__frees_margin_as_time_passes():
    """Of 1,000 USD a tenth at once; after half of 150 slots 600, of which 100 is freed: 500 of the 900 left."""
    assert drift.share_to_liquidate(1_000 * 10**6, 0, 100_000, 150) == 100_000
    assert drift.share_to_liquidate(900 * 10**6, 75, 100_000, 150, freed=100 * 10**6) == 500 * 10**6 // 900
    assert drift.share_to_liquidate(900 * 10**6, 150, 100_000, 150, freed=100 * 10**6) == 10**6
    assert drift.liquidation_fee(10_000, 50_000, 1_499) == 10_000
    assert drift.liquidation_fee(10_000, 50_000, 10**6) == 50_000
    assert drift.base_to_cover_shortage(10**7, 300, 30_000, 0, 10**8) is None


def test_lending__takes_arrays():
    factors = lending.aave_close_factor(
        [1.2, 0.99, 0.95, 0.99, 0.99], [1e5, 1e5, 1e5, 1_999, 1e5], [9e4, 9e4, 9e4, 1_800, 1e3]
    )
    assert factors.tolist() == [0.0, 0.5, 1.0, 1.0, 1.0]
    assert lending.comet_is_liquidatable([90.0, 80.0], [[1, 2], [1, 2]], [50, 20], [0.9, 0.95]).tolist() == [
        True,
        False,
    ]


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────
ACCOUNT = {
    **{"venue": "binance", "coin": ["BTC", "ETH"], "side": [1, -1], "entry_price": [70_000, 2_000]},
    **{"size": [1, 10], "mark_price": [70_000, 2_100], "wallet": 8_000},
}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"venue": "binanse"}, UnknownVenueError, "did you mean 'binance'?"),
        ({"venue": "spot"}, InvalidPositionError, "spot has no leverage; name a venue of perpetuals"),
        ({"venue": "nowhere.toml"}, InvalidConfigError, "nowhere.toml: there is no such file"),
        ({"coin": ["BTC", "ETC"]}, UnknownCoinError, "no contract on 'ETC'; did you mean 'ETH'?"),
        ({"coin": ["BTC"], "side": 1, "size": [1, 2, 3]}, InvalidPositionError, "shapes do not fit together"),
        ({"side": [1, 0]}, InvalidPositionError, "side must be +1 or 'long', -1 or 'short', got 0"),
        ({"side": ["long", "shrt"]}, InvalidPositionError, "got 'shrt'"),
        ({"entry_price": [70_000, 0]}, InvalidPositionError, "entry_price must be positive and finite, got 0 at"),
        ({"size": [1, -10]}, InvalidPositionError, "size must be positive and finite, got -10 at index 1"),
        ({"mark_price": [np.nan, 1]}, InvalidPositionError, "mark_price must be positive and finite, got nan at"),
        ({"wallet": np.inf}, InvalidPositionError, "wallet must be finite, got inf; correct it"),
        ({"wallet": "rich"}, InvalidPositionError, "wallet must be a number or an array of numbers, got 'rich'"),
        ({"wallet": [[1, 2], [3, 4]], "side": [[1, 1], [1, 1], [1, 1]]}, InvalidPositionError, "shapes do not fit"),
        (
            {"held": {"SOL": 1}},
            InvalidPositionError,
            "held has 'SOL', in which there is no position; add its",
        ),
        ({"size": None}, InvalidPositionError, "size must be a number or an array of numbers, got None"),
        ({"coin": ["BTC", "BTC"]}, InvalidPositionError, "mark_price differs between positions in 'BTC'; a coin has"),
        ({"held": {"BTC": -1}}, InvalidPositionError, "held of 'BTC' must not be negative, got -1"),
        ({"held": 3}, InvalidPositionError, "held must give a number for each coin, like {'BTC': 0.5}, got 3"),
        ({"held": {"BTC": np.nan}}, InvalidPositionError, "held must be finite, got nan"),
        (
            {"venue": "hyperliquid", "held": {"BTC": 1}},
            InvalidPositionError,
            "hyperliquid takes no 'BTC' as collat",
        ),
        ({"venue": "binance_coinm"}, InvalidPositionError, "settles each coin in itself: one account holds one coin"),
    ],
)
def test_cross_faces__refuse_in_one_line_what_cannot_be(change, error, words):
    for function in (margins.cross_liquidation_price, margins.cross_bankruptcy_price, margins.account_state):
        with pytest.raises(error) as refusal:
            function(**ACCOUNT | change)
        assert words in str(refusal.value)
        assert "\n" not in str(refusal.value)


BTC = {"BTC": dydx.Perpetual(5_000_000_000, -5, -8, dydx.Tier(20_000, 600_000))}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: margins.bankruptcy_price("okx", "BTC", 1, 7, 1, 2, closing_fee=1.0),
            "closing_fee must lie in [0, 1), got 1",
        ),
        (lambda: margins.bankruptcy_price("okx", "BTC", 1, 7, 1, 2, closing_fee=-0.1), "write 0.05 % as 0.0005"),
        (lambda: margins.liquidation_price("bitmex", "BTC", 1, 5e4, 1e9, leverage=50), "is too large for the venue"),
        (lambda: margins.liquidation_price("bitmex", "BTC", 1, 5e4, 2e7, leverage=100), "a notional of 400.0000 coins"),
        (lambda: margins.clearance_fee("bybit", "BTC", 1, 6e4, left=np.nan), "left must be finite, got nan"),
        (
            lambda: margins.pool_flow("bybit", "BTC", 1, 1, 0, 6e4),
            "bankruptcy_price must be positive and finite, got 0",
        ),
        (lambda: margins.pool_flow("bybit", "BTC", 1, 1, 6e4, 0), "fill_price must be positive and finite, got 0"),
        (lambda: margins.initial_margin("bybit", "BTC", 1, 0), "price must be positive and finite, got 0"),
        (lambda: margins.collateral_value("okx", 3, {"BTC": 1}), "held must give a number for each coin"),
        (lambda: margins.collateral_value("okx", {"BTC": 1}, 3), "index_price must give a number for each coin"),
        (
            lambda: margins.cross_bankruptcy_price(**ACCOUNT, closing_fee="x"),
            "closing_fee must be a number or an array of numbers, got 'x'",
        ),
        (lambda: margins.pool_flow("spot", "BTC", 1, 1, 6e4, 6e4), "spot has no leverage"),
        (
            lambda: margins.deleveraging_score("deribit", "BTC", 1, 5e4, 1, 6e4, 1),
            "deribit does not deleverage;",
        ),
        (
            lambda: margins.deleveraging_score("bybit", "BTC", 1, 5e4, 1, 6e4, 0),
            "collateral must be positive and finite",
        ),
        (lambda: margins.is_deleveraging("drift", 0.5, 0.0), "drift does not deleverage"),
        (lambda: margins.pool_fall(1.0, 0.0), "pool_peak must be positive and finite, got 0"),
        (lambda: margins.collateral_value("okx", {"BTC": 1}, {}), "index_price of 'BTC' is missing"),
        (
            lambda: margins.collateral_value("okx", {"BTCC": 1}, {"BTCC": 1}),
            "takes no 'BTCC' as collateral; did you",
        ),
        (
            lambda: dydx.bankruptcy_quote(dydx.Subaccount(0, {}), BTC, "BTC", 5),
            "of 0 quantums cannot be closed by 5",
        ),
        (
            lambda: dydx.bankruptcy_quote(dydx.Subaccount(0, {"BTC": 9}), BTC, "BTC", 5),
            "give a change of the other",
        ),
    ],
)
def test_faces__refuse_in_one_line_what_cannot_be(call, words):
    with pytest.raises(InvalidPositionError) as refusal:
        call()
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
