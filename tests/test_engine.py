"""`simulate`: what a result holds, what it says while it works, and a tiny run whose integers are known."""

import hashlib

import numpy as np
import pytest
from worlds import small_world

from cascade.engine import COLUMNS, COUNTED, simulate
from cascade.state import ABSORBER, FREE, LEDGER_COLUMNS, N_DELEVERAGED, N_LIQUIDATED, N_OFF_BOOK, N_PROGRAMME, POOL

small = pytest.mark.small

# SHA-256 of (account, step, lots, filled_lots) of a tiny run's tape. It changes whenever a rule, a prior, a draw or
# their order changes: on purpose, for a reason that CHANGELOG states under "results". Nothing else may change it.
GOLDEN = "f4c34b02d6ec2b072dcff457e5979702dee41ac4e032fea595cd281a6505468b"


@pytest.fixture(scope="module")
def crash():
    return simulate(small_world(seconds=150, shock=-0.06, coins=("BTC", "ETH"), venues=("binance", "okx")), seed=11)


# ── names of what is counted ─────────────────────────────────────────────────────────────────────────────────
@small
def test_names__are_in_the_order_of_the_state():
    assert (
        COUNTED[N_LIQUIDATED] == "liquidated"
        and COUNTED[N_PROGRAMME] == "programme"
        and COUNTED[N_OFF_BOOK] == "off_book"
        and COUNTED[N_DELEVERAGED] == "deleveraged"
    )
    assert COLUMNS[FREE] == "free" and COLUMNS[POOL] == "pool" and COLUMNS[ABSORBER] == "absorber"
    assert len(COLUMNS) == LEDGER_COLUMNS


# ── a result ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_result__has_the_shapes_it_promises(crash):
    assert crash.index_usd.shape == crash.value_usd.shape == crash.reference_usd.shape == (2, 150)
    assert crash.minutes.shape == (3, 6)
    assert crash.stake_lots.shape[:3] == (3, 2, 2)
    assert crash.venues == ("binance", "okx", "spot")
    assert np.isfinite(crash.index_usd).all() and (crash.index_usd > 0).all()
    assert crash.target_usd is None


def test_result__tape_is_in_time_order_and_counted(crash):
    tape = crash.tape
    assert len(tape) == crash.counters["liquidated"] == crash.counters["tape"] > 50
    assert (np.diff(tape["step"]) >= 0).all()
    assert (tape["trigger_step"] <= tape["step"]).all()
    assert len(np.unique(tape["account"])) == len(tape)
    assert (tape["filled_lots"] <= tape["lots"]).all() and (tape["lots"] > 0).all()
    assert (np.isnan(tape["fill_usd"]) == (tape["filled_lots"] == 0)).all()


def test_result__fills_are_no_worse_than_bankruptcy(crash):
    """An IOC at the bankruptcy price: longs sell no lower, shorts buy no higher, but for half a tick of rounding."""
    filled = crash.tape[crash.tape["filled_lots"] > 0]
    tick_usd = crash.tick_usd[filled["market"]]
    assert (filled["side"] * (filled["last_fill_usd"] - filled["bankruptcy_usd"]) > -1e-6 * tick_usd).all()


def test_result__sides_and_buckets_are_of_the_leverage(crash):
    edges = np.array([10.0, 20.0, 50.0 + 1e-6])
    np.testing.assert_array_equal(crash.tape["bucket"], np.searchsorted(edges, crash.tape["leverage"], side="right"))
    fall = crash.tape["side"] > 0
    assert (crash.tape["bankruptcy_usd"] < crash.tape["entry_usd"])[fall].all()
    assert fall.mean() > 0.8


def test_result__minutes_hold_what_was_taken_and_liquidated(crash):
    filled = np.bincount(crash.tape["market"], crash.tape["filled_lots"], 6)
    in_minutes = crash.minutes["liquidated_lots"].sum(axis=0)
    late = crash.tape["step"] >= 120  # after the last whole minute
    np.testing.assert_array_equal(
        in_minutes, filled - np.bincount(crash.tape["market"][late], crash.tape["filled_lots"][late], 6)
    )
    assert (crash.minutes["taken_lots"] >= crash.minutes["liquidated_lots"]).all()


def test_result__ledger_names_every_venue(crash):
    assert set(crash.ledger) == {"binance", "okx", "spot", "conserved"}
    assert crash.ledger["conserved"] is True
    assert all(isinstance(quanta, int) for quanta in crash.ledger["okx"].values())


def test_result__counts_the_messages_of_the_books(crash):
    kinds = ("posts", "expired", "pulled", "informed", "taker_orders")
    assert crash.runtime["book_messages"] == sum(crash.counters[kind] for kind in kinds)
    assert crash.runtime["positions"] > 100
    assert 0 < crash.runtime["loop_s"] < crash.runtime["total_s"]
    assert crash.runtime["peak_rss_mb"] > 50


@small
def test_simulate__tells_what_it_does():
    told = []
    simulate(small_world(100, seconds=30), seed=1, progress=lambda what, done: told.append((what, done)))
    assert told[0] == ("drawing positions", 0.0)
    assert told[-1] == ("simulating", 1.0)
    assert [done for _, done in told] == sorted(done for _, done in told)


# ── the same bits ────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_simulate__same_seed_same_bits_other_seed_other_bits():
    scenario = small_world(seconds=60, shock=-0.05)
    one, two, other = (simulate(scenario, seed) for seed in (1, 1, 2))
    assert one.index_usd.tobytes() == two.index_usd.tobytes() and one.tape.tobytes() == two.tape.tobytes()
    assert one.ledger == two.ledger and one.counters == two.counters
    assert one.index_usd.tobytes() != other.index_usd.tobytes()


@small
@pytest.mark.parametrize("mechanism", ("stops", "withdrawal", "arbitrage", "openings", "learning", "liquidations"))
def test_simulate__every_mechanism_does_something(mechanism):
    """Switched off, the run is another one, and what the mechanism alone does is not done."""
    scenario = small_world(seconds=60, shock=-0.05, venues=("binance", "okx"))
    on, off = simulate(scenario), simulate(scenario.without(mechanism))
    assert on.index_usd.tobytes() != off.index_usd.tobytes()
    counted = {"stops": "stopped", "arbitrage": "arbitrage", "openings": "opened"}
    if mechanism in counted:
        assert off.counters[counted[mechanism]] == 0 < on.counters[counted[mechanism]]


def test_golden__of_a_tiny_run():
    tape = simulate(small_world(seconds=60, shock=-0.05), seed=7).tape
    digest = hashlib.sha256()
    for name in ("account", "step", "lots", "filled_lots"):
        digest.update(np.ascontiguousarray(tape[name], "<i8").tobytes())
    assert len(tape) > 20
    assert digest.hexdigest() == GOLDEN
