import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import fake_replay

import cascade
from cascade import cli, progress
from cascade.errors import InvalidTapeError

TESTS = Path(__file__).parent


@pytest.fixture
def candles(tmp_path_factory):
    """Return the path of a file that holds one day of hourly candles."""
    path = tmp_path_factory.mktemp("candles") / "c.csv"
    path.write_text("".join(f"2022-01-05 {hour:02}:00:00,40000,40001,39999,40000,1\n" for hour in range(24)))
    path.write_text("date,open,high,low,close,volume\n" + path.read_text())
    return path


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Return a function that runs the command line on made-up replays, and returns status, output, errors."""
    calls = []

    def fake(event, *, seed, progress, **options):
        calls.append({"event": event, "seed": seed, **options})
        progress("drawing positions", 0.0)
        return fake_replay(seed, 300, candles="c.csv, 2022-01-05" if "candles" in options else "")

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cascade", *arguments])
        monkeypatch.setattr(os, "_exit", sys.exit)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    old = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(vars(cascade), "replay", fake)
    monkeypatch.setattr(progress, "is_compiled", lambda: False)
    monkeypatch.chdir(tmp_path)
    call.calls = calls
    yield call
    signal.signal(signal.SIGTERM, old)


def test_replay__writes_to_its_folder_and_prints_the_table(run, tmp_path):
    status, out, err = run("replay", "2026-02-06", "--no-plots")
    assert "Liquidated value" in out and "written to cascade-out/2026-02-06" in out
    assert "compiling for the first time" in err and "drawing positions" in err
    assert status == (0 if "✗" not in out else 1)
    assert sorted(os.listdir(tmp_path / "cascade-out" / "2026-02-06")) == [
        "manifest.json",
        "report.md",
        "report.txt",
        "seed-1",
        "summary.json",
    ]


def test_replay__draws_pictures_unless_told_not_to(run, tmp_path):
    run("replay", "2026-02-06", "--out", "here")
    assert (tmp_path / "here" / "path.png").exists() and (tmp_path / "here" / "shares.png").exists()


def test_replay__json_is_all_that_is_printed_and_nothing_is_written(run, tmp_path):
    status, out, err = run("replay", "2026-02-06", "--json", "--seeds", "3", "--first-seed", "1000", "--threads", "2")
    summary = json.loads(out)
    assert summary["seeds"] == [1000, 1001, 1002]
    assert sorted(call["seed"] for call in run.calls) == summary["seeds"]
    assert status == (0 if all(figure["within"] for figure in summary["figures"].values()) else 1)
    assert err and not any(tmp_path.iterdir())


def test_replay__json_with_out_writes_too(run, tmp_path):
    _, out, _ = run("replay", "2026-02-06", "--json", "--out", "x", "--no-plots")
    assert json.loads((tmp_path / "x" / "summary.json").read_text()) == json.loads(out)


def test_replay__status_says_whether_all_verdicts_hold(run, monkeypatch):
    good = fake_replay(1, 4000)
    monkeypatch.setitem(vars(cascade), "replay", lambda event, **options: good)
    assert run("replay", "2026-02-06", "--json")[0] == 0
    lots = good.tracked.tape.copy()
    lots["lots"] *= 2
    bad = replace(good, tracked=replace(good.tracked, tape=lots))
    monkeypatch.setitem(vars(cascade), "replay", lambda event, **options: bad)
    assert run("replay", "2026-02-06", "--json")[0] == 1


def test_replay__passes_candles_on_and_gives_no_verdict_on_what_they_replace(run, candles):
    _, out, _ = run("replay", "2026-02-06", "--json", "--candles", str(candles), "--day", "2022-01-05")
    read = run.calls[0].pop("candles")
    assert run.calls[0] == {"event": "2026-02-06", "seed": 1} and read.day == "2022-01-05"
    assert json.loads(out)["figures"]["btc_low_usd"]["reported"] is None


BAD = [
    (["replay", "2026-02-07"], "did you mean '2026-02-06'"),
    (["replay", ""], "no facts for event ''"),
    (["replay", "absent.toml"], "absent.toml"),
    (["replay"], "Missing argument"),
    (["replay", "2026-02-06", "--seeds", "0"], "--seeds"),
    (["replay", "2026-02-06", "--seeds", "-3"], "--seeds"),
    (["replay", "2026-02-06", "--seeds", "many"], "--seeds"),
    (["replay", "2026-02-06", "--seeds", "1000001"], "--seeds"),
    (["replay", "2026-02-06", "--first-seed", "9" * 30], "--first-seed"),
    (["replay", "2026-02-06", "--threads", "100000"], "--threads"),
    (["replay", "2026-02-06", "--candles", "absent.csv"], "absent.csv: cannot be read"),
    (["replay", "2026-02-06", "--candles", "file"], "file, line 1"),
    (["calibrate", "2026-02-07"], "did you mean '2026-02-06'"),
    (["attribute", "2026-02-07"], "did you mean '2026-02-06'"),
    (["attribute", "2026-02-06", "--seeds", "0"], "--seeds"),
    (["attribute", "2026-02-06", "--threads", "0"], "--threads"),
    (["attribute", "2026-02-06", "--out", "file"], "not a folder"),
    (["edge", "--threads", "none"], "--threads"),
    (["edge", "--out", "theirs"], "did not write"),
    (["bench", "--base", "absent.bin"], "absent.bin: cannot be read"),
    (["bench", "--deep", "file"], "no stream of the yardstick"),
    (["replay", "2026-02-06", "--first-seed", "-1"], "--first-seed"),
    (["replay", "2026-02-06", "--threads", "0"], "--threads"),
    (["replay", "2026-02-06", "--plots"], "--no-plots"),
    (["replay", "2026-02-06", "--day", "2022-01-05"], "--candles"),
    (["replay", "2026-02-06", "--out", "file"], "not a folder"),
    (["replay", "2026-02-06", "--out", "theirs"], "did not write"),
    (["repaly", "2026-02-06"], "replay"),
    (["--verison"], "--version"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[" ".join(arguments) or "none" for arguments, _ in BAD])
def test_bad_input__is_one_line_and_status_2(run, tmp_path, arguments, said):
    (tmp_path / "file").write_text("x")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("x")
    status, out, err = run(*arguments)
    assert status == 2 and out == ""
    assert err.startswith("cascade: ") and err.count("\n") == 1 and said in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "theirs"] and not run.calls


def test_bad_input__a_day_in_another_form_is_one_line(run, candles):
    status, _, err = run("replay", "2026-02-06", "--candles", str(candles), "--day", "2022-01-05xyz")
    assert status == 2 and err.count("\n") == 1 and "got '2022-01-05xyz'" in err


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="needs a device without an end")
@pytest.mark.parametrize("arguments", [["replay", "2026-02-06", "--candles"], ["bench", "--base"]])
def test_bad_input__a_device_is_refused_at_once(run, arguments):
    status, _, err = run(*arguments, "/dev/zero")
    assert status == 2 and err.count("\n") == 1 and "not a regular file" in err


def test_replay__says_nothing_of_compiling_when_that_was_done(run, monkeypatch):
    monkeypatch.setattr(progress, "is_compiled", lambda: True)
    assert run("replay", "2026-02-06", "--json")[2] == "cascade: seed 1, 1 of 1: drawing positions\n"


def test_version__is_printed(run):
    assert run("--version") == (0, f"cascade {cascade.__version__}\n", "")


def test_bad_input__found_during_the_work_leaves_nothing(run, monkeypatch, tmp_path, candles):
    def refuse(event, *, seed, **options):
        if seed == 3:
            raise InvalidTapeError("c.csv, line 7:\n  a gap of 3 minutes; fill it")
        return fake_replay(seed, 10)

    monkeypatch.setitem(vars(cascade), "replay", refuse)
    status, out, err = run("replay", "2026-02-06", "--seeds", "4", "--candles", str(candles), "--threads", "1")
    assert status == 2 and out == ""
    assert err.splitlines()[-1] == "cascade: c.csv, line 7: a gap of 3 minutes; fill it"
    assert not any(tmp_path.iterdir())


def test_interrupt__leaves_nothing_and_ends_with_130(run, monkeypatch, tmp_path):
    def interrupted(event, **options):
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(cascade), "replay", interrupted)
    status, out, err = run("replay", "2026-02-06")
    assert status == 130 and out == "" and err.splitlines()[-1] == "cascade: interrupted; nothing was written"
    assert not any(tmp_path.iterdir())


def test_seeds__are_let_go_as_they_are_done(run, monkeypatch):
    import weakref

    alive, most = [], 0

    def fake(event, *, seed, **options):
        nonlocal most
        replay = fake_replay(seed, 10)
        alive.append(weakref.ref(replay))
        most = max(most, sum(reference() is not None for reference in alive))
        return replay

    monkeypatch.setitem(vars(cascade), "replay", fake)
    assert run("replay", "2026-02-06", "--seeds", "8", "--threads", "1", "--json")[0] in (0, 1)
    assert most <= 3


def test_priors__are_reported_beside_the_summary(run, monkeypatch, tmp_path):
    ranges = [{"prior": "learning.share", "value": 0.7, "amplification": 1.02, "btc_drop_without_cascade": 0.126}]
    monkeypatch.setattr(cli.day, "_over_priors", lambda *arguments: ranges)
    assert json.loads(run("replay", "2026-02-06", "--json", "--priors")[1])["priors"] == ranges
    ranges[0]["amplification"] = math.nan
    assert json.loads(run("replay", "2026-02-06", "--json", "--priors")[1])["priors"][0]["amplification"] is None
    assert "learning.share" in run("replay", "2026-02-06", "--priors", "--no-plots")[1]


def test_calibrate__says_what_it_wrote(run, monkeypatch):
    monkeypatch.setitem(vars(cascade), "calibrate", lambda event, **options: Path("fitted.toml"))
    assert run("calibrate", "2026-02-06")[:2] == (0, "wrote fitted.toml\n")


def test_bench__prints_book_and_day(run, monkeypatch):
    book, day = {"base": {"core_ratio": 1.0625, "cpp_million_per_s": 70.0}}, {"loop_s": 3.5}
    monkeypatch.setattr("cascade.bench.book_bench", lambda streams: book)
    monkeypatch.setattr(cli.checks, "_day_figures", lambda cpp, lines: day if cpp == 70.0 else None)
    assert json.loads(run("bench", "--json")[1]) == {"book": book, "day": day}
    assert "core_ratio" in run("bench")[1]


@pytest.fixture
def small_attribution(monkeypatch):
    """Let the event be a world of two minutes, and the mechanisms two."""
    from functools import partial

    from worlds import small_world

    from cascade import attribution, reconstruction

    monkeypatch.setattr(reconstruction, "reconstruct", lambda event, priors: small_world(200, shock=-0.05))
    small = partial(attribution.attribute, mechanisms=("liquidations", "stops"))
    monkeypatch.setattr(attribution, "attribute", small)


def test_attribute__writes_a_table_a_picture_and_every_run(run, tmp_path, small_attribution):
    import polars as pl

    status, out, _ = run("attribute", "2026-02-06", "--seeds", "2", "--threads", "1")
    assert status == 0 and "Liquidations" in out and "± " in out and "cascade-out/2026-02-06-attribution" in out
    folder = tmp_path / "cascade-out" / "2026-02-06-attribution"
    names = ["attribution.json", "manifest.json", "report.txt", "runs.parquet", "waterfall.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "report.txt").read_text().rstrip() in out
    assert pl.read_parquet(folder / "runs.parquet").shape[0] == 2 * 4
    assert json.loads((folder / "manifest.json").read_text())["seeds"] == [1, 2]
    assert run("attribute", "2026-02-06", "--seeds", "2", "--threads", "1")[0] == 0  # its own folder it replaces


def test_attribute__json_adds_up(run, small_attribution, tmp_path):
    told = json.loads(run("attribute", "2026-02-06", "--seeds", "2", "--json")[1])
    falls = told["log_fall"]["BTC"]
    shares = sum(share["mean"] for share in falls["shares"].values())
    assert abs(falls["together"]["mean"] - falls["without"]["mean"] - shares) < 1e-9
    assert told["seeds"] == [1, 2] and not any(tmp_path.iterdir())


def test_edge__writes_where_shocks_run_away(run, monkeypatch, tmp_path):
    from functools import partial

    from cascade.edge import curves as edge

    monkeypatch.setattr(edge, "SHOCKS", (0.01, 0.02))
    monkeypatch.setattr(edge, "LEVERAGES", (1.0,))
    monkeypatch.setattr(edge, "DEPTHS", (1.0,))
    monkeypatch.setattr(edge, "PHASE_LEVERAGES", (1.0, 1.5, 2.0))
    monkeypatch.setattr(edge, "PHASE_DEPTHS", (0.5, 0.7, 1.0))
    monkeypatch.setattr(edge, "PACES_MIN", (2,))
    monkeypatch.setattr(edge, "Market", partial(edge.Market, hours=0.6))
    status, out, _ = run("edge", "--quick", "--threads", "1")
    assert status == 0 and "BTC at binance" in out
    assert sorted(path.name for path in (tmp_path / "cascade-out" / "edge").iterdir()) == [
        "edge.json",
        "edge.png",
        "manifest.json",
        "report.txt",
    ]


# ── as a process ────────────────────────────────────────────────────────────────────────────────────────────

FAKE_MAIN = f"""
import sys, time
sys.path.insert(0, {str(TESTS)!r})
import cascade
from cascade import cli, progress
from fakes import fake_replay

def fake(event, *, seed, **options):
    if seed == 99:
        print("begun", file=sys.stderr, flush=True)
        time.sleep(30)
    return fake_replay(seed, 50)

cascade.replay = fake
progress.is_compiled = lambda: True
cli.main()
"""


def process(tmp_path: Path, *arguments: str, **options) -> subprocess.Popen:
    script = tmp_path / "main.py"
    script.write_text(FAKE_MAIN)
    return subprocess.Popen([sys.executable, str(script), *arguments], cwd=tmp_path, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal__ends_a_run_at_once_and_leaves_nothing(tmp_path, number):
    with process(tmp_path, "replay", "2026-02-06", "--first-seed", "99") as run:
        for line in run.stderr:
            if b"begun" in line:
                break
        run.send_signal(number)
        begun = time.monotonic()
        _, err = run.communicate(timeout=20)
        assert time.monotonic() - begun < 5
    assert run.returncode == 128 + number and b"Traceback" not in err
    assert not (tmp_path / "cascade-out").exists()


def test_reader__who_leaves_early_is_no_error(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with process(tmp_path, "replay", "2026-02-06", "--json", stdout=writing) as run:
        os.close(writing)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 141 and b"Traceback" not in err and b"Exception" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is full")
def test_output__that_cannot_take_the_summary_is_one_line(tmp_path):
    with open("/dev/full", "w") as full, process(tmp_path, "replay", "2026-02-06", "--json", stdout=full) as run:
        _, err = run.communicate(timeout=60)
    assert run.returncode == 2 and b"Traceback" not in err
    assert b"cascade: cannot write to standard output: No space left" in err


def test_help__imports_nothing_heavy_and_comes_at_once():
    heavy = ("numba", "numpy", "polars", "matplotlib", "scipy", "pydantic")
    code = f"import sys; from cascade import cli; print(*(m for m in {heavy!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
    fastest = min(help_s() for _ in range(5))
    assert fastest < 0.4


def test_module__is_the_command():
    done = subprocess.run([sys.executable, "-m", "cascade", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"cascade {cascade.__version__}\n")


def help_s() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "cascade.cli", "--help"], check=True, capture_output=True)
    return time.perf_counter() - begun


# ── the package's face ──────────────────────────────────────────────────────────────────────────────────────


def test_package__exports_lazily():
    assert "OrderBook" in dir(cascade) and "replay" in dir(cascade)
    assert cascade.Replay.__name__ == "Replay" and cascade.plots.path
    assert cascade.errors.CascadeError and cascade.liquidation_price and cascade.__version__
    with pytest.raises(AttributeError, match="no attribute 'reply'"):
        cascade.reply  # noqa: B018
