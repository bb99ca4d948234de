"""What others test for: the FIFO profile and the self-trade cases of the package `tracebook-conformance`."""

import pytest

from cascade.orderbook import OrderBook
from cascade.state import Status

conformance = pytest.importorskip("tracebook.conformance", reason="tracebook-conformance is not installed")

TICK = 0.01
LOT = 2.0**-20  # its quantities are halved again and again
POLICIES = {"NONE": "allow", "CANCEL_RESTING": "cancel_resting", "CANCEL_INCOMING": "cancel_taker"}
HOW = {"LIMIT": "gtc", "IOC": "ioc", "FOK": "fok"}
REASONS = {Status.DUPLICATE_ORDER: "DUPLICATE_ORDER_ID", Status.UNKNOWN_ORDER: "ORDER_NOT_ACTIVE"}
FIFO_CASES = conformance.qualification_case_names("fifo-full-v1")
SELF_TRADE_CASES = ("stp-cancel-resting", "stp-cancel-resting-deep", "stp-cancel-incoming")


class Adapter:
    """`OrderBook` as the package sees it: one book a symbol, prices snapped, `replace` as cancel and new."""

    metadata = conformance.EngineMetadata("cascade", "1", "Python")

    def __init__(self, config):
        self.policy = POLICIES[config.self_trade_policy.name]
        self.books = {}

    def new_book(self):
        return OrderBook(TICK, LOT, capacity=1_000, events=1_000, self_trade=self.policy)

    def apply(self, event, index):
        if event.op == "clear":
            self.books[event.symbol] = self.new_book()
        book = self.books.get(event.symbol)
        if book is None and event.op == "new":
            book = self.books[event.symbol] = self.new_book()
        status = Status.UNKNOWN_ORDER if book is None else self.send(book, event)
        is_applied = status in (Status.OK, Status.WOULD_NOT_FILL)  # a FOK that does not fill is no error to them
        outcome = ("applied",) if is_applied else ("rejected", REASONS.get(status, "INVALID_ORDER"))
        state = self.snapshot()
        trades = () if book is None else tuple(self.trade(event.symbol, book, fill) for fill in book.drain_fills())
        return conformance.Observation(index, conformance.Outcome(*outcome), trades, state.digest(), state.order_count)

    def send(self, book, event):
        """Return what `book` says to one event."""
        if event.op == "clear":
            return Status.OK
        if event.op == "cancel":
            return book.cancel(event.order_id).status
        if event.op == "new":
            side, lots = event.side.name.lower(), book.lots_of(event.quantity)
            if event.order_type.name == "MARKET":
                return book.market(event.order_id, side, lots, owner=event.owner).status
            how = HOW[event.order_type.name]
            return book.limit(event.order_id, side, snapped(event.price), lots, owner=event.owner, how=how).status
        return self.change(book, event)

    def change(self, book, event):
        """Reduce in place, or cancel and send anew, which keeps no priority."""
        found = [row for row in book.orders() if row["order"] == event.order_id]
        if not found:
            return Status.UNKNOWN_ORDER
        (row,) = found
        if event.op == "reduce":
            left = int(row["lots"]) - book.lots_of(event.quantity)
            return (
                book.replace(event.order_id, int(row["tick"]), left) if left else book.cancel(event.order_id)
            ).status
        tick = int(row["tick"]) if event.price is None else snapped(event.price)
        lots = int(row["lots"]) if event.quantity is None else book.lots_of(event.quantity)
        book.cancel(event.order_id)
        return book.limit(event.order_id, ("buy", "sell")[row["side"]], tick, lots, owner=int(row["owner"])).status

    def trade(self, symbol, book, fill):
        pair = (int(fill["maker"]), int(fill["taker"]))
        buyer, seller = pair if fill["side"] == 1 else pair[::-1]
        return conformance.TradeFill(symbol, buyer, seller, price_text(fill["tick"]), quantity_text(fill["lots"]))

    def snapshot(self):
        return conformance.BookState(
            tuple(
                conformance.BookSnapshot(symbol, *(self.side(self.books[symbol], side) for side in (0, 1)))
                for symbol in sorted(self.books)
            )
        )

    def side(self, book, side):
        rows = (row for row in book.orders() if row["side"] == side)
        return tuple(
            conformance.RestingOrder(
                int(row["order"]), price_text(row["tick"]), quantity_text(row["lots"]), int(row["owner"])
            )
            for row in rows
        )

    def close(self):
        """Nothing to close."""


def snapped(price):
    """Return the nearest tick, or -1 below the first one: they snap to the grid, where `tick_of` refuses."""
    return round(price / TICK) or -1


def price_text(tick):
    return conformance.canonical_decimal(round(int(tick) * TICK, 2))


def quantity_text(lots):
    return conformance.canonical_decimal(int(lots) * LOT, 12)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    return conformance.copy_bundled_conformance_suite(tmp_path_factory.mktemp("tracebook") / "suite")


@pytest.mark.small
@pytest.mark.parametrize("name", [*FIFO_CASES, *SELF_TRADE_CASES])
def test_conformance__case(suite, name):
    (case,) = (case for case in suite.cases if case.name == name)
    report = conformance.run_conformance(case.load_events(), Adapter, config=case.config, trace_name=name)
    assert report.conformant, report.to_dict()["divergence"]


def test_conformance__qualifies_for_the_full_fifo_profile():
    result = conformance.run_qualification(Adapter, "fifo-full-v1", traces=10, events_per_trace=200)
    assert result.qualified, result.to_dict()


def test_conformance__finds_an_engine_that_lets_a_reduced_order_lose_its_place():
    class Careless(Adapter):
        def change(self, book, event):
            status = super().change(book, event)
            for row in book.orders():
                if row["order"] == event.order_id and event.op == "reduce":
                    book.replace(event.order_id, int(row["tick"]), int(row["lots"]))
            return status

    result = conformance.run_qualification(
        Careless, "fifo-full-v1", traces=2, events_per_trace=200, max_minimize_runs=1
    )
    assert not result.qualified
