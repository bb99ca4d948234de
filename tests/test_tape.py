import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import InvalidTapeError
from cascade.tape import read_candles

pytestmark = pytest.mark.small

START = datetime(2022, 1, 21, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1000
HEADER = "timestamp,open,high,low,close,volume"
KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)


def candles(minutes=1440, step=1, first=0):
    """Return [ms, open, high, low, close, volume] of a walk that is the same every time."""
    draws = np.random.default_rng(7)
    price = 40_000.0
    rows = []
    for i in range(0, minutes, step):
        close = round(price * (1 + 1e-3 * draws.standard_normal()), 1)
        high, low = max(price, close) + 1.0, min(price, close) - 1.0
        rows.append([START_MS + 60_000 * (first + i), price, high, low, close, 2.5])
        price = close
    return rows


def as_csv(rows, header=HEADER, time=str):
    lines = [header] if header else []
    return "\n".join([*lines, *(",".join([time(row[0]), *map(str, row[1:])]) for row in rows)]) + "\n"


def as_text(ms):
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S.%f}"


def klines(rows, factor=1):
    return [[row[0] * factor, *row[1:], (row[0] + 60_000) * factor - 1, 1.0, 5, 1.0, 1.0, 0] for row in rows]


@pytest.fixture
def write(tmp_path):
    def write_file(content, name="candles.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


# ── formats ─────────────────────────────────────────────────────────────────────────────────────────────────
FORMATS = {
    "ccxt JSON": (json.dumps(candles()), "ccxt JSON"),
    "ccxt CSV": (as_csv(candles(), header=None), "CSV"),
    "ccxt CSV with a header": (as_csv(candles()), "CSV"),
    "klines": (as_csv(klines(candles()), header=None), "Binance-Vision klines"),
    "klines with a header": (as_csv(klines(candles()), header=KLINE_HEADER), "Binance-Vision klines"),
    "klines in µs": (as_csv(klines(candles(), factor=1000), header=None), "Binance-Vision klines"),
    "naive text": (as_csv(candles(), time=as_text), "CSV"),
    "text with a zone": (as_csv(candles(), time=lambda ms: as_text(ms).replace(" ", "T") + "Z"), "CSV"),
    "BOM and Windows line ends": ("\ufeff" + as_csv(candles()).replace("\n", "\r\n"), "CSV"),
    "no volume": (as_csv([row[:5] for row in candles()], header="date,open,high,low,close"), "CSV"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_read_candles__gives_the_same_day_from_every_format(name, write):
    content, source_format = FORMATS[name]
    day = read_candles(write(content))
    wanted = np.array(candles())
    assert day.source_format == source_format
    assert day.day == "2022-01-21"
    assert day.interval_ns == 60 * 10**9
    np.testing.assert_array_equal(day.time_ns, wanted[:, 0].astype(np.int64) * 10**6)
    np.testing.assert_array_equal([day.open_usd, day.high_usd, day.low_usd, day.close_usd], wanted[:, 1:5].T)
    np.testing.assert_array_equal(day.volume, np.full(1440, np.nan if name == "no volume" else 2.5))
    np.testing.assert_array_equal(day.minute_closes(), day.close_usd)


def test_read_candles__leaves_a_volume_that_is_null_unknown(write):
    rows = [[*row[:5], None] for row in candles()]
    assert np.isnan(read_candles(write(json.dumps(rows))).volume).all()


@pytest.mark.parametrize("step", [5, 15, 60])
def test_minute_closes__meet_the_closes_of_coarser_candles(step, write):
    day = read_candles(write(as_csv(candles(step=step))))
    closes = day.minute_closes()
    assert closes.shape == (1440,)
    np.testing.assert_allclose(closes[step - 1 :: step], day.close_usd, rtol=1e-14)
    between = np.exp((np.log(day.open_usd[0]) * (step - 1) + np.log(day.close_usd[0])) / step)
    assert closes[0] == pytest.approx(between)


def test_read_candles__picks_one_day_of_many(write):
    path = write(as_csv(candles(minutes=3 * 1440, first=-1440)))
    day = read_candles(path, "2022-01-21")
    assert day.time_ns[0] == START_MS * 10**6
    assert len(day.time_ns) == 1440
    assert read_candles(path, START.date()).day == "2022-01-21"
    assert read_candles(path, "2022-01-22").day == "2022-01-22"


def test_read_candles__overlooks_a_gap_on_another_day(write):
    rows = candles(minutes=2 * 1440)
    path = write(as_csv(rows[:2000] + rows[2010:]))
    assert read_candles(path).day == "2022-01-21"
    with pytest.raises(InvalidTapeError, match="gap"):
        read_candles(path, "2022-01-22")


def test_read_candles__reads_the_shared_crash_day(shared):
    path = shared / "data" / "ftx_btc_perp_2022-01" / "btc-perp-20211231-20220201_1m.csv"
    day = read_candles(path, "2022-01-21")
    fall_to_close = 1 - day.close_usd[-1] / day.open_usd[0]
    assert fall_to_close == pytest.approx(0.103, abs=5e-4)  # SOURCE.txt: -10.3 %
    assert 1 - day.low_usd.min() / day.high_usd.max() == pytest.approx(0.139, abs=0.01)  # SOURCE.txt: range -13.9 %
    with pytest.raises(InvalidTapeError, match="31, from 2022-01-01 to 2022-01-31; name one day"):
        read_candles(path)
    with pytest.raises(InvalidTapeError, match="not complete, it has 2021-12-31 23:01:00 to 2022-01-01 00:00:00"):
        read_candles(path, "2021-12-31")


# ── bad files ───────────────────────────────────────────────────────────────────────────────────────────────
def edited(i, column, value):
    rows = candles()
    rows[i][column] = value
    return as_csv(rows)


def text_rows(**edits):
    """Return a CSV with times as text, in which some rows have another one."""
    lines = as_csv(candles(), time=as_text).splitlines()
    for line, time in edits.items():
        number = int(line.removeprefix("line")) - 1
        lines[number] = ",".join([time, *lines[number].split(",")[1:]])
    return "\n".join(lines)


ROWS = candles()
BAD_FILES = {  # content, and what the line must say
    "empty": ("", "is empty"),
    "blank": (" \n\n", "is empty"),
    "binary": (bytes(range(256)), "is a binary file"),
    "zeros": (b"1,2,3\0", "is a binary file"),
    "UTF-16": ("timestamp,open".encode("utf-16"), "is no UTF-8 text"),
    "UTF-16 without a mark": ("timestamp,open".encode("utf-16-le"), "(or UTF-16)"),
    "Latin-1": ("zeit,er\xf6ffnung".encode("latin-1"), "is no UTF-8 text"),
    "zipped": (b"PK\x03\x04rest", "unpack it first"),
    "gzipped": (b"\x1f\x8brest", "unpack it first"),
    "header only": (HEADER + "\n", "holds a header and no candles"),
    "five columns, no header": (as_csv([r[:5] for r in ROWS], header=None), "line 1: has 5 columns and no header"),
    "no low": (as_csv(ROWS, header=HEADER.replace("low", "lo")), "no column 'low'; did you mean 'lo'?"),
    "no time": (as_csv(ROWS, header=HEADER.replace("timestamp", "t")), "no column 'timestamp'"),
    "a page of HTML": ("<html><body>404</body></html>", "line 1: the header has no column"),
    "ragged": (as_csv(ROWS) + "1,2,3\n", "line 1442: has 3 columns, the first line 6"),
    "one candle": (as_csv(ROWS[:1]), "is the only candle"),
    "unsorted": (as_csv([*ROWS[:5], ROWS[6], ROWS[5], *ROWS[7:]]), "line 8: 2022-01-21 00:05:00 UTC comes after"),
    "newest first": (as_csv(ROWS[::-1]), "sort the file by time"),
    "duplicate": (as_csv([*ROWS[:9], *ROWS[8:]]), "line 11: 2022-01-21 00:08:00 UTC stands twice"),
    "gap": (as_csv(ROWS[:100] + ROWS[130:]), "line 102: gap of 0:31:00 after 2022-01-21 01:39:00 UTC"),
    "irregular": (edited(9, 0, START_MS + 9 * 60_000 + 30_000), "line 11: gap of 0:01:30"),
    "half a day": (as_csv(ROWS[:720]), "complete days in the file: none"),
    "seconds": (as_csv([[r[0] // 1000, *r[1:]] for r in ROWS]), "looks like s since 1970; give it in ms"),
    "nanoseconds": (as_csv([[r[0] * 10**6, *r[1:]] for r in ROWS]), "looks like ns since 1970; give it in ms"),
    "1999": (as_csv([[r[0] - 23 * 31_536_000_000, *r[1:]] for r in ROWS]), "outside 2009-2100"),
    "1999 as text": (text_rows(line2="1999-01-21 00:00:00"), "line 2: time 1999-01-21 00:00:00 lies outside 2009-2100"),
    "a unit that changes": (edited(3, 0, (START_MS + 180_000) * 1000), "line 5: time"),
    "a time that is no number": (edited(3, 0, "soon"), "line 5: time 'soon' is no whole number"),
    "a time that is no time": (text_rows(line4="soon"), "line 4: time 'soon' cannot be read"),
    "another zone": (text_rows(line2="2022-01-21 00:00:00+08:00"), "line 2: time 2022-01-21 00:00:00+08:00 is not UTC"),
    "nan price": (edited(4, 4, "nan"), "line 6: close must be a positive number, got nan"),
    "infinite price": (edited(4, 2, "inf"), "line 6: high must be a positive number, got inf"),
    "negative price": (edited(4, 3, -1.0), "line 6: low must be a positive number, got -1.0"),
    "zero price": (edited(4, 1, 0), "line 6: open must be a positive number, got 0.0"),
    "no price": (edited(4, 1, ""), "line 6: open must be a number, got ''"),
    "high below low": (edited(4, 2, 1.0), "line 6: low <= open, close <= high must hold"),
    "negative volume": (edited(4, 5, -2), "line 6: volume must be zero or more"),
    "three-second candles": (as_csv([[START_MS + 3000 * i, *r[1:]] for i, r in enumerate(ROWS)]), "resample them"),
    "four-hour candles": (as_csv(candles(minutes=14400, step=240)), "resample them"),
    "seven-minute candles": (as_csv(candles(step=7)), "divide a day, got 0:07:00"),
    "two whole days": (as_csv(candles(minutes=2880)), "2022-01-21, 2022-01-22; name one day (--day)"),
    "JSON that breaks off": (json.dumps(ROWS)[:-5], "is no JSON"),
    "JSON without a list": ('{"candles": []}', "is not a list of candles"),
    "JSON of short rows": (json.dumps([row[:5] for row in ROWS]), "candle 1: must be [timestamp, open"),
    "JSON with a null price": (json.dumps([[*ROWS[0][:4], None, 1.0], *ROWS[1:]]), "candle 1: close must be a number"),
    "JSON nested deep": ("[" * 100_000, "is not a list of candles"),
    "one endless cell": ("a" * 200_000, "is no CSV"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_read_candles__refuses_a_bad_file_in_one_line(name, write):
    content, message = BAD_FILES[name]
    path = write(content)
    with pytest.raises(InvalidTapeError) as caught:
        read_candles(path)
    line = str(caught.value)
    assert message in line
    assert line.startswith(str(path))
    assert "\n" not in line


def test_read_candles__refuses_what_is_no_file(tmp_path):
    for path in (tmp_path / "absent.csv", tmp_path):
        with pytest.raises(InvalidTapeError, match="cannot be read"):
            read_candles(path)


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("2022-01-20", "has no candle on 2022-01-20; complete days in the file: 2022-01-21"),
        ("9999-12-31", "has no candle on 9999-12-31"),
        ("21 January", "day must be written as 2022-01-21, got '21 January'"),
        ("", "day must be written as 2022-01-21"),
        ("2022-01-21xyz", "day must be written as 2022-01-21, got '2022-01-21xyz'"),
        ("20220121", "day must be written as 2022-01-21"),
        ("2022-W03-5", "day must be written as 2022-01-21"),
    ],
)
def test_read_candles__refuses_a_day_that_the_file_does_not_hold(day, message, write):
    path = write(as_csv(ROWS))
    with pytest.raises(InvalidTapeError) as caught:
        read_candles(path, day)
    assert message in str(caught.value)


@given(st.data())
def test_read_candles__reads_a_day_or_refuses_it_whatever_is_in_the_file(tmp_path_factory, data):
    """Random damage to a file of hourly candles: an InvalidTapeError or a whole day, and nothing else."""
    lines = as_csv(candles(step=60)).splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        line = data.draw(st.integers(0, len(lines) - 1))
        start = data.draw(st.integers(0, len(lines[line])))
        lines[line] = lines[line][:start] + data.draw(st.text(max_size=5)) + lines[line][start + 1 :]
    path = tmp_path_factory.mktemp("damaged") / "candles.csv"
    path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
    try:
        day = read_candles(path)
    except InvalidTapeError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert np.isfinite(day.minute_closes()).all()
        assert (np.diff(day.time_ns) == timedelta(hours=1) // timedelta(microseconds=1) * 1000).all()
