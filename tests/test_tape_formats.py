import io
import json
import zipfile
from datetime import UTC, datetime

import numpy as np
import pytest
import tapes
from tapes import BOOKS, MS, TRADES

from cascade.errors import InvalidTapeError
from cascade.tape import Kind, read
from cascade.tape.rows import DTYPES
from cascade.tape.source import Source

pytestmark = pytest.mark.small


def lines(rows):
    return "\n".join(rows) + "\n"


def npz(rows):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, data=rows)
    return buffer.getvalue()


def zipped(*contents):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i, content in enumerate(contents):
            archive.writestr(f"{i}.csv", content)
    return buffer.getvalue()


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="tape"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def books_of(rows):
    """Follow depth rows in the plainest way; return bids and asks after every message."""
    books, bids, asks = [], {}, {}
    for message in np.unique(rows["message"]):
        part = rows[rows["message"] == message]
        if part["is_snapshot"][0]:
            bids, asks = {}, {}
        for row in part:
            side = bids if row["side"] == 0 else asks
            side[float(row["price"])] = float(row["amount"])
            if row["amount"] == 0:
                del side[float(row["price"])]
        books.append((dict(bids), dict(asks)))
    return books


# ── depth ────────────────────────────────────────────────────────────────────────────────────────────────────
DEPTH = {
    "Binance websocket lines": lines(tapes.websocket_lines()),
    "Tardis incremental_book_L2": lines(tapes.tardis_updates()),
    "Tardis book_snapshot": lines(tapes.tardis_snapshots()),
    "ccxt order books": json.dumps(tapes.ccxt_books()),
    "hftbacktest npz": npz(tapes.hftbacktest_rows()),
}


@pytest.mark.parametrize("name", DEPTH)
def test_read__gives_the_same_books_from_every_format(name, write):
    tape = read(write(DEPTH[name]))
    rows = tape.gather(Kind.DEPTH)[Kind.DEPTH]
    assert tape.source_format == name
    assert rows.dtype == DTYPES[Kind.DEPTH]
    assert books_of(rows) == BOOKS
    ends = np.flatnonzero(np.append(np.diff(rows["message"]), 1))
    np.testing.assert_array_equal(rows["time_ns"][ends], [(MS + ms) * 10**6 for ms in tapes.times()])
    assert tape.report.flaws == {}
    assert tape.report.messages == 4


@pytest.mark.parametrize("content", [tapes.ccxt_books()[0], tapes.ccxt_books()], ids=["one", "a line each"])
def test_read__takes_order_books_of_ccxt_as_they_are_saved(content, write):
    text = json.dumps(content) if isinstance(content, dict) else lines(json.dumps(book) for book in content)
    rows = read(write(text)).gather(Kind.DEPTH)[Kind.DEPTH]
    assert books_of(rows) == BOOKS[: 1 if isinstance(content, dict) else 4]


@pytest.mark.parametrize("name", ["Binance websocket lines", "Tardis incremental_book_L2"])
def test_read__unpacks_gzip_and_zip(name, write):
    for content in (tapes.packed(DEPTH[name], with_gzip=True), zipped(DEPTH[name])):
        assert books_of(read(write(content)).gather(Kind.DEPTH)[Kind.DEPTH]) == BOOKS


@pytest.mark.parametrize("name", DEPTH)
def test_read__gives_the_same_books_in_small_blocks(name, write, monkeypatch):
    whole = Source.blocks
    monkeypatch.setattr(Source, "blocks", lambda self, size=0: whole(self, 150))
    monkeypatch.setattr("cascade.tape.hftbacktest.ROWS", 2)
    tape = read(write(DEPTH[name]))
    chunks = [rows for kind, rows in tape if kind == Kind.DEPTH]
    assert books_of(np.concatenate(chunks)) == BOOKS
    assert len(chunks) > 1
    assert tape.report.crossed == 0, "a message was cut in two"


def test_read__leaves_out_what_hftbacktest_repeats_for_the_local_side(write):
    rows = tapes.hftbacktest_rows()
    local = rows.copy()
    local["ev"] &= ~np.uint64(1 << 31)
    rows["ev"] &= ~np.uint64(1 << 30)
    tape = read(write(npz(np.concatenate((rows, local)))))
    assert books_of(tape.gather(Kind.DEPTH)[Kind.DEPTH]) == BOOKS
    assert tape.report.rows == {"depth": 11, "trades": 3}


# ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────
PRINTS = {
    "websocket": lines(tapes.websocket_lines()),
    "Tardis": lines(tapes.tardis_trades()),
    "aggTrades": lines(tapes.aggregate_trades()),
    "aggTrades without a header": lines(tapes.aggregate_trades(with_header=False)),
    "aggTrades in µs": lines(tapes.aggregate_trades(unit=1000)),
    "hftbacktest": npz(tapes.hftbacktest_rows()),
}


@pytest.mark.parametrize("name", PRINTS)
def test_read__gives_the_same_trades_from_every_format(name, write):
    trades = read(write(PRINTS[name])).gather(Kind.TRADES)[Kind.TRADES]
    ms, ids, prices, amounts, sides = zip(*TRADES, strict=True)
    np.testing.assert_array_equal(trades["time_ns"], (MS + np.array(ms)) * 10**6)
    np.testing.assert_array_equal(trades["price"], prices)
    np.testing.assert_array_equal(trades["amount"], amounts)
    np.testing.assert_array_equal(trades["side"], [int(side == "sell") for side in sides])
    np.testing.assert_array_equal(trades["id"], np.full(3, -1) if name == "hftbacktest" else ids)


def test_read__gives_quotes_and_counts_what_it_does_not_know(write):
    tape = read(write(DEPTH["Binance websocket lines"]))
    quotes = tape.gather(Kind.QUOTES)[Kind.QUOTES]
    assert quotes[["bid", "ask"]].tolist() == [(100.0, 100.1)]
    assert tape.report.ignored == 1
    assert tape.report.stale == 1  # the update that the snapshot held already
    assert tape.report.symbol == "BTCUSDT"


KLINE = [[MS - MS % 60_000 + 60_000 * i, 100.0, 101.0, 99.0, 100.5, 2.5] for i in range(3)]
KLINE_NAMES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
CANDLES = {
    "ccxt": json.dumps(KLINE),
    "klines": lines(",".join(map(str, [*row, row[0] + 59_999, 1, 5, 1, 1, 0])) for row in KLINE),
    "klines with a header": lines(
        [KLINE_NAMES, *(",".join(map(str, [*row, row[0] + 59_999, 1, 5, 1, 1, 0])) for row in KLINE)]
    ),
}


@pytest.mark.parametrize("name", CANDLES)
def test_read__gives_the_same_candles_from_every_format(name, write):
    candles = read(write(CANDLES[name])).gather(Kind.CANDLES)[Kind.CANDLES]
    assert [row[1:] for row in candles.tolist()] == [tuple(row[1:]) for row in KLINE]
    np.testing.assert_array_equal(candles["time_ns"], [row[0] * 10**6 for row in KLINE])


BANDS = ["2024-08-08 23:54:16,-1,1500.5,92000000", "2024-08-08 23:54:16,1,1400,87000000"]
METRICS = [
    "2024-08-08 23:55:00,BTCUSDT,80000.1,4900000000,1.5,1.2,,0.9",
    "2024-08-09 00:00:00,BTCUSDT,80001,4900000001,1.5,1.2,2,0.9",
]
METRIC_NAMES = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)


@pytest.mark.parametrize("header", ["timestamp,percentage,depth,notional", None])
def test_read__gives_bands_of_depth(header, write):
    rows = read(write(lines([header, *BANDS] if header else BANDS))).gather(Kind.BANDS)[Kind.BANDS]
    assert rows.tolist() == [(MS * 10**6, -0.01, 1500.5, 92e6), (MS * 10**6, 0.01, 1400.0, 87e6)]


@pytest.mark.parametrize("header", [METRIC_NAMES, None])
def test_read__gives_metrics(header, write):
    tape = read(write(lines([header, *METRICS] if header else METRICS)))
    rows = tape.gather(Kind.METRICS)[Kind.METRICS]
    assert rows["open_interest"].tolist() == [80_000.1, 80_001.0]
    assert np.isnan(rows["accounts_ratio"]).tolist() == [True, False]
    assert tape.report.symbol == "BTCUSDT"
    assert datetime.fromtimestamp(rows["time_ns"][0] / 1e9, UTC).isoformat() == "2024-08-08T23:55:00+00:00"


# ── counted ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_report__counts_a_gap_in_update_ids(write):
    rows = tapes.websocket_lines()
    del rows[3]
    assert _read(write(lines(rows))).flaws == {"id_gaps": 1, "crossed": 1}  # the bid at 100 was to be removed


def test_report__counts_times_out_of_order(write):
    rows = tapes.tardis_updates()
    late = rows.pop(6).replace(str((MS + 50) * 1000), str((MS + 40) * 1000))
    assert _read(write(lines([*rows, late]))).out_of_order == 1


def test_report__counts_trades_that_are_missing(write):
    rows = tapes.aggregate_trades()
    del rows[2]
    assert _read(write(lines(rows))).flaws == {"missing_trades": 1}


def test_report__counts_crossed_books(write):
    rows = tapes.tardis_updates()
    us = (MS + 160) * 1000
    rows += [
        f"binance-futures,BTCUSDT,{us},{us},false,bid,100.05,1",
        f"binance-futures,BTCUSDT,{us + 1},{us + 1},false,bid,100.05,0",
    ]
    assert _read(write(lines(rows))).crossed == 1


def _read(path):
    tape = read(path)
    for _ in tape:
        pass
    return tape.report


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────
def swapped(rows, i, old, new):
    rows = list(rows)
    assert old in rows[i], rows[i]
    rows[i] = rows[i].replace(old, new, 1)
    return lines(rows)


def marked(archive, place, value):
    """Return a zip archive of one file with another flag or method in both of its headers."""
    data = bytearray(archive)
    data[place] = data[data.index(b"PK\x01\x02") + place + 2] = value
    return bytes(data)


WS, L2 = tapes.websocket_lines(), tapes.tardis_updates()
BAD = {
    "empty": ("", "is empty"),
    "unknown": ("hello, world\n", "is of no known format"),
    "cut gzip": (tapes.packed(lines(WS), with_gzip=True)[:-20], "is broken or cut off"),
    "cut zip": (zipped(lines(L2))[:40], "is no zip archive"),
    "two in a zip": (zipped("1", "2"), "holds 2 files; give an archive of one"),
    "websocket cut": (lines(WS)[:-30], "line 10: is no `<local ns>"),
    "websocket price": (swapped(WS, 2, '"100.00"', '"soon"'), "line 3: is no `<local ns>"),
    "websocket negative": (swapped(WS, 2, '"1.000"', '"-1.000"'), "line 3: amount must be a number from 0 up, got -1"),
    "websocket time": (swapped(WS, 2, f'"T":{MS + 50}', '"T":5'), "line 3: time 5 lies outside 2009-2100"),
    "websocket symbols": (swapped(WS, 3, "BTCUSDT", "ETHUSDT"), "line 4: is of ETHUSDT, the lines above of BTCUSDT"),
    "tardis side": (swapped(L2, 3, "bid", "bud"), "line 4: side must be bid or ask, got 'bud'"),
    "tardis flag": (swapped(L2, 3, "true", "maybe"), "line 4: is_snapshot must be false or true, got 'maybe'"),
    "tardis price": (swapped(L2, 3, "99.5", "abc"), "line 4: price must be a number, got 'abc'"),
    "tardis no price": (swapped(L2, 3, "99.5", ""), "line 4: price must be a number, got ''"),
    "tardis zero price": (swapped(L2, 3, "99.5", "0"), "line 4: price must be a positive number, got 0"),
    "tardis short": (swapped(L2, 3, ",1.5", ""), "line 4: has 7 columns, the first line 8"),
    "tardis long": (swapped(L2, 3, ",1.5", ",1.5,2"), "line 4: has 9 columns, the first line 8"),
    "tardis in ms": (lines([L2[0], L2[1].replace(str(MS * 1000), str(MS))]), "line 2: time 1723161256000 lies outside"),
    "tardis symbols": (swapped(L2, 3, "BTCUSDT", "ETHUSDT"), "line 4: is of ETHUSDT"),
    "tardis header only": (L2[0] + "\n", "holds a header and no rows"),
    "tardis column": (
        swapped(L2, 0, "price", "prize"),
        "line 1: the header has no column 'price'; did you mean 'prize'",
    ),
    "klines high": (CANDLES["klines"].replace("101.0", "90.0", 1), "line 1: high must be at least open and close"),
    "bands time": (lines(BANDS).replace("23:54:16", "25:54:16", 1), "line 1: timestamp must be written as"),
    "ccxt short": (json.dumps([[1, 2, 3]]), "does not fit what ccxt writes"),
    "ccxt no time": (json.dumps(tapes.ccxt_books()[0] | {"timestamp": None}), "book 1: has no timestamp"),
    "ccxt cut": (json.dumps(KLINE)[:-20], "after record 2: is no JSON"),
    "ccxt bytes": (json.dumps(tapes.ccxt_books()).encode().replace(b"USDT", b"USD\xd0", 1), "does not fit what ccxt"),
    "websocket id": (swapped(WS, 5, '"t":7', '"t":99999999999999999999'), "line 6: is no `<local ns>"),
    "websocket local": (lines([*WS, "9" + WS[5]]), f"line {len(WS) + 1}: time 9"),
    "websocket huge": (swapped(WS, 2, '"100.00"', '"1e300"'), "line 3: price must be at most 1e+18, got 1e+300"),
    "snapshots column": (
        swapped(tapes.tardis_snapshots(), 0, "asks[3].amount", "asks[3].qty"),
        "line 1: the header has no column 'asks[3].amount'",
    ),
    "snapshots price": (
        swapped(tapes.tardis_snapshots(), 0, "bids[3].price", "bids[3].prize"),
        "no column 'bids[3].price'",
    ),
    "encrypted npz": (marked(npz(tapes.hftbacktest_rows()), 6, 1), "cannot be unpacked (File 'data.npy' is encrypted"),
    "npz packed oddly": (marked(npz(tapes.hftbacktest_rows()), 8, 77), "cannot be unpacked (That compression method"),
    "npz in gzip": (tapes.packed(npz(tapes.hftbacktest_rows()), with_gzip=True), "in a packed one; unpack it once"),
    "npz fields": (npz(np.zeros(3)), "rows with ev, exch_ts, local_ts, px, qty are wanted"),
    "npz price": (
        npz(np.array([(1 | 1 << 29, MS * 10**6, MS * 10**6, -1, 1, 0, 0, 0)], tapes.EVENT)),
        "row 1: price must",
    ),
    "npz side": (npz(np.array([(1, MS * 10**6, MS * 10**6, 1, 1, 0, 0, 0)], tapes.EVENT)), "row 1: ev says neither"),
}


@pytest.mark.parametrize("name", BAD)
def test_read__refuses_a_bad_file_in_one_line(name, write):
    content, message = BAD[name]
    path = write(content)
    with pytest.raises(InvalidTapeError) as refused:
        _read(path)
    said = str(refused.value)
    assert message in said
    assert str(path) in said
    assert "\n" not in said


def test_read__refuses_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidTapeError, match="cannot be read"):
        read(tmp_path / "absent.gz")
