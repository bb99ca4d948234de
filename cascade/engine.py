"""A scenario and a seed -> a result. The only caller of the compiled day."""

import resource
import sys
import time
from collections.abc import Callable

import numpy as np

from cascade.assembly import Population, build_world
from cascade.branching import passing
from cascade.errors import ConservationError, InvalidConfigError, PriceRangeError
from cascade.kernels.jit import compile_clock
from cascade.kernels.loop import post_one_more, run_steps
from cascade.kernels.recount import recount, winnings
from cascade.result import Result
from cascade.scenario import Scenario
from cascade.state import LEDGER_COLUMNS, N_DELEVERAGED, N_OFF_BOOK, N_POOL_FULL, N_TAPE, SOCIALISED, World

EXTRA_ORDER_S = 60  # before the day: when a twin gets its one more order,
EXTRA_ORDER = (5e-4, 0.01, 3600.0)  # this far below the reference, of this share of the 1% depth, for so many seconds
LARGEST_SEED = 2**53
CHUNK_S = 3600  # steps between two reports of progress
COUNTED = (
    "posts expired pulled taker_orders trades noise informed arbitrage opened closed stopped liquidated tape pool_full "
    "unfilled_openings trigger_checks programme off_book deleveraged cross_checks cross_liquidated"
).split()
COLUMNS = "free collateral paid external pool clearance fees absorber accrued socialised".split()

Progress = Callable[[str, float], None]  # what is under way, and the fraction done


def simulate(
    scenario: Scenario, seed: int = 1, progress: Progress | None = None, *, population: Population | None = None
) -> Result:
    """Run a scenario and return what happened.

    Parameters
    ----------
    scenario : Scenario
        The question.
    seed : int
        Of everything drawn; the same seed gives the same bits, whatever the number of threads.
    progress : callable, optional
        Called with what is under way and the fraction of it that is done.
    population : Population, optional
        Accounts of this scenario and seed, drawn before (`cascade.assembly.draw_accounts`): copied rather than drawn.

    Returns
    -------
    Result

    Raises
    ------
    InvalidConfigError
        If the seed is no whole number from 0 to 2**53.
    PriceRangeError
        If a price leaves the range that its books can hold.
    ConservationError
        If the ledger does not balance: a defect of the engine.
    """
    report = progress or (lambda what, done: None)
    _check_seed(seed)
    started = time.perf_counter()
    report("drawing positions", 0.0)
    with compile_clock() as compiling:
        world, drawn = build_world(scenario, seed, population)
    population_s = time.perf_counter() - started - compiling()
    loop_s = _run(scenario, world, report)
    runtime = {
        "positions": int(world.accounts.opening[0] + (world.cross.legs["is_coin"] == 0).sum()),
        "book_messages": book_messages(world),
        "loop_s": loop_s,
        "population_s": population_s,
        "total_s": time.perf_counter() - started,
        "peak_rss_mb": peak_rss_mb(),
    }
    inputs = dict(scenario.provenance.get("inputs", {}))
    provenance = {"configuration": scenario.resolved(), "inputs": inputs, "drawn": drawn}
    return collect(scenario, seed, world, runtime, provenance)


def run_world(scenario: Scenario, seed: int = 1) -> World:
    """Run a scenario and return its world after the day: for those who need what a result leaves out.

    Raises
    ------
    CascadeError
        As `simulate` does.
    """
    _check_seed(seed)
    world, _ = build_world(scenario, seed)
    _run(scenario, world, lambda what, done: None)
    return world


def _run(scenario: Scenario, world: World, report: Progress) -> float:
    """Run the warm-up and the day, and check what came of it; return the seconds that the loop took."""
    warmup = scenario.priors.run.warmup_s
    last = min(warmup, EXTRA_ORDER_S)
    loop_s = _timed(run_steps, world, -warmup, -last, warmup)
    if scenario.extra_order:
        post_one_more(world, 0, *EXTRA_ORDER)
    loop_s += _timed(run_steps, world, -last, 0, warmup)
    for first in range(0, scenario.seconds, CHUNK_S):
        report("simulating", first / scenario.seconds)
        stop = min(first + CHUNK_S, scenario.seconds)
        loop_s += _timed(run_steps, world, first, stop, warmup)
        _check_range(scenario, world, stop)
    report("simulating", 1.0)
    _check(world)
    return loop_s


def collect(scenario: Scenario, seed: int, world: World, runtime: dict, provenance: dict) -> Result:
    """Return the result that a finished world holds."""
    contracts, records = world.contracts, world.records
    socialised = -world.ledger.cash.reshape(-1, LEDGER_COLUMNS)[:, SOCIALISED]
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
        passing=passing(world),
        provenance=provenance,
        contract_usd=np.where(contracts.payoff < 0, contracts.lot_size, 0.0),
        deleveraged=records.deleveraged[: world.counters.n[N_DELEVERAGED]].copy(),
        purses=tuple(purse_names(scenario, world).get(purse, "") for purse in range(len(socialised))),
        purse_of=contracts.purse,
        pool_quanta=records.pools,
        socialised=socialised,
        winnings=winnings(world, socialised > 0),
    )


def ledger_of(scenario: Scenario, world: World) -> dict:
    """Return every purse's columns in quanta, and whether all was conserved at every step."""
    cash = world.ledger.cash.reshape(-1, LEDGER_COLUMNS)
    names = purse_names(scenario, world)
    rows = {name: dict(zip(COLUMNS, map(int, cash[purse]), strict=True)) for purse, name in names.items()}
    return rows | {"conserved": bool((world.ledger.broken == 0).all())}


def purse_names(scenario: Scenario, world: World) -> dict[int, str]:
    """Return the name of every purse: the venue's, and its coin's where contracts settle in that."""
    names = {}
    for coin, venue, purse, payoff in zip(*world.contracts[:3], world.contracts.payoff, strict=True):
        title = scenario.venues[venue].name
        names[int(purse)] = title if payoff > 0 else f"{title} {scenario.coins[coin]}"
    return names


def book_messages(world: World) -> int:
    """Return how many messages the books took: posts, expiries, quotes pulled or taken while stale, taker orders."""
    counted = dict(zip(COUNTED, world.counters.n, strict=False))
    return int(sum(counted[name] for name in ("posts", "expired", "pulled", "informed", "taker_orders")))


def peak_rss_mb() -> float:
    """Return the highest memory that the process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _timed(function: Callable, *arguments) -> float:
    """Return how long a call took, without the time to compile it."""
    started = time.perf_counter()
    with compile_clock() as compiling:
        function(*arguments)
    return time.perf_counter() - started - compiling()


def _check_seed(seed: int) -> None:
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED:
        raise InvalidConfigError(f"seed must be a whole number from 0 to {LARGEST_SEED}, got {seed!r}")


def _check_range(scenario: Scenario, world: World, stop: int) -> None:
    """Refuse to go on once a price has left what its books can hold: they have run empty, and nothing holds it."""
    if world.counters.n[N_OFF_BOOK] == 0:
        return
    usd = world.records.prices["reference_usd"][:, :stop]
    off = np.abs(np.log(usd / np.array(scenario.open_usd)[:, None])).max(axis=1)
    coin = int(np.argmax(off))
    step = int(np.argmax(np.abs(np.log(usd[coin] / scenario.open_usd[coin]))))
    clock, usd = f"{step // 3600:02d}:{step // 60 % 60:02d}", float(usd[coin, step])
    raise PriceRangeError(
        f"{scenario.name}: the price of {scenario.coins[coin]} left the range of its books at {clock} ({usd:g} USD "
        f"after {scenario.open_usd[coin]:g}): they ran empty, and nothing holds it; take a smaller move or deeper books"
    )


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
    if world.counters.n[N_TAPE] == len(world.records.tape) - 1:
        raise ConservationError(
            f"{len(world.records.tape)} liquidation orders found no room: report this, with the seed"
        )
    if world.counters.n[N_POOL_FULL]:
        raise ConservationError(
            f"{world.counters.n[N_POOL_FULL]} orders found no room: raise run.order_slots of the priors"
        )
