"""Books, blind orders and accounts that a scenario gives: what the engine makes of them, and what is refused."""

import numpy as np
import pytest
from worlds import small_world

from cascade.assembly import draw_accounts
from cascade.engine import run_world, simulate
from cascade.errors import InvalidConfigError
from cascade.given import GIVEN_ACCOUNT, BlindOrders, GivenBook, check_accounts
from cascade.scenario import Programme, one_market
from cascade.state import BUY, GIVEN_ORDER, LIQUIDATED, N_OFF_BOOK, OPEN, SELL
from cascade.validation.worlds import (
    ENTRY_ABOVE,
    OPEN_TICK,
    QUIET,
    TICK_USD,
    bids,
    falls,
    longs,
    orders_at,
    run,
    theory_world,
)

pytestmark = pytest.mark.small
TEN_A_TICK = bids(lambda u: 10.0 * u, 50)


def levels_of(world, market=0):
    """Best bid, as ticks below the open, and lots that rest there."""
    tick = int(world.book.best[2 * market])
    head = world.book.levels[tick]["head"]
    return int(OPEN_TICK - world.contracts.floor_tick[market] - tick), int(world.book.orders[head]["lots"])


# ── given books ──────────────────────────────────────────────────────────────────────────────────────────────
def test_book_laid_once__is_not_refilled():
    """5 lots rest at the open and 10 in each tick below: three sales of 10 lots end at falls of 1, 2 and 3."""
    world = run(theory_world([TEN_A_TICK], sales=[(0, 3, 10)], seconds=5))
    assert falls(world)[:, 0].tolist() == [1, 2, 3, 3, 3]
    assert levels_of(world) == (3, 5)


def test_book_laid_in_every_step__is_whole_again_at_the_reference():
    """Nobody learns, so that the same sale ends at the same fall each second."""
    world = run(theory_world([TEN_A_TICK], sales=[(0, 3, 32)], seconds=5, laid="every step"))
    assert falls(world)[:, 0].tolist() == [3, 3, 3, 3, 3]
    assert levels_of(world) == (0, 5)


def test_programme__takes_every_so_many_seconds():
    world = run(theory_world([TEN_A_TICK], sales=[(1, 6, 10, 2)], seconds=7))
    assert falls(world)[:, 0].tolist() == [0, 1, 1, 2, 2, 3, 3]


def test_replicas__do_not_touch_each_other():
    books = [TEN_A_TICK, bids(lambda u: 5.0 * u, 50)]
    together = falls(run(theory_world(books, sales=[(0, 2, 20)], seconds=3)))
    alone = [falls(run(theory_world([book], sales=[(0, 2, 20)], seconds=3)))[:, 0] for book in books]
    assert together.T.tolist() == [fall.tolist() for fall in alone]


# ── given accounts ───────────────────────────────────────────────────────────────────────────────────────────
def test_accounts__cascade_as_solved_by_hand():
    """A sale of 20 falls 2 ticks. The long at 2 sells 10 and falls to 3, the one at 3 sells 30 and falls to 6, where
    nobody is breached: the one at 7 stays."""
    held = longs(np.array([2, 3, 7]), np.array([10, 30, 50]))
    world = run(theory_world([TEN_A_TICK], [held], [(0, 1, 20)], seconds=5))
    assert falls(world)[:, 0].tolist() == [2, 3, 6, 6, 6]
    assert world.accounts.rows["status"].tolist() == [LIQUIDATED, LIQUIDATED, OPEN]


def test_accounts__below_their_bankruptcy_price_are_sold_at_market():
    """The long at 1 loses its margin half a tick earlier, and is sold down to 11 all the same: the pool pays."""
    world = run(theory_world([TEN_A_TICK], [longs(np.array([1]), 100)], [(0, 1, 10)], seconds=3))
    assert falls(world)[:, 0].tolist() == [1, 11, 11]
    event = world.records.tape[0]
    assert event["filled_lots"] == 100
    assert event["pool"] < 0


def test_compliance__sells_no_more_than_the_requirement_asks():
    """1,000 lots at the open with a margin of 4% under a requirement of 5%: 800 can be held, 200 are sold."""
    rows = np.zeros(1, GIVEN_ACCOUNT)
    rows["side"], rows["lots"], rows["entry_usd"] = 1, 1000, OPEN_TICK * TICK_USD
    rows["margin_usd"] = 0.04 * 1000 * 0.002 * OPEN_TICK * TICK_USD * (1 + 1e-9)
    deep = orders_at(np.zeros(1, np.int64), np.full(1, 10_000))
    world = run(theory_world([deep], [rows], seconds=3, venue={"maintenance": 0.05, "rule": "compliance"}))
    assert world.accounts.rows["lots"].tolist() == [800]
    assert world.accounts.rows["status"].tolist() == [OPEN]
    assert world.records.tape[0]["filled_lots"] == 200


def test_thresholds__are_half_a_tick_off():
    at = longs(np.array([3]), 2)
    lost = at["margin_usd"][0] / (2 * 0.002 * TICK_USD) - ENTRY_ABOVE
    assert lost == pytest.approx(2.5)


# ── blind orders ─────────────────────────────────────────────────────────────────────────────────────────────
def test_blind_orders__keep_to_their_band_and_never_cross():
    blind = BlindOrders(posts_per_s=4.0, band_ticks=30, lots=3, life_s=20.0)
    world = run(theory_world(blind, seconds=120, replicas=2, priors={"warmup_s": 60, "trade": (0.2, 3)}))
    best = world.book.best.reshape(-1, 2)
    assert (best[:, BUY] < best[:, SELL]).all()
    assert (world.records.minutes["spread_ticks"] > 0).all()
    resting = world.book.orders["lots"][world.book.orders["lots"] > 0]
    assert set(resting.tolist()) == {3}
    assert world.counters.n[N_OFF_BOOK] == 0


# ── the face ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_given_worlds__are_in_the_manifest_and_others_as_before():
    scenario = theory_world([TEN_A_TICK], [longs(np.array([2]), 4)], seconds=2)
    told = simulate(scenario).provenance["configuration"]
    assert told["providers"] == {"book": "laid once", "orders": len(TEN_A_TICK)}
    assert told["accounts_given"] == 1
    assert not {"providers", "accounts_given"} & set(small_world(0).resolved())


def test_given_worlds__conserve():
    scenario = theory_world([TEN_A_TICK], [longs(np.array([2, 3]), 7)], [(0, 1, 25)], seconds=5)
    assert simulate(scenario).ledger["conserved"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda: GivenBook(np.zeros(1)), "dtype"),
        (lambda: GivenBook(np.zeros(1, GIVEN_ORDER)), "lots"),
        (lambda: GivenBook(TEN_A_TICK, "twice"), "laid"),  # pyright: ignore[reportArgumentType]
        (lambda: BlindOrders(1.0, 10, 1, 1000.0), "life_s"),
        (lambda: check_accounts(np.zeros(1), drawn=False), "dtype"),
        (lambda: check_accounts(longs(np.array([1]), 1), drawn=True), "drawn"),
        (lambda: check_accounts(np.zeros(1, GIVEN_ACCOUNT), drawn=False), "lot"),
        (lambda: Programme("BTC", "binance", "sell", 0, 9, 1, 0), "every_s"),
    ],
)
def test_given__refuses_what_cannot_be(change, match):
    with pytest.raises(InvalidConfigError, match=match):
        change()


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("lots", 2**40, r"accounts\[1\]: lots"),
        ("entry_usd", np.inf, r"accounts\[1\]: entry_usd"),
        ("entry_usd", np.nan, "positive entry price"),
        ("entry_usd", 1e11, "worth"),
        ("margin_usd", np.inf, r"accounts\[1\]: margin_usd"),
        ("margin_usd", 1e30, r"accounts\[1\]: margin_usd"),
        ("margin_usd", 0.6e12, "sum"),
    ],
)
def test_accounts__larger_than_kernels_count_are_refused(name, value, match):
    rows = np.repeat(longs(np.array([2]), 100_000), 3)
    rows[name][1:] = value
    with pytest.raises(InvalidConfigError, match=match) as refused:
        simulate(theory_world([TEN_A_TICK], [rows], seconds=2))
    assert "\n" not in str(refused.value)


def test_accounts__at_inverse_contracts_are_refused():
    world = one_market(hours=0.01, accounts=longs(np.array([2]), 4))
    with pytest.raises(InvalidConfigError, match="linear"):
        simulate(world.under("bitmex"))


def test_sides__are_plus_or_minus_one():
    rows = longs(np.array([1]), 1)
    rows["side"] = 0
    with pytest.raises(InvalidConfigError, match="side"):
        check_accounts(rows, drawn=False)


def test_population__of_other_accounts_that_are_given_is_refused():
    one, other = (theory_world([TEN_A_TICK], [longs(np.array([2]), lots)], seconds=2) for lots in (4, 5))
    drawn = draw_accounts(one, 1)
    assert simulate(one, 1, population=drawn).ledger == simulate(one, 1).ledger
    for scenario in (other, other.changed(accounts=None)):
        with pytest.raises(InvalidConfigError, match="draw them with draw_accounts"):
            simulate(scenario, 1, population=drawn)


@pytest.mark.parametrize("field", ["accounts", "providers"])
def test_markets__must_exist(field):
    scenario = theory_world([TEN_A_TICK], [longs(np.array([2]), 4)], seconds=2)
    if field == "accounts":
        rows = scenario.accounts.copy()
        rows["market"] = 1
        lost = scenario.changed(accounts=rows)
    else:
        orders = scenario.providers.orders.copy()
        orders["market"] = 1
        lost = scenario.changed(providers=GivenBook(orders))
    with pytest.raises(InvalidConfigError, match="market"):
        run_world(lost)


def test_quiet__leaves_liquidations_on():
    assert QUIET.liquidations
    assert not (QUIET.learning or QUIET.stops or QUIET.withdrawal or QUIET.arbitrage or QUIET.openings)
