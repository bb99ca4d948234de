"""A scenario and a seed -> a result. The only caller of the compiled day."""

import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from cascade.assembly import build_world
from cascade.errors import ConservationError
from cascade.kernels.loop import post_one_more, run_steps
from cascade.kernels.recount import recount
from cascade.result import Result
from cascade.scenario import Scenario
from cascade.state import LEDGER_COLUMNS, N_POOL_FULL, N_TAPE, World

EXTRA_ORDER_S = 60  # before the day: when a twin gets its one more order,
EXTRA_ORDER = (5e-4, 0.01, 3600.0)  # this far below the reference, of this share of the 1% depth, for so many seconds
CHUNK_S = 3600  # steps between two reports of progress
COUNTED = (
    "posts expired pulled taker_orders trades noise informed arbitrage opened closed stopped liquidated tape pool_full "
    "unfilled_openings book_empty trigger_checks programme"
).split()
COLUMNS = "free collateral paid external pool clearance fees absorber".split()

Progress = Callable[[str, float], None]  # what is under way, and the fraction done


def simulate(scenario: Scenario, seed: int = 1, progress: Progress | None = None) -> Result:
    """Run a scenario and return what happened.

    Parameters
    ----------
    scenario : Scenario
        The question.
    seed : int
        Of everything drawn; the same seed gives the same bits, whatever the number of threads.
    progress : callable, optional
        Called with what is under way and the fraction of it that is done.

    Returns
    -------
    Result

    Raises
    ------
    ConservationError
        If the ledger does not balance: a defect of the engine.
    """
    report = progress or (lambda what, done: None)
    started = time.perf_counter()
    report("drawing positions", 0.0)
    world, drawn = build_world(scenario, seed)
    drawn = time.perf_counter()
    warmup = scenario.priors.run.warmup_s
    last = min(warmup, EXTRA_ORDER_S)
    loop_s = _timed(run_steps, world, -warmup, -last, warmup)
    if scenario.extra_order:
        post_one_more(world, 0, *EXTRA_ORDER)
    loop_s += _timed(run_steps, world, -last, 0, warmup)
    for first in range(0, scenario.seconds, CHUNK_S):
        report("simulating", first / scenario.seconds)
        loop_s += _timed(run_steps, world, first, min(first + CHUNK_S, scenario.seconds), warmup)
    report("simulating", 1.0)
    _check(world)
    runtime = {
        "positions": int(world.accounts.opening[0]),
        "book_messages": book_messages(world),
        "loop_s": loop_s,
        "population_s": drawn - started,
        "total_s": time.perf_counter() - started,
        "peak_rss_mb": peak_rss_mb(),
    }
    inputs = dict(scenario.provenance.get("inputs", {}))
    return collect(
        scenario, seed, world, runtime, {"configuration": scenario.resolved(), "inputs": inputs, "drawn": drawn}
    )


def collect(scenario: Scenario, seed: int, world: World, runtime: dict, provenance: dict) -> Result:
    """Return the result that a finished world holds."""
    contracts, records = world.contracts, world.records
    return Result(
        event=scenario.name,
        seed=seed,
        start_ns=scenario.start_ns,
        step_s=1.0,
        coins=scenario.coins,
        venues=tuple(venue.name for venue in scenario.venues),
        tick_usd=contracts.tick_usd,
        lot_base=contracts.lot_base,
        floor_tick=contracts.floor_tick,
        tape=records.tape[: world.counters.n[N_TAPE]].copy(),
        index_usd=records.prices["index_usd"],
        value_usd=records.prices["value_usd"],
        reference_usd=records.prices["reference_usd"],
        open_usd=np.array(scenario.open_usd),
        target_usd=scenario.target_usd,
        minutes=records.minutes,
        stake_lots=records.stake,
        stake_every=scenario.priors.run.map_interval_s,
        news=world.settings.news,
        ledger=ledger_of(scenario, world),
        counters={name: int(count) for name, count in zip(COUNTED, world.counters.n, strict=False)},
        runtime=runtime,
        provenance=provenance,
    )


def ledger_of(scenario: Scenario, world: World) -> dict:
    """Return every venue's columns in quanta, and whether all was conserved at every step."""
    cash = world.ledger.cash.reshape(-1, LEDGER_COLUMNS)
    rows = {
        venue.name: dict(zip(COLUMNS, map(int, row), strict=True))
        for venue, row in zip(scenario.venues, cash, strict=True)
    }
    return rows | {"conserved": bool((world.ledger.broken == 0).all())}


def book_messages(world: World) -> int:
    """Return how many messages the books took: posts, expiries, quotes pulled or taken while stale, taker orders."""
    counted = dict(zip(COUNTED, world.counters.n, strict=False))
    return int(sum(counted[name] for name in ("posts", "expired", "pulled", "informed", "taker_orders")))


def peak_rss_mb() -> float:
    """Return the highest memory that the process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _timed(function: Callable, *arguments) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def _check(world: World) -> None:
    """Hold the running totals against a recount of every position."""
    cash, contracts = map(int, world.ledger.broken)
    if cash or contracts:
        raise ConservationError(
            f"cash did not balance in {cash} steps, contracts in {contracts}: report this, with the seed"
        )
    differing = recount(world)
    if differing:
        raise ConservationError(f"{differing} running totals differ from a recount of all positions: report this")
    if world.counters.n[N_POOL_FULL]:
        raise ConservationError(
            f"{world.counters.n[N_POOL_FULL]} orders found no room: raise run.order_slots of the priors"
        )
