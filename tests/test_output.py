import errno
import json
import os
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from fakes import fake_replay

from cascade.errors import OutputError
from cascade.output import OutputFolder
from cascade.output import folder as output
from cascade.result import Replay
from cascade.summary import summarise

FRAMES = (
    "liquidations.parquet",
    "path.parquet",
    "minutes.parquet",
    "branching.parquet",
    "deleveragings.parquet",
    "pools.parquet",
    "losses.parquet",
)
REPORTS = ("summary.json", "report.txt", "report.md", "manifest.json")
PICTURES = ("path.png", "shares.png", "liquidation_map.png", "liquidity.png", "branching.png", "pools.png")


@pytest.fixture(scope="module")
def replays() -> list[Replay]:
    return [fake_replay(seed, 300) for seed in (1, 2)]


def write(place: Path, replays: list[Replay], **options) -> None:
    with OutputFolder(place) as folder:
        for replay in replays:
            folder.add(replay)
        folder.finish(summarise(replays), **options)


def names_in(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────


def test_folder__holds_a_folder_per_seed_and_summary_and_pictures_above(tmp_path, replays):
    said = []
    write(tmp_path / "new" / "out", replays, progress=said.append)
    per_seed = {f"seed-{seed}/{name}" for seed in (1, 2) for name in (*FRAMES, *REPORTS)}
    assert names_in(tmp_path / "new" / "out") == per_seed | {*REPORTS, *PICTURES}
    assert os.listdir(tmp_path / "new") == ["out"]
    assert any("path.png" in line for line in said)
    summary = json.loads((tmp_path / "new" / "out" / "summary.json").read_text())
    assert summary["seeds"] == [1, 2]
    assert len(pl.read_parquet(tmp_path / "new" / "out" / "seed-2" / "liquidations.parquet")) == 300


def test_manifest__names_what_made_the_folder_and_hashes_every_file(tmp_path, replays):
    write(tmp_path / "out", replays, pictures=False)
    for folder, extra in ((tmp_path / "out", {"seeds": [1, 2]}), (tmp_path / "out" / "seed-2", {"seed": 2})):
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["made_by"] == "cascade" and manifest["event"] == "2026-02-06"
        assert extra.items() <= manifest.items()
        assert {"version", "commit", "kernel_hash", "libraries", "configuration_sha256", "configuration"} <= set(
            manifest
        )
        assert set(manifest["outputs"]) == names_in(folder) - {"manifest.json"}
        for name, digest in manifest["outputs"].items():
            assert sha256((folder / name).read_bytes()).hexdigest() == digest


def test_files__are_the_same_bytes_each_time(tmp_path, replays):
    write(tmp_path / "one", replays[:1])
    write(tmp_path / "two", [fake_replay(1, 300)])
    for name in names_in(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_ranges__go_into_summary_and_report(tmp_path, replays):
    ranges = [{"prior": "learning.share", "value": 0.7, "amplification": 1.02, "btc_drop_without_cascade": 0.126}]
    write(tmp_path / "out", replays[:1], pictures=False, ranges=ranges)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["priors"] == ranges
    assert "learning.share" in (tmp_path / "out" / "report.md").read_text()


# ── replaced, or refused ────────────────────────────────────────────────────────────────────────────────────


def test_folder__made_by_us_is_replaced_whole(tmp_path, replays):
    write(tmp_path / "out", replays)
    write(tmp_path / "out", replays[1:], pictures=False)
    assert names_in(tmp_path / "out") == {*REPORTS, *(f"seed-2/{name}" for name in (*FRAMES, *REPORTS))}
    assert os.listdir(tmp_path) == ["out"]


def test_folder__that_is_empty_is_taken(tmp_path, replays):
    (tmp_path / "out").mkdir()
    write(tmp_path / "out", replays[:1], pictures=False)
    assert "summary.json" in names_in(tmp_path / "out")


@pytest.mark.parametrize(
    "manifest", [None, "{}", '{"made_by": "someone"}', "\0not json", '{"made_by": "cascade"}', "[]"]
)
def test_folder__of_someone_else_is_refused_before_the_work(tmp_path, manifest):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    if manifest is not None:
        (tmp_path / "out" / "manifest.json").write_text(manifest)
    before = names_in(tmp_path)
    with (
        pytest.raises(OutputError, match=r"cascade did not write.*name another folder"),
        OutputFolder(tmp_path / "out"),
    ):
        pytest.fail("the work was begun")
    assert names_in(tmp_path) == before


def test_folder__of_ours_with_a_file_of_theirs_is_refused(tmp_path, replays):
    write(tmp_path / "out", replays[:1], pictures=False)
    (tmp_path / "out" / "notes.md").write_text("mine")
    with pytest.raises(OutputError, match=r"\(notes.md\)"), OutputFolder(tmp_path / "out"):
        pytest.fail("the work was begun")
    assert (tmp_path / "out" / "notes.md").exists()


def test_folder__that_became_someone_elses_during_the_work_is_left_alone(tmp_path, replays):
    def write_and_interfere() -> None:
        with OutputFolder(tmp_path / "out") as folder:
            folder.add(replays[0])
            folder.finish(summarise(replays[:1]), pictures=False)
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "theirs").write_text("theirs")

    with pytest.raises(OutputError, match="theirs"):
        write_and_interfere()
    assert names_in(tmp_path) == {"out/theirs"}


@pytest.mark.parametrize("place", ["file", "file/below", "link"])
def test_place__that_is_no_folder_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match=r"another|not a folder"), OutputFolder(tmp_path / place):
        pytest.fail("the work was begun")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link"}


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system that takes no files")
def test_place__that_cannot_be_written_is_refused_before_the_work():
    with pytest.raises(OutputError, match="cannot write to /proc/"), OutputFolder("/proc/cascade-test"):
        pytest.fail("the work was begun")


def test_place__without_room_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "LEAST_FREE_BYTES", 2**62)
    with pytest.raises(OutputError, match=r"No space left.*free some space"), OutputFolder(tmp_path / "a" / "b"):
        pytest.fail("the work was begun")
    assert not any(tmp_path.iterdir())


# ── nothing half-written ────────────────────────────────────────────────────────────────────────────────────


def fail_at(monkeypatch, name: str, call: int, error: BaseException) -> None:
    calls, real = [], getattr(output, name)

    def failing(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(output, name, failing)


NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("write_frames", 1),
        ("write_frames", 2),
        ("write_summary", 3),
        ("save", 2),
        ("write_manifest", 3),
        ("_put", 1),
    ],
)
@pytest.mark.parametrize("error", [NO_SPACE, KeyboardInterrupt(), RuntimeError("a defect")])
def test_failure__anywhere_leaves_nothing_new_and_the_old_as_it_was(tmp_path, replays, monkeypatch, name, call, error):
    fail_at(monkeypatch, name, call, error)
    expected = OutputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        write(tmp_path / "deep" / "out", replays, pictures=name == "save")
    assert not any(tmp_path.iterdir())
    if expected is OutputError:
        assert "free some space" in str(caught.value) and "\n" not in str(caught.value)
    monkeypatch.undo()

    write(tmp_path / "out", replays[:1], pictures=False)
    before = {path: (tmp_path / path).read_bytes() for path in names_in(tmp_path)}
    fail_at(monkeypatch, name, call, error)
    with pytest.raises(expected):
        write(tmp_path / "out", replays, pictures=name == "save")
    assert {path: (tmp_path / path).read_bytes() for path in names_in(tmp_path)} == before


def test_failure__of_the_last_move_brings_the_old_folder_back(tmp_path, replays, monkeypatch):
    write(tmp_path / "out", replays[:1], pictures=False)
    before, moves, real = names_in(tmp_path), [], os.replace

    def failing(source, target):
        moves.append(source)
        if len(moves) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OutputError, match="Input/output error"):
        write(tmp_path / "out", replays, pictures=False)
    assert names_in(tmp_path) == before


def test_folder__that_was_never_finished_is_not_put_in_place(tmp_path, replays):
    with OutputFolder(tmp_path / "out") as folder:
        folder.add(replays[0])
    assert not any(tmp_path.iterdir())
    with pytest.raises(ValueError, match="at least one replay"), OutputFolder(tmp_path / "out") as folder:
        folder.finish(replays[0].summary())
