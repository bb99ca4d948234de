import time

import pytest

from cascade.tape import read


@pytest.fixture(params=["btc", "eth"])
def recording(request, shared):
    return request.param, shared / "data" / "binance_l2_2024-08-08" / f"{request.param}usdt_20240808.gz"


def test_read__reads_the_shared_recordings(recording):
    coin, path = recording
    tape = read(path)
    for _ in tape:
        pass
    depth, quotes, trades = {"btc": (445_262, 66_089, 21_313), "eth": (430_358, 53_992, 14_076)}[coin]
    assert tape.report.rows == {"depth": depth, "quotes": quotes, "trades": trades}
    assert tape.report.flaws == {}
    assert tape.report.seconds == pytest.approx(344, abs=1)  # SOURCE.txt


@pytest.mark.slow
def test_read__takes_half_a_million_depth_updates_a_second(recording):
    took_s = []
    for _ in range(4):  # the first call compiles
        started = time.process_time()  # others may share the machine
        updates = sum(len(rows) for kind, rows in read(recording[1]) if kind == "depth")
        took_s.append(time.process_time() - started)
    assert updates / min(took_s) > 500_000
