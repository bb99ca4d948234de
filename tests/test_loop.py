"""The loop: a run is its steps; twins share their draws; feedback acts through the book and through nothing else."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from worlds import small_world, thin_priors, warm_world

from cascade.engine import simulate
from cascade.kernels.loop import run_steps
from cascade.scenario import Programme
from cascade.state import MARK_INDEX, MARK_INDEX_BASIS, MARK_LAST, MARK_MEDIAN, World

small = pytest.mark.small
TAPE = ("account", "trigger_step", "step", "lots", "filled_lots", "pool", "fee")


def arrays_of(world: World) -> dict[str, np.ndarray]:
    """Return all arrays of a world by name."""
    found = {}
    for name, part in world._asdict().items():
        parts = part._asdict() if hasattr(part, "_asdict") else {"": part}
        found |= {f"{name}.{key}": array for key, array in parts.items()}
    return found


def same_bits(a: World, b: World) -> bool:
    pairs = zip(arrays_of(a).values(), arrays_of(b).values(), strict=True)
    return all(x.tobytes() == y.tobytes() for x, y in pairs)


# ── a run is its steps ───────────────────────────────────────────────────────────────────────────────────────
@small
def test_run__split_into_chunks_equals_one_run():
    scenario = small_world(seconds=60, shock=-0.06)
    whole, split = warm_world(scenario), warm_world(scenario)
    run_steps(whole, 0, 60, 60)
    for first, last in ((0, 1), (1, 20), (20, 59), (59, 60)):
        run_steps(split, first, last, 60)
    assert same_bits(whole, split)


@small
def test_run__of_another_seed_is_another_run():
    scenario = small_world(seconds=10)
    worlds = [warm_world(scenario, seed) for seed in (1, 1, 2)]
    assert same_bits(worlds[0], worlds[1])
    assert not same_bits(worlds[0], worlds[2])


def test_runs__in_threads_have_the_same_bits():
    scenario = small_world(seconds=300, shock=-0.06, coins=("BTC", "ETH"), venues=("binance", "okx"))
    seeds = range(4)
    alone = [simulate(scenario, seed) for seed in seeds]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: simulate(scenario, seed), seeds))
    for a, b in zip(alone, together, strict=True):
        assert a.tape.tobytes() == b.tape.tobytes()
        assert a.index_usd.tobytes() == b.index_usd.tobytes()
        assert a.minutes.tobytes() == b.minutes.tobytes()
        assert a.ledger == b.ledger and a.counters == b.counters


# ── feedback ─────────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_world__without_leverage_has_no_liquidation_and_no_amplification():
    scenario = small_world(0, seconds=60, shock=-0.15)
    free, bound = simulate(scenario), simulate(scenario.without("liquidations"))
    assert len(free.tape) == 0 and free.counters["liquidated"] == 0
    assert free.index_usd.min() < 0.87 * free.open_usd[0]
    assert free.index_usd.tobytes() == bound.index_usd.tobytes()


@small
def test_switch__of_liquidations_changes_nothing_where_none_occur():
    """No shock, leverage up to 3x: the same bits with and without, to the last byte of the world."""
    scenario = small_world(seconds=60)
    buckets = tuple(
        b.model_copy(update={"mass_usd": 0.0} if k else {}) for k, b in enumerate(scenario.assumptions.buckets)
    )
    scenario = scenario.changed(assumptions=scenario.assumptions.model_copy(update={"buckets": buckets}))
    on, off = warm_world(scenario), warm_world(scenario.without("liquidations"))
    run_steps(on, 0, 60, 60)
    run_steps(off, 0, 60, 60)
    assert on.settings.switches.tolist() != off.settings.switches.tolist()
    off.settings.switches[:] = on.settings.switches
    assert same_bits(on, off)


@small
def test_amplification__is_exactly_one_with_feedback_off_in_both():
    """Tracked without liquidation orders, against the counterfactual of the same news: the same bits."""
    path = 72_000.0 * np.exp(-0.05 * np.linspace(0, 1, 15) ** 2)[None]
    scenario = small_world(seconds=300, target_usd=path, news=np.zeros((1, 15))).without("liquidations")
    tracked = simulate(scenario)
    again = simulate(scenario.with_news(tracked.news))
    assert len(tracked.tape) > 5
    assert tracked.index_usd.tobytes() == again.index_usd.tobytes()
    assert tracked.index_usd[0, -1] == pytest.approx(path[0, -1], rel=5e-3)


def test_amplification__is_above_one_where_liquidation_orders_meet_the_book():
    """Negative control of the above, and the direction of the effect: thin books, a crowd of longs, eight seeds."""
    scenario = small_world(seconds=300, shock=-0.04)
    gains = [last_fall(scenario, seed) / last_fall(scenario.without("liquidations"), seed) for seed in range(8)]
    assert min(gains) > 1.0
    assert np.mean(gains) - 1.0 > 3.0 * np.std(gains, ddof=1) / np.sqrt(len(gains))


def last_fall(scenario, seed: int) -> float:
    """Return the log fall from the open to the mean of the last minute."""
    result = simulate(scenario, seed)
    return float(np.log(result.open_usd[0] / result.index_usd[0, -60:].mean()))


# ── twins ────────────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_twins__share_their_draws():
    """A sale in one of them, and still: the same noise trades and value, step for step."""
    scenario = small_world(0, seconds=60)
    sale = Programme("BTC", "binance", "sell", 30, 31, 400)
    calm, sold = simulate(scenario), simulate(scenario.changed(programmes=(sale,)))
    assert sold.counters["programme"] == 1
    assert calm.counters["noise"] == sold.counters["noise"]
    assert calm.value_usd.tobytes() == sold.value_usd.tobytes()
    assert calm.index_usd[:, :30].tobytes() == sold.index_usd[:, :30].tobytes()
    assert calm.index_usd[0, 31] > sold.index_usd[0, 31]


@small
def test_twin__with_one_more_order_in_the_warm_up_stays_near():
    scenario = small_world(seconds=120, shock=-0.05, priors=thin_priors(warmup_s=100))
    for seed in range(2):
        assert last_fall(scenario.changed(extra_order=True), seed) == pytest.approx(last_fall(scenario, seed), rel=1e-3)


def test_twin__with_one_more_sale_of_720_usd_stays_near_and_is_not_the_same():
    """In books a hundredth as deep as the day's, a cascade of 80 liquidations: by 0.5% in the median, by 5% at most.

    Depth heads for what was measured: where it heads further, as fitted, such a book empties in the fall.
    """
    thinned = thin_priors(withdrawal={"thinning": (1.0, 1.08, 1.75, 2.4, 6.1)})
    scenario = small_world(seconds=300, shock=-0.05, priors=thinned)
    twin = scenario.changed(programmes=(Programme("BTC", "binance", "sell", 0, 1, 10),))
    moved = [abs(last_fall(twin, seed) / last_fall(scenario, seed) - 1.0) for seed in range(12)]
    assert np.median(moved) < 0.005
    assert 0.0 < max(moved) < 0.05


# ── marks ────────────────────────────────────────────────────────────────────────────────────────────────────
@small
@pytest.mark.parametrize("rule", (MARK_MEDIAN, MARK_INDEX_BASIS, MARK_LAST, MARK_INDEX))
def test_mark__follows_its_rule(rule):
    """Against the definition: index is the mid of spot; basis a moving average of mid less index; median of three."""
    world = warm_world(small_world(0, seconds=40))
    world.markets["mark_rule"][0] = rule
    basis, fade, tick_usd = 0.0, float(world.markets["basis_fade"][0]), float(world.contracts.tick_usd[0])
    assert fade == pytest.approx(1 / 30)
    for step in range(40):
        run_steps(world, step, step + 1, 60)
        mids = (world.book.best.reshape(-1, 2).mean(axis=1) + world.contracts.floor_tick) * tick_usd
        index, last = mids[1], (world.markets["last_tick"][0] + world.contracts.floor_tick[0]) * tick_usd
        basis += fade * (mids[0] - index - basis)
        wanted = {
            MARK_MEDIAN: np.median([index, index + basis, last]),
            MARK_INDEX_BASIS: index + basis,
            MARK_LAST: last,
            MARK_INDEX: index,
        }[rule]
        assert world.markets["mark_usd"][0] == pytest.approx(wanted, rel=1e-12)
        assert world.records.mark[step, 0] == world.markets["mark_usd"][0]


@small
def test_learning__moves_the_reference_after_a_sale_and_forgets():
    """All of the impact is learned at share 1, half of it forgotten after a half-life of 36 s (0.01 h)."""
    quiet = {"value_bp_per_sqrt_s": 0.0, "noise_per_s": 0.0}
    priors = thin_priors(flow=quiet, learning={"share": 1.0, "half_life_h": 0.01})
    sale = Programme("BTC", "binance", "sell", 30, 31, 1000)
    result = simulate(small_world(0, ("BTC",), ("binance",), 120, priors=priors, programmes=(sale,)))
    shift = np.log(result.reference_usd[0] / result.value_usd[0])
    assert shift[30] == 0.0  # what a step teaches, the next one's quotes know
    assert shift[31] < -1e-4
    assert shift[67] == pytest.approx(0.5 * shift[31], rel=0.1)


@small
def test_learning__from_a_book_run_empty_is_no_more_than_the_worst_price_paid():
    """Depth ends 5% from the reference: one sale of everything cannot teach more than that."""
    sale = Programme("BTC", "binance", "sell", 30, 31, 2**30)
    result = simulate(small_world(0, seconds=60, programmes=(sale,)))
    assert result.reference_usd[0, 31] > 0.94 * 72_000.0


@small
def test_learning__off_leaves_the_reference_at_the_value():
    result = simulate(small_world(seconds=60, shock=-0.05).without("learning"))
    assert result.reference_usd.tobytes() == result.value_usd.tobytes()
