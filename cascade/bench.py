"""How fast: the book against a plain C++ one (the yardstick), interleaved in one run on the same messages."""

import contextlib
import errno
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from cascade.errors import InvalidTapeError
from cascade.kernels import yardstick
from cascade.memory import empty_book
from cascade.orderbook import OrderBook
from cascade.state import BUY, MESSAGE, SELL, TICKS, Kind

STREAMS = {"base": (1_000_000, 20_000), "deep": (1_000_000, 500_000)}  # messages, resting orders
HEADER = np.dtype(np.int64)  # of a stream file: records that build the book, records in all
SPARE = 10_000  # orders beyond those that build the book, for which `OrderBook` keeps room
COMPILERS = ("g++", "clang++", "c++")
FLAGS = ("-O3", "-march=native")
NO_COMPILER = f"no C++ compiler found ({', '.join(COMPILERS)}): our rates stand alone"
NO_STREAMS = f"no C++ compiler found ({', '.join(COMPILERS)}) to build the yardstick, and no stream files given"


# ── the yardstick ────────────────────────────────────────────────────────────────────────────────────────────
@contextlib.contextmanager
def building_yardstick() -> Iterator[Path | None]:
    """Build the yardstick in a temporary folder, and yield its path; None where no compiler can."""
    source = resources.files("cascade") / "yardstick" / "yardstick.cpp"
    with tempfile.TemporaryDirectory(prefix="cascade-yardstick-") as folder, resources.as_file(source) as path:
        program = Path(folder) / "yardstick"
        yield program if is_compiled(path, program) else None


def is_compiled(source: Path, program: Path) -> bool:
    """Try the compilers in turn; whether one of them has built `program`."""
    for compiler in filter(None, map(shutil.which, COMPILERS)):
        command = [compiler, *FLAGS, "-o", program, source]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            return True
    return False


def generate_stream(program: Path, name: str) -> Path:
    """Let the yardstick write a stream of `STREAMS` beside itself."""
    path = program.with_name(f"{name}.bin")
    n_messages, n_resting = STREAMS[name]
    subprocess.run([program, "generate", name, str(n_messages), str(n_resting), path], check=True)
    return path


def run_yardstick(program: Path, path: Path) -> dict:
    """Run the C++ book on a stream file: `seconds`, `million_per_s` and the checksums."""
    return json.loads(subprocess.run([program, "run", path], check=True, capture_output=True, text=True).stdout)


def cpp_base_ns(rounds: int = 5) -> float | None:
    """Return the yardstick's time per message on `base`, in ns (median); None where there is no compiler."""
    with building_yardstick() as program:
        if program is None:
            return None
        path = generate_stream(program, "base")
        runs = [run_yardstick(program, path) for _ in range(rounds)]
    return statistics.median(run["seconds"] / run["messages"] for run in runs) * 1e9


# ── ours ─────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Stream:
    """A stream file: records that build the book, and those that are timed."""

    path: Path
    building: np.ndarray  # yardstick.RECORD
    timed: np.ndarray


@dataclass(frozen=True)
class Run:
    """One timed run: seconds, and trades, notional and fifo."""

    seconds: float
    checks: list[int]


def read_stream(path: Path) -> Stream:
    """Read a stream file of the yardstick.

    Raises
    ------
    InvalidTapeError
        If it is absent, or no such file.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError(errno.EINVAL, "not a regular file")
        raw = path.read_bytes()
    except OSError as error:
        raise InvalidTapeError(
            f"{path}: cannot be read ({error.strerror}); name a file of `yardstick generate`"
        ) from None
    n_building, n_all = np.frombuffer(raw, HEADER, 2).tolist() if len(raw) >= 2 * HEADER.itemsize else (0, 0)
    if not 0 <= n_building < n_all or len(raw) != 2 * HEADER.itemsize + n_all * yardstick.RECORD.itemsize:
        raise InvalidTapeError(f"{path}: is no stream of the yardstick; write one with `yardstick generate`")
    records = np.frombuffer(raw, yardstick.RECORD, offset=2 * HEADER.itemsize).copy()
    if not is_playable(records):
        raise InvalidTapeError(f"{path}: holds records that no yardstick writes; write one with `yardstick generate`")
    return Stream(path, records[:n_building], records[n_building:])


def is_playable(records: np.ndarray) -> bool:
    """Whether all kinds, sides, ticks and orders are such as the bare book, which checks nothing, can take."""
    limits = records[records["kind"] == Kind.LIMIT]
    named = records[records["kind"] != Kind.MARKET]["order"]
    return bool(
        np.isin(records["kind"], (Kind.LIMIT, Kind.CANCEL, Kind.MARKET)).all()
        and np.isin(records["side"], (BUY, SELL)).all()
        and ((limits["tick"] >= 0) & (limits["tick"] < TICKS)).all()
        and ((named >= 0) & (named < records.size)).all()
        and np.unique(limits["order"]).size == limits.size
    )


def run_core(stream: Stream) -> Run:
    """Play a stream on the bare book, with its orders in the slots that the stream names."""
    n_records = stream.building.size + stream.timed.size
    book, checks = empty_book(1, n_records + 1), np.zeros(3, np.uint64)
    yardstick.play(book, stream.building, checks)
    start = time.perf_counter()
    yardstick.play(book, stream.timed, checks)
    return Run(time.perf_counter() - start, checks.tolist())


def run_full(stream: Stream) -> Run:
    """Play a stream on `OrderBook`: ids, recycled slots, fills as events, owners compared at every fill."""
    building, timed = (with_owners(records) for records in (stream.building, stream.timed))
    book = OrderBook(capacity=stream.building.size + SPARE)
    book.apply(building)
    start = time.perf_counter()
    book.apply(timed)
    return Run(time.perf_counter() - start, checksums(book.drain_fills()))


def with_owners(records: np.ndarray) -> np.ndarray:
    """Return a stream as messages, in which buyers are one owner and sellers another: compared, never the same."""
    messages = np.zeros(records.size, MESSAGE)
    for name in yardstick.RECORD.fields or ():
        messages[name] = records[name]
    messages["owner"] = 1 + records["side"]
    return messages


def checksums(fills: np.ndarray) -> list[int]:
    """Return trades, notional and fifo of the yardstick from events."""
    fifo = 0
    for maker, lots in zip(fills["maker"].tolist(), fills["lots"].tolist(), strict=True):
        fifo = (fifo * 1000003 + maker * 31 + lots) & yardstick.WORD
    return [fills.size, int((fills["lots"].astype(np.int64) * fills["tick"]).sum()), fifo]


# ── side by side ─────────────────────────────────────────────────────────────────────────────────────────────
def book_bench(streams: Mapping[str, Path | str] | None = None, rounds: int = 9) -> dict:
    """Time the book against the yardstick.

    Parameters
    ----------
    streams : mapping of str to path, optional
        Stream files by name; by default `base` and `deep` are made with the yardstick.
    rounds : int
        C++, core and full run by turns, so often; medians are reported.

    Returns
    -------
    dict
        By stream: `core_ratio` and `full_ratio`, our rate over C++'s; `cpp_million_per_s`, `core_million_per_s`,
        `full_million_per_s`; `checksums_equal`. What needs a compiler is None without one, and `note` says so.
    """
    with building_yardstick() as program:
        if streams is not None:
            paths = {name: Path(path) for name, path in streams.items()}
        elif program is not None:
            paths = {name: generate_stream(program, name) for name in STREAMS}
        else:
            return {name: summarise([], [], [], 0) for name in STREAMS} | {"note": NO_STREAMS}
        results = {name: measure(program, read_stream(path), rounds) for name, path in paths.items()}
    return results if program is not None else results | {"note": NO_COMPILER}


def measure(program: Path | None, stream: Stream, rounds: int) -> dict:
    """Run C++, core and full by turns on one stream."""
    warm = Stream(stream.path, stream.building[:0], stream.building[:1])  # compiles, or loads what was compiled
    run_core(warm)
    run_full(warm)
    cpp, core, full = [], [], []
    for _ in range(rounds):
        if program is not None:
            result = run_yardstick(program, stream.path)
            cpp.append(Run(result["seconds"], [result["trades"], result["notional"], result["fifo"]]))
        core.append(run_core(stream))
        full.append(run_full(stream))
    return summarise(cpp, core, full, stream.timed.size)


def summarise(cpp: list[Run], core: list[Run], full: list[Run], n_messages: int) -> dict:
    """Return our rates over C++'s, the rates by medians, and whether all checksums agree."""
    cpp_rate, core_rate, full_rate = (median_rate(runs, n_messages) for runs in (cpp, core, full))
    return {
        "core_ratio": core_rate / cpp_rate if core_rate and cpp_rate else None,
        "full_ratio": full_rate / cpp_rate if full_rate and cpp_rate else None,
        "cpp_million_per_s": cpp_rate,
        "core_million_per_s": core_rate,
        "full_million_per_s": full_rate,
        "checksums_equal": all(run.checks == cpp[0].checks for run in cpp + core + full) if cpp else None,
    }


def median_rate(runs: list[Run], n_messages: int) -> float | None:
    """Return messages per microsecond, which are millions per second; None without runs."""
    return n_messages / statistics.median(run.seconds for run in runs) / 1e6 if runs else None
