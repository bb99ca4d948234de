"""The bench: the yardstick's checksums, what it reports, and what it does without a compiler."""

import json
import shutil

import numpy as np
import pytest

from cascade import bench
from cascade.errors import InvalidTapeError

HAS_COMPILER = any(map(shutil.which, bench.COMPILERS))
needs_compiler = pytest.mark.skipif(not HAS_COMPILER, reason="no C++ compiler: nothing to compare the checksums with")
SMALL = {"base": (50_000, 2_000), "deep": (50_000, 100_000)}  # the second is deep enough for looking ahead


@pytest.fixture
def small_streams(monkeypatch):
    monkeypatch.setattr(bench, "STREAMS", SMALL)


def write_stream(path, building, timed):
    """Write a stream file of records (kind, side, tick, lots, order)."""
    records = np.array(building + timed, bench.yardstick.RECORD)
    path.write_bytes(np.array([len(building), len(records)]).tobytes() + records.tobytes())
    return path


def keys_of(report):
    return {key for value in report.values() if isinstance(value, dict) for key in value}


@needs_compiler
def test_bench__gives_the_checksums_of_the_yardstick(small_streams):
    report = bench.book_bench(rounds=1)
    assert set(report) == set(SMALL)
    for result in report.values():
        assert result["checksums_equal"] is True
        assert result["core_ratio"] == pytest.approx(result["core_million_per_s"] / result["cpp_million_per_s"])
        assert result["full_ratio"] == pytest.approx(result["full_million_per_s"] / result["cpp_million_per_s"])


@needs_compiler
def test_bench__sees_checksums_that_differ(small_streams, monkeypatch):
    monkeypatch.setattr(bench, "checksums", lambda fills: [0, 0, 0])
    assert bench.book_bench(rounds=1)["base"]["checksums_equal"] is False


@needs_compiler
def test_cpp_base_ns__is_a_plausible_time(small_streams):
    assert 1 < bench.cpp_base_ns(rounds=1) < 10_000


@pytest.mark.small
def test_bench__without_a_compiler_says_so(monkeypatch):
    monkeypatch.setattr(bench, "COMPILERS", ("no-such-compiler",))
    report = bench.book_bench()
    assert "no C++ compiler" in report["note"]
    assert all(value is None for name in bench.STREAMS for value in report[name].values())
    assert bench.cpp_base_ns() is None


@pytest.mark.small
def test_bench__without_a_compiler_times_streams_that_are_given(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "COMPILERS", ("no-such-compiler",))
    path = write_stream(tmp_path / "tiny.bin", [(0, 1, 100, 5, 0)], [(2, 0, 0, 2, -1), (1, 1, 100, 0, 0)])
    result = bench.book_bench({"tiny": path}, rounds=1)["tiny"]
    assert result["core_million_per_s"] > 0 and result["full_million_per_s"] > 0
    assert result["core_ratio"] is result["checksums_equal"] is None


@pytest.mark.small
def test_runs__agree_on_a_stream_solved_by_hand(tmp_path):
    """Two asks at 100 and one at 101; a market buy of 6 takes 5 of order 0 and 1 of order 2, then 0 rests no more."""
    building = [(0, 1, 100, 5, 0), (0, 1, 101, 5, 1), (0, 1, 100, 5, 2)]
    stream = bench.read_stream(write_stream(tmp_path / "tiny.bin", building, [(2, 0, 0, 6, -1), (1, 1, 100, 0, 2)]))
    expected = [2, 600, 5 * 1000003 + 2 * 31 + 1]
    assert bench.run_core(stream).checks == bench.run_full(stream).checks == expected


@pytest.mark.small
def test_report__holds_the_word_ratio_in_two_keys_only(monkeypatch):
    monkeypatch.setattr(bench, "COMPILERS", ())
    report = bench.book_bench()
    assert {key for key in keys_of(report) | set(report) if "ratio" in key} == {"core_ratio", "full_ratio"}
    json.dumps(report)


@pytest.mark.small
@pytest.mark.parametrize(
    "content",
    [None, b"", b"\0" * 8, b"\1" * 56, b"\1" * 7 + b"\2" + b"\x7f" * 48],
    ids=["absent", "empty", "short", "other", "a number that overflows"],
)
def test_stream__that_is_none_is_refused(tmp_path, content):
    path = tmp_path / "stream.bin"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidTapeError, match=r"stream\.bin"):
        bench.read_stream(path)


@pytest.mark.small
@pytest.mark.parametrize(
    "record", [(3, 0, 5, 1, 1), (0, 2, 5, 1, 1), (0, 0, -1, 1, 1), (0, 0, 5, 1, 9), (1, 0, 5, 1, -1), (0, 0, 5, 1, 0)]
)
def test_stream__that_would_leave_the_memory_of_the_bare_book_is_refused(tmp_path, record):
    path = write_stream(tmp_path / "stream.bin", [(0, 0, 5, 1, 0)], [record])
    with pytest.raises(InvalidTapeError, match=r"stream\.bin"):
        bench.read_stream(path)


@pytest.mark.small
def test_yardstick__is_the_shared_one(shared):
    shipped = bench.resources.files("cascade") / "yardstick" / "yardstick.cpp"
    assert shipped.read_bytes() == (shared / "yardstick" / "yardstick.cpp").read_bytes()
