import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import UnknownCoinError
from cascade.facts import load_event
from cascade.paths import day_path, day_path_from_candles, pre_day_path
from cascade.tape import Candles

pytestmark = pytest.mark.small

EVENT = load_event("2026-02-06")
COINS = EVENT.coins
SEEDS = st.integers(0, 2**32 - 1)
LOW = 20 * 60 + 30 - 1  # the close of the minute that ends at 20:30
MINUTES_PER_YEAR = 365 * 1440


def yearly_volatility(usd):
    """Return the volatility that the minutes realise; drift is far below it."""
    return np.diff(np.log(usd)).std() * np.sqrt(MINUTES_PER_YEAR)


def candles_of(closes_usd, open_usd=40_000.0, step=1):
    """Return a day of candles with these closes."""
    closes_usd = np.asarray(closes_usd, np.float64)
    opens = np.array([open_usd, *closes_usd[:-1]])
    time_ns = EVENT.start_ns + np.arange(len(closes_usd)) * step * 60 * 10**9
    high, low = np.maximum(opens, closes_usd), np.minimum(opens, closes_usd)
    return Candles(time_ns, opens, high, low, closes_usd, np.ones_like(opens), step * 60 * 10**9, "CSV", "made.csv")


# ── before the day ──────────────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=25)
@given(SEEDS)
def test_pre_day_path__hits_every_anchor_and_the_opening_price(seed):
    path = pre_day_path(EVENT, "BTC", seed=seed)
    for anchor in EVENT.path.before:
        minute = (anchor.time_ns - path.time_ns[0]) // (60 * 10**9)
        assert path.usd[minute] == pytest.approx(anchor.usd, rel=1e-12)
    assert path.usd[-1] == EVENT.path.open_usd
    assert path.time_ns[-1] == EVENT.start_ns
    assert len(path.usd) == 23 * 1440 + 1
    assert (np.diff(path.time_ns) == 60 * 10**9).all()


@pytest.mark.parametrize("coin", COINS[1:])
def test_pre_day_path__of_another_coin_follows_by_its_beta(coin):
    stated = EVENT.path.coins[coin]
    btc, path = pre_day_path(EVENT, "BTC"), pre_day_path(EVENT, coin)
    assert path.usd[-1] == stated.open_usd
    assert np.log(path.usd[0] / path.usd[-1]) == pytest.approx(stated.beta * np.log(btc.usd[0] / btc.usd[-1]))
    own = path.usd * (btc.usd / btc.usd[-1]) ** -stated.beta
    assert yearly_volatility(own) == pytest.approx(stated.volatility_before, rel=0.02)


def test_pre_day_path__moves_as_a_whole_to_another_opening_price():
    path, moved = pre_day_path(EVENT, "BTC"), pre_day_path(EVENT, "BTC", open_usd=40_689.0)
    np.testing.assert_allclose(moved.usd, path.usd * (40_689.0 / EVENT.path.open_usd), rtol=1e-14)
    assert moved.usd[-1] == 40_689.0


def test_pre_day_path__has_the_stated_volatility():
    """33,120 normal minutes: the standard error of a volatility is 0.4 %, so 2 % is five of them."""
    volatility = yearly_volatility(pre_day_path(EVENT, "BTC").usd)
    assert volatility == pytest.approx(EVENT.path.volatility_before, rel=0.02)
    assert volatility != pytest.approx(EVENT.path.volatility_within, rel=0.02), "the control: another volatility"


# ── the day, from anchors ───────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=50)
@given(SEEDS)
def test_day_path__hits_every_anchor_and_never_goes_below_the_low(seed):
    usd = day_path(EVENT, "BTC", seed=seed).usd
    assert usd.shape == (1440,)
    for anchor in EVENT.path.within:
        stated = anchor.usd or EVENT.path.open_usd * (1 - anchor.fall)
        assert usd[anchor.minute - 1] == pytest.approx(stated, rel=1e-12)
    assert usd.argmin() == LOW
    assert (np.delete(usd, LOW) > usd[LOW]).all()
    assert usd.max() <= EVENT.path.open_usd * (1 + EVENT.path.highest_rise) * (1 + 1e-12)


@settings(max_examples=25)
@given(SEEDS, st.sampled_from(COINS[1:]))
def test_day_path__of_another_coin_falls_as_stated_at_bitcoins_low(seed, coin):
    stated = EVENT.path.coins[coin]
    usd = day_path(EVENT, coin, seed=seed).usd
    assert usd.argmin() == LOW
    assert usd[LOW] == pytest.approx(stated.open_usd * (1 - stated.fall), rel=1e-12)
    btc = day_path(EVENT, "BTC", seed=seed).usd / EVENT.path.open_usd
    ratio = np.log1p(-stated.fall) / np.log(btc[LOW])
    assert usd[-1] == pytest.approx(stated.open_usd * btc[-1] ** ratio)


def test_day_path__keeps_its_volatility_where_it_is_folded():
    """1,440 normal minutes: a standard error of 1.9 %. The anchors' drift adds less than that."""
    volatilities = [yearly_volatility(day_path(EVENT, "BTC", seed=seed).usd) for seed in range(20)]
    assert np.mean(volatilities) == pytest.approx(EVENT.path.volatility_within, rel=0.03)


def test_day_path__would_leave_its_bounds_if_it_were_not_folded(monkeypatch):
    """The control: without the fold the same draws go below the low, for most seeds."""
    monkeypatch.setattr("cascade.paths._folded", lambda path, low, high: path)
    lows = [day_path(EVENT, "BTC", seed=seed).usd.argmin() for seed in range(20)]
    assert sum(low != LOW for low in lows) > 10


def test_paths__repeat_bit_for_bit_and_differ_between_seeds():
    for build in (day_path, pre_day_path):
        for coin in COINS:
            once, again, other = build(EVENT, coin), build(EVENT, coin), build(EVENT, coin, seed=1)
            assert once.usd.tobytes() == again.usd.tobytes()
            assert once.time_ns.tobytes() == again.time_ns.tobytes()
            assert (once.usd != other.usd).any()
            assert once.provenance["seed"] == EVENT.path.seed
            assert other.provenance["seed"] == 1
            json.dumps(once.provenance)


def test_paths__of_a_coin_do_not_depend_on_the_others():
    fewer = EVENT.path.model_copy(update={"coins": {"SOL": EVENT.path.coins["SOL"]}})
    alone = EVENT.model_copy(update={"path": fewer})
    assert day_path(alone, "SOL").usd.tobytes() == day_path(EVENT, "SOL").usd.tobytes()


def test_bridges__of_two_coins_are_not_the_same():
    eth, bnb = (np.diff(np.log(day_path(EVENT, coin).usd)) for coin in ("ETH", "BNB"))
    btc = np.diff(np.log(day_path(EVENT, "BTC").usd))
    own = [moves - btc * (moves @ btc) / (btc @ btc) for moves in (eth, bnb)]
    assert abs(np.corrcoef(own)[0, 1]) < 0.1  # 1,439 pairs: a standard error of 0.026


# ── the day, from candles ───────────────────────────────────────────────────────────────────────────────────
@settings(max_examples=25)
@given(SEEDS)
def test_day_path_from_candles__is_the_candles_for_btc_and_the_stated_relation_for_others(seed):
    draws = np.random.default_rng(seed)
    closes = 40_000 * np.exp(np.cumsum(1e-3 * draws.standard_normal(1440) - 5e-5))
    candles = candles_of(closes)
    assert (day_path_from_candles(EVENT, "BTC", candles).usd == closes).all()
    low = closes.argmin()
    for coin in COINS[1:]:
        stated = EVENT.path.coins[coin]
        usd = day_path_from_candles(EVENT, coin, candles).usd
        ratio = np.log1p(-stated.fall) / np.log(62841.90 / 72074.66)
        assert usd.argmin() == low
        assert usd[low] == pytest.approx(stated.open_usd * (closes[low] / 40_000) ** ratio)
        assert usd[-1] == pytest.approx(stated.open_usd * (closes[-1] / 40_000) ** ratio)


def test_day_path_from_candles__says_when_it_interpolates():
    fine = day_path_from_candles(EVENT, "ETH", candles_of(np.full(1440, 39_000.0)))
    coarse = day_path_from_candles(EVENT, "ETH", candles_of(np.full(24, 39_000.0), step=60))
    assert not fine.provenance["interpolated"]
    assert coarse.provenance["interpolated"]
    assert coarse.provenance["interval_s"] == 3600
    assert coarse.usd.shape == (1440,)


def test_day_path_from_candles__takes_a_day_that_only_rises():
    usd = day_path_from_candles(EVENT, "ETH", candles_of(np.linspace(40_001, 44_000, 1440))).usd
    assert (usd >= EVENT.open_usd("ETH")).all()


@pytest.mark.parametrize("build", [day_path, pre_day_path])
def test_paths__refuse_a_coin_that_is_not_stated(build):
    with pytest.raises(UnknownCoinError, match="did you mean 'DOGE'"):
        build(EVENT, "DOG")
