"""The public face of one book: semantics that venues, and other people's tests, agree on; and bad input."""

import numpy as np
import pytest

from cascade.errors import InvalidConfigError, InvalidOrderError
from cascade.orderbook import OrderBook
from cascade.state import BUY, MESSAGE, SELL, TICKS, Kind, Status

pytestmark = pytest.mark.small


@pytest.fixture
def book():
    return OrderBook(capacity=100, events=10)


def rested(book):
    """Return (id, tick, lots) of every resting order, bids before asks."""
    return [(row["order"], row["tick"], row["lots"]) for row in book.orders()]


def fills(book):
    """Return (maker, taker, tick, lots) of every fill since the last look."""
    return [(row["maker"], row["taker"], row["tick"], row["lots"]) for row in book.drain_fills()]


# ── matching ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_new_book__is_empty(book):
    assert (book.best_bid, book.best_ask) == (None, None)
    assert rested(book) == fills(book) == []
    assert [side.size for side in book.depth()] == [0, 0]


def test_limit__trades_at_the_resting_price_not_at_its_own(book):
    book.limit(1, "sell", 100, 5)
    assert book.limit(2, "buy", 105, 3) == (Status.OK, 3)
    assert fills(book) == [(1, 2, 100, 3)]


def test_limit__takes_the_best_price_first_and_the_oldest_order_within_it(book):
    for order, tick in ((1, 101), (2, 100), (3, 100), (4, 102)):
        book.limit(order, "sell", tick, 2)
    book.limit(5, "buy", 101, 5)
    assert fills(book) == [(2, 5, 100, 2), (3, 5, 100, 2), (1, 5, 101, 1)]
    assert rested(book) == [(1, 101, 1), (4, 102, 2)]


def test_limit__rests_with_what_did_not_trade(book):
    book.limit(1, "buy", 100, 2)
    assert book.limit(2, "sell", 99, 5).filled_lots == 2
    assert rested(book) == [(2, 99, 3)]
    assert (book.best_bid, book.best_ask) == (None, 99)


def test_partly_filled_maker__keeps_its_place(book):
    book.limit(1, "sell", 100, 5)
    book.limit(2, "sell", 100, 5)
    book.market(3, "buy", 2)
    book.market(4, "buy", 4)
    assert fills(book) == [(1, 3, 100, 2), (1, 4, 100, 3), (2, 4, 100, 1)]


def test_market__takes_any_price_and_drops_the_rest(book):
    book.limit(1, "buy", 0, 1)
    book.limit(2, "buy", TICKS - 1, 1)
    assert book.market(3, "sell", 9) == (Status.OK, 2)
    assert rested(book) == []


def test_market__finds_nobody_in_an_empty_book(book):
    assert book.market(1, "buy", 5) == (Status.OK, 0)


def test_ioc__drops_the_rest(book):
    book.limit(1, "sell", 100, 2)
    book.limit(2, "sell", 101, 2)
    assert book.limit(3, "buy", 100, 5, how="ioc") == (Status.OK, 2)
    assert rested(book) == [(2, 101, 2)]


def test_fok__trades_all_or_nothing(book):
    book.limit(1, "sell", 100, 2)
    book.limit(2, "sell", 101, 2)
    book.limit(3, "sell", 103, 9)
    assert book.limit(4, "buy", 102, 5, how="fok") == (Status.WOULD_NOT_FILL, 0)
    assert len(rested(book)) == 3
    assert book.limit(4, "buy", 102, 4, how="fok") == (Status.OK, 4)
    assert rested(book) == [(3, 103, 9)]


def test_post_only__is_refused_where_it_would_trade(book):
    book.limit(1, "sell", 100, 2)
    assert book.limit(2, "buy", 100, 1, how="post_only").status == Status.WOULD_CROSS
    assert book.limit(2, "buy", 99, 1, how="post_only").is_ok
    assert rested(book) == [(2, 99, 1), (1, 100, 2)]


def test_cancel__empties_the_level_and_moves_the_best_price(book):
    book.limit(1, "buy", 100, 1)
    book.limit(2, "buy", 98, 1)
    assert book.cancel(1).is_ok
    assert book.best_bid == 98
    assert book.cancel(1).status == Status.UNKNOWN_ORDER


def test_edges__hold_orders_at_the_first_and_last_tick(book):
    book.limit(1, "buy", 0, 1)
    book.limit(2, "sell", TICKS - 1, 1)
    assert (book.best_bid, book.best_ask) == (0, TICKS - 1)
    assert book.limit(3, "buy", TICKS, 1).status == Status.OUT_OF_RANGE
    assert book.limit(3, "buy", -1, 1).status == Status.OUT_OF_RANGE
    assert book.limit(3, "buy", 10**12, 1).status == Status.OUT_OF_RANGE


# ── replace ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("tick", "lots", "first"),
    [(100, 3, 1), (100, 5, 2), (100, 6, 2)],
    ids=["less size keeps its place", "the same size loses it", "more size loses it"],
)
def test_replace__at_the_same_price(book, tick, lots, first):
    book.limit(1, "buy", 100, 5)
    book.limit(2, "buy", 100, 5)
    assert book.replace(1, tick, lots).is_ok
    assert rested(book)[0][0] == first
    assert dict((order, size) for order, _, size in rested(book)) == {1: lots, 2: 5}


def test_replace__to_another_price_loses_the_place_even_on_the_way_back(book):
    book.limit(1, "buy", 100, 5)
    book.limit(2, "buy", 100, 5)
    book.replace(1, 99, 2)
    book.replace(1, 100, 1)
    assert rested(book) == [(2, 100, 5), (1, 100, 1)]


def test_replace__across_the_spread_trades(book):
    book.limit(1, "buy", 100, 5)
    book.limit(2, "sell", 102, 3)
    assert book.replace(1, 102, 4) == (Status.OK, 3)
    assert fills(book) == [(2, 1, 102, 3)]
    assert rested(book) == [(1, 102, 1)]


def test_replace__refused_leaves_the_order_as_it_was(book):
    book.limit(1, "buy", 100, 5)
    assert book.replace(2, 100, 1).status == Status.UNKNOWN_ORDER
    assert book.replace(1, 100, 0).status == Status.BAD_SIZE
    assert book.replace(1, TICKS, 1).status == Status.OUT_OF_RANGE
    assert rested(book) == [(1, 100, 5)]


def test_replace__works_in_a_full_book():
    book = OrderBook(capacity=1)
    book.limit(1, "buy", 100, 5)
    assert book.replace(1, 101, 9).is_ok
    assert rested(book) == [(1, 101, 9)]


# ── self-trade prevention ────────────────────────────────────────────────────────────────────────────────────
def book_of_two_owners(policy):
    book = OrderBook(capacity=10, self_trade=policy)
    book.limit(1, "sell", 100, 2, owner=8)
    book.limit(2, "sell", 100, 2, owner=7)
    book.limit(3, "sell", 101, 2, owner=9)
    return book


def test_self_trade__cancel_resting_withdraws_its_own_order_and_goes_on():
    book = book_of_two_owners("cancel_resting")
    assert book.limit(4, "buy", 101, 5, owner=7) == (Status.OK, 4)
    assert fills(book) == [(1, 4, 100, 2), (3, 4, 101, 2)]
    assert rested(book) == [(4, 101, 1)]
    (withdrawn,) = book.drain_cancels()
    assert (withdrawn["maker"], withdrawn["lots"], withdrawn["tick"]) == (2, 2, 100)


def test_self_trade__cancel_taker_drops_the_rest_of_the_taker():
    book = book_of_two_owners("cancel_taker")
    assert book.limit(4, "buy", 101, 5, owner=7) == (Status.OK, 2)
    assert rested(book) == [(2, 100, 2), (3, 101, 2)]
    assert book.drain_cancels().size == 0


def test_self_trade__allowed():
    book = book_of_two_owners("allow")
    assert book.limit(4, "buy", 101, 5, owner=7) == (Status.OK, 5)


def test_self_trade__fok_does_not_count_what_it_may_not_take():
    assert book_of_two_owners("cancel_resting").limit(4, "buy", 101, 5, owner=7, how="fok").status == 7
    assert book_of_two_owners("cancel_resting").limit(4, "buy", 101, 4, owner=7, how="fok").filled_lots == 4
    assert book_of_two_owners("cancel_taker").limit(4, "buy", 101, 3, owner=7, how="fok").status == 7
    assert book_of_two_owners("cancel_taker").limit(4, "buy", 101, 2, owner=7, how="fok").filled_lots == 2


@pytest.mark.parametrize("owner", [0, -7])
def test_self_trade__an_owner_of_zero_or_less_is_nobody(book, owner):
    book.limit(1, "sell", 100, 2, owner=owner)
    assert book.limit(2, "buy", 100, 2, owner=owner).filled_lots == 2


# ── ids, pool, events ────────────────────────────────────────────────────────────────────────────────────────
def test_ids__are_any_int64(book):
    ids = [-(2**63), -1, 0, 1, 2**40, 2**63 - 1]
    for order in ids:
        assert book.limit(order, "buy", 5, 1).is_ok
    assert book.orders()["order"].tolist() == ids
    assert book.limit(-1, "buy", 5, 1).status == Status.DUPLICATE_ORDER
    assert all(book.cancel(order).is_ok for order in ids)


def test_full_pool__is_a_status_and_slots_come_back():
    book = OrderBook(capacity=2)
    book.limit(1, "buy", 1, 1)
    book.limit(2, "buy", 2, 1)
    assert book.limit(3, "sell", 1, 1).status == Status.POOL_FULL
    assert rested(book) == [(2, 2, 1), (1, 1, 1)]
    assert book.limit(3, "sell", 1, 1, how="ioc").filled_lots == 1
    for order in range(10, 1000):
        assert book.limit(order, "buy", 1, 1).is_ok
        assert book.cancel(order).is_ok


def test_fills__say_who_traded_what_and_when(book):
    book.limit(1, "sell", 100, 2, owner=5)
    book.market(2, "buy", 1, owner=6)
    (fill,) = book.drain_fills()
    expected = dict(sequence=1, maker=1, taker=2, maker_owner=5, taker_owner=6, tick=100, lots=1, side=BUY, kind=0)
    assert dict(zip(fill.dtype.names, fill.tolist(), strict=True)) == expected
    assert book.drain_fills().size == 0


def test_fills__are_never_lost_when_the_buffer_runs_full():
    book = OrderBook(capacity=2, events=0)
    messages = np.zeros(200, MESSAGE)
    messages["order"] = np.arange(200)
    messages["lots"] = 1
    messages["tick"] = 7
    messages["side"] = np.arange(200) % 2
    assert (book.apply(messages) == Status.OK).all()
    assert book.drain_fills()["maker"].tolist() == list(range(0, 200, 2))


def test_depth__sums_levels_best_first(book):
    for order, (side, tick, lots) in enumerate([("buy", 9, 1), ("buy", 9, 2), ("buy", 8, 4), ("sell", 11, 8)]):
        book.limit(order, side, tick, lots)
    bids, asks = book.depth(levels=5)
    assert bids.tolist() == [(9, 3, 2), (8, 4, 1)]
    assert asks.tolist() == [(11, 8, 1)]
    assert book.depth(levels=1).bids.tolist() == [(9, 3, 2)]


# ── many messages ────────────────────────────────────────────────────────────────────────────────────────────
def test_apply__takes_another_layout_of_the_same_names(book):
    rows = [(Kind.LIMIT, SELL, 100, 5, 1), (Kind.MARKET, BUY, 0, 2, 2), (Kind.CANCEL, 0, 0, 0, 1), (9, 0, 0, 1, 1)]
    other = np.array(rows, [(name, np.int16) for name in ("kind", "side", "tick", "lots", "order")])
    assert book.apply(other).tolist() == [Status.OK, Status.OK, Status.OK, Status.BAD_KIND]
    assert fills(book) == [(1, 2, 100, 2)]


def test_apply__refuses_what_no_int32_holds_instead_of_wrapping_around(book):
    names = ("order", "kind", "side", "tick", "lots")
    wide = np.array(
        [(1, Kind.LIMIT, BUY, 2**32 + 5, 1), (2, Kind.LIMIT, BUY, 5, 2**32 + 1)], [(name, np.int64) for name in names]
    )
    assert book.apply(wide).tolist() == [Status.OUT_OF_RANGE, Status.BAD_SIZE]


def test_apply__reads_read_only_and_strided_messages(book):
    messages = np.zeros(4, MESSAGE)
    messages["order"] = [1, -1, 2, -1]
    messages["lots"] = 1
    messages.flags.writeable = False
    assert (book.apply(messages[::2]) == Status.OK).all()
    assert book.orders()["order"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "messages",
    [
        [1, 2],
        np.zeros(3),
        np.zeros((2, 2), MESSAGE),
        np.zeros(1, [("order", np.float64)]),
        np.zeros(1, [("ordr", np.int64)]),
        np.array([(2**63,)], [("order", np.uint64)]),
        np.array([(2**31,)], [("owner", np.int64)]),
    ],
    ids=["list", "plain", "two-dimensional", "floats", "misspelt", "id too large", "owner too large"],
)
def test_apply__refuses_what_are_no_messages(book, messages):
    with pytest.raises(InvalidOrderError, match="messages"):
        book.apply(messages)


# ── bad input ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("lots", [0, -1, 2**31, -(2**70)])
def test_size__outside_its_range_is_a_status(book, lots):
    assert book.limit(1, "buy", 5, lots).status == Status.BAD_SIZE
    assert book.market(1, "buy", lots).status == Status.BAD_SIZE
    assert rested(book) == []


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("1", "buy", 5, 1), "order"),
        ((1.0, "buy", 5, 1), "order"),
        ((2**63, "buy", 5, 1), "order"),
        ((1, "bid", 5, 1), "side"),
        ((1, 0, 5, 1), "side"),
        ((1, "buy", 5.5, 1), "tick"),
        ((1, "buy", None, 1), "tick"),
        ((1, "buy", 5, float("nan")), "lots"),
        ((1, "buy", 5, True), "lots"),
    ],
)
def test_limit__refuses_wrong_types(book, arguments, match):
    with pytest.raises(InvalidOrderError, match=match):
        book.limit(*arguments)


def test_limit__refuses_an_unknown_way_and_owner(book):
    with pytest.raises(InvalidOrderError, match="did you mean 'ioc'"):
        book.limit(1, "buy", 5, 1, how="iocc")
    with pytest.raises(InvalidOrderError, match="owner"):
        book.limit(1, "buy", 5, 1, owner=2**31)


@pytest.mark.parametrize(
    "parameters",
    [
        {"tick_size": 0},
        {"tick_size": float("nan")},
        {"lot_size": -1.0},
        {"lot_size": "1"},
        {"lowest_price": float("inf")},
        {"capacity": 0},
        {"capacity": 1.5},
        {"capacity": 2**31},
        {"events": -1},
        {"self_trade": "cancel"},
    ],
    ids=str,
)
def test_new_book__refuses_parameters_that_cannot_be_true(parameters):
    with pytest.raises(InvalidConfigError, match=next(iter(parameters))):
        OrderBook(**parameters)


def test_depth__refuses_a_negative_number_of_levels(book):
    with pytest.raises(InvalidOrderError, match="levels"):
        book.depth(levels=-1)


def test_units__convert_on_the_grid_only():
    book = OrderBook(tick_size=0.1, lot_size=0.001, lowest_price=60_000.0)
    assert book.tick_of(62_841.9) == 28_419
    assert book.price_of(28_419) == pytest.approx(62_841.9)
    assert book.lots_of(1.234) == 1234
    with pytest.raises(InvalidOrderError, match="price"):
        book.tick_of(62_841.95)
    with pytest.raises(InvalidOrderError, match="size"):
        book.lots_of(float("nan"))
