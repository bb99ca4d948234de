"""Accounts: survivors of the path, longs equal to shorts, ladders and closings complete, laws against closed forms."""

import time

import numpy as np
import pytest
from scipy import stats

from cascade.assembly import draw_population
from cascade.assumptions import BUCKETS, Bucket, LeverageAssumptions, default_assumptions, read_assumptions, to_toml
from cascade.errors import InvalidConfigError
from cascade.kernels.jit import JITTED
from cascade.state import (
    BRACKETS,
    BY_ENTRY_NOTIONAL,
    BY_MARK_NOTIONAL,
    BY_SIZE,
    FALLING,
    NO_POSITION,
    ON_ENTRY,
    ON_MARK,
    OPEN,
    PENDING,
    RISING,
    STAKE_BINS,
    STAKE_SHIFT,
    TICKS,
    Contracts,
    Margin,
)

pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")  # uint64 wraps without the JIT
small = pytest.mark.small
P_BOUND = 1e-3
COINS, VENUES = ("BTC", "DOGE"), ("binance", "okx")
OPEN_USD = np.array([72_000.0, 0.105])
TICK_USD, LOT_BASE = (1.0, 1e-6), (1e-4, 10.0)
RATE = 0.004  # maintenance, in the lowest bracket
SIZE = 20_000 if JITTED else 400  # isolated positions, about
STEPS, STEP_S = 720, 120.0


# ── a world of two coins at two venues and a spot market ─────────────────────────────────────────────────────
def make_margin(markets=5, caps=((10_000.0, 150), (200_000.0, 50), (5e7, 10))):
    """Brackets up to 150x, 50x and 10x; the second venue counts coins and takes maintenance on entry."""
    margin = Margin(
        floor=np.full(markets * BRACKETS, np.inf),
        rate=np.zeros(markets * BRACKETS),
        amount_usd=np.zeros(markets * BRACKETS),
        initial_rate=np.full(markets * BRACKETS, np.inf),
        n_brackets=np.zeros(markets, np.int64),
        bracket_unit=np.zeros(markets, np.int64),
        basis=np.zeros(markets, np.int64),
        trigger_fee=np.zeros(markets),
        clearance_fee=np.zeros(markets),
        taker_fee=np.zeros(markets),
    )
    for market in range(markets):
        first, n = market * BRACKETS, len(caps)
        by_size = market in (1, 3)
        unit = OPEN_USD[market // 2] if by_size else 1.0
        margin.n_brackets[market] = n
        margin.bracket_unit[market] = (BY_MARK_NOTIONAL, BY_SIZE, BY_ENTRY_NOTIONAL, BY_SIZE, 0)[market % 5]
        margin.basis[market] = ON_ENTRY if by_size else ON_MARK
        margin.floor[first : first + n + 1] = np.array([0.0, *(cap for cap, _ in caps)]) / unit
        margin.rate[first : first + n] = RATE * np.arange(1, n + 1)
        margin.initial_rate[first : first + n] = [1.0 / leverage for _, leverage in caps]
    return margin


def make_contracts():
    """Markets 0 to 3 are the two coins at the two venues; 4 is spot."""
    coin, venue = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 1, 2])
    tick, lot = np.array(TICK_USD)[coin], np.array(LOT_BASE)[coin]
    return Contracts(
        coin=coin,
        venue=venue,
        is_perpetual=np.array([1, 1, 1, 1, 0]),
        tick_usd=tick,
        lot_base=lot,
        lot_size=lot,
        quanta=np.rint(tick * lot * 1e6).astype(np.int64),
        lot_quanta=np.zeros(lot.size),
        quantum=np.full(lot.size, 1e6),
        purse=venue,
        payoff=np.ones(lot.size, np.int64),
        floor_tick=np.rint(0.4 * OPEN_USD[coin] / tick).astype(np.int64),
    )


def make_paths(minutes=6_000, volatility=0.0012, seed=5):
    """Random walks that end at the opening prices."""
    log_path = np.cumsum(volatility * np.random.default_rng(seed).standard_normal((2, minutes)), axis=1)
    return OPEN_USD[:, None] * np.exp(log_path - log_path[:, -1:])


def make_assumptions(mass_scale=1.0, **changes):
    """About SIZE isolated positions and as many of the remainder, at two coins and two venues."""
    mass_usd = SIZE * 4_000.0
    plan = zip(BUCKETS, (0.4, 0.35, 0.2, 0.05), (0.5, 0.5, 0.4, 0.6), (3.0, 1.0, 0.6, 0.15), strict=True)
    choices = ((3.0, 5.0), (10.0, 15.0), (20.0, 25.0, 50.0), (100.0, 150.0))
    buckets = tuple(
        Bucket(
            name=name,
            mass_usd=part * mass_usd * mass_scale,
            long_share=long_share,
            mean_holding_days=days,
            leverages=leverages,
            weights=tuple(range(1, len(leverages) + 1)),
        )
        for (name, part, long_share, days), leverages in zip(plan, choices, strict=True)
    )
    default = default_assumptions()
    values = {
        "buckets": buckets,
        "size": default.size.model_copy(update={"cap_usd": 300_000.0}),
        "coin_shares": {"BTC": 0.6, "DOGE": 0.4},
        "venue_shares": {"binance": 0.7, "okx": 0.3},
        "open_interest_usd": {"BTC": 1.5 * mass_usd, "DOGE": mass_usd},
        "remainder": default.remainder.model_copy(update={"accounts": SIZE, "cap_usd": 100 * mass_usd / SIZE}),
    }
    return default.model_copy(update={**values, **changes})


def draw(assumptions=None, seed=11, paths=None):
    return draw_population(
        assumptions or make_assumptions(),
        make_contracts(),
        make_margin(),
        make_paths() if paths is None else paths,
        seed,
        STEPS,
        STEP_S,
    )


@pytest.fixture(scope="module")
def world():
    return draw()


@pytest.fixture(scope="module")
def rows(world):
    return world[0].rows


def without_stops(**changes):
    stops = default_assumptions().stops.model_copy(update={"share": 0.0})
    return make_assumptions(stops=stops, **changes)


def survivors_of(accounts):
    return accounts.rows[: accounts.opening[0]]


def notional_usd(rows):
    return rows["cost"] * 1e-6


# ── laws ─────────────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_draw__longs_equal_shorts_in_every_market_to_the_lot(world):
    accounts, _, _ = world
    rows, contracts = survivors_of(accounts), make_contracts()
    for market in range(4):
        here = rows[rows["market"] == market]
        longs = here["lots"][here["side"] > 0].sum(dtype=np.int64)
        assert longs == here["lots"][here["side"] < 0].sum(dtype=np.int64) > 0
        coin, venue = divmod(market, 2)
        interest_usd = (1.5, 1.0)[coin] * (0.7, 0.3)[venue] * SIZE * 4_000.0
        assert abs(longs * contracts.lot_base[market] * OPEN_USD[coin] - interest_usd) < 100.0
    assert not (rows["market"] == 4).any()


@small
def test_draw__longs_equal_shorts_where_the_tail_exceeds_open_interest():
    tight = make_assumptions(open_interest_usd={"BTC": SIZE * 1250.0, "DOGE": SIZE * 850.0})
    rows = survivors_of(draw(tight)[0])
    for market in range(4):
        here = rows[rows["market"] == market]
        assert (here["lots"].astype(np.int64) * here["side"]).sum() == 0
        assert here["lots"].min() > 0


@small
def test_draw__rows_are_exact_and_of_their_bucket(world):
    accounts, _, _ = world
    contracts, rows, n = make_contracts(), accounts.rows, accounts.opening[0]
    market = rows["market"]
    assert (rows["status"][:n] == OPEN).all() and (rows["status"][n:] == PENDING).all()
    lot_cost = rows["cost"][:n] // rows["lots"][:n]
    assert (lot_cost * rows["lots"][:n] == rows["cost"][:n]).all()
    assert (lot_cost % contracts.quanta[market[:n]] == 0).all()  # entries are on ticks
    assert (rows["margin"][:n] == np.ceil(rows["cost"][:n] / rows["leverage"][:n].astype(float))).all()
    bounds = np.array([1, 10, 20, 50.0001, 1000])
    isolated = rows[rows["group"] == 0]
    assert (np.searchsorted(bounds, isolated["leverage"], side="right") - 1 == isolated["bucket"]).all()
    rest = rows[rows["group"] == 1]
    assert set(np.unique(rest["leverage"])) == {1.0, 1.5, 2.0, 3.0} and (rest["bucket"] == 0).all()
    assert (rows["lots"][n:] == 0).all() and (rows["cost"][n:] > 0).all()


@small
def test_draw__nobody_exceeds_the_bracket_that_allows_the_leverage(world, rows):
    accounts, _, _ = world
    margin, contracts, n = make_margin(), make_contracts(), accounts.opening[0]
    for market in range(4):
        here = np.flatnonzero(rows["market"] == market)
        usd = notional_usd(rows[here])
        entry_usd = np.full(
            usd.size, make_paths().min(axis=1)[contracts.coin[market]]
        )  # openings: at any price from here
        is_open = here < n
        entry_usd[is_open] = usd[is_open] / (rows["lots"][here[is_open]] * contracts.lot_base[market])
        measure = usd / entry_usd if margin.bracket_unit[market] == BY_SIZE else usd
        first = market * BRACKETS
        bracket = np.searchsorted(margin.floor[first : first + margin.n_brackets[market] + 1], measure, side="left") - 1
        assert (rows["leverage"][here] * margin.initial_rate[first + bracket] <= 1 + 1e-6).all()
    cap = np.where(rows["group"] == 0, 300_000.0, 400_000.0)
    assert (notional_usd(rows) <= cap).all()


def liquidation_usd(entry_usd, side, leverage, on_entry):
    """Solve equity = requirement by hand in the lowest bracket, whose rate is the mildest."""
    if on_entry:
        return entry_usd * (1 - side / leverage + side * RATE)
    return entry_usd * (1 - side / leverage) / (1 - side * RATE)


@small
def test_survivors__were_never_crossed_since_the_last_minute_they_can_have_opened_at(world):
    accounts, _, _ = world
    rows, contracts, paths = survivors_of(accounts), make_contracts(), make_paths()
    for row in rows[:: max(rows.size // 2_000, 1)]:
        market, side = int(row["market"]), int(row["side"])
        path, tick_usd = paths[contracts.coin[market]], contracts.tick_usd[market]
        entry_ticks = int(row["cost"]) // int(row["lots"]) // int(contracts.quanta[market])
        opened = np.flatnonzero(np.floor(path / tick_usd + 0.5) == entry_ticks)
        assert opened.size > 0
        since = path[opened[-1] :]
        limit = liquidation_usd(entry_ticks * tick_usd, side, float(row["leverage"]), market in (1, 3))
        assert since.min() > limit if side > 0 else since.max() < limit
        if row["stop_fraction"] > 0:
            stop_usd = (contracts.floor_tick[market] + int(row["stop_tick"])) * tick_usd
            assert since.min() > stop_usd - 1.1 * tick_usd if side > 0 else since.max() < stop_usd + 1.1 * tick_usd


def survival_share(bucket, assumptions, paths):
    """Return the share of a bucket's small positions that live: ages, leverages and sides summed over by hand."""
    law, total = assumptions.buckets[bucket], 0.0
    holding, minutes = 1440.0 * law.mean_holding_days, paths.shape[1]
    age = np.arange(minutes)
    weight = np.exp(-age / holding) - np.exp(-(age + 1) / holding)
    for coin, coin_share in enumerate((0.6, 0.4)):
        path = paths[coin][::-1]
        lowest, highest = np.minimum.accumulate(path), np.maximum.accumulate(path)
        for venue, venue_share in enumerate((0.7, 0.3)):
            for leverage, people in zip(law.leverages, law.weights, strict=True):
                lives = [
                    (lowest > liquidation_usd(path, 1, leverage, venue == 1)).astype(float),
                    (highest < liquidation_usd(path, -1, leverage, venue == 1)).astype(float),
                ]
                share = law.long_share * lives[0] + (1 - law.long_share) * lives[1]
                lived = (weight * share).sum() / weight.sum()
                total += coin_share * venue_share * people / sum(law.weights) * lived
    return total


@pytest.mark.parametrize("bucket", range(4))
def test_survivors__are_as_many_as_the_path_leaves(bucket):
    """In a world of small positions, so that one maintenance rate holds for all."""
    size = default_assumptions().size.model_copy(update={"median_usd": 900.0, "sigma": 0.5, "cap_usd": 4_500.0})
    assumptions = without_stops(size=size)
    stats_ = draw(assumptions)[2]
    born, alive = (
        sum(stats_[name][BUCKETS[bucket]][side] for side in ("long", "short")) for name in ("candidates", "open")
    )
    expected = survival_share(bucket, assumptions, make_paths())
    error = np.sqrt(born * expected * (1 - expected)) / born
    assert 0.02 < expected < 0.985
    # 2e-3: the mix of coins is random as well, and sizes are rounded to lots
    assert abs(alive / born - expected) < 4 * error + 2e-3
    shifted = survival_share(bucket, assumptions, make_paths(volatility=0.0006))
    assert abs(alive / born - shifted) > 4 * error + 2e-3  # a calmer path is found out


def test_candidates__have_the_mass_and_skew_that_is_assumed(world):
    _, _, drawn = world
    for i, bucket in enumerate(make_assumptions().buckets):
        born = drawn["candidates"][BUCKETS[i]]
        count, usd = born["long"] + born["short"], born["long_usd"] + born["short_usd"]
        error = 4 * np.sqrt(1 + 4.5**2) / np.sqrt(count)  # the cut law's coefficient of variation is at most 4.5
        assert abs(usd / bucket.mass_usd - 1) < error < 0.7
        assert abs(born["long"] / count - bucket.long_share) < 4 * np.sqrt(0.25 / count)


def test_openings__have_the_rate_sizes_skew_and_leverages_that_are_assumed(world):
    accounts, _, drawn = world
    rows = accounts.rows[accounts.opening[0] :]
    for i, bucket in enumerate(make_assumptions().buckets):
        here = rows[(rows["bucket"] == i) & (rows["group"] == 0)]
        n, opened = here.size, drawn["opened_today"][BUCKETS[i]]
        assert n == opened["long"] + opened["short"] > 200
        share = sum((here["leverage"] == lev).mean() > 0 for lev in bucket.leverages)
        assert share == len(bucket.leverages)
        observed = [(here["leverage"] == leverage).sum() for leverage in bucket.leverages]
        expected = n * np.array(bucket.weights) / sum(bucket.weights)
        assert stats.chisquare(observed, expected).pvalue > P_BOUND
        assert abs((here["side"] > 0).mean() - bucket.long_share) < 4 * np.sqrt(0.25 / n)
        born = drawn["candidates"][BUCKETS[i]]
        rate = (born["long"] + born["short"]) / bucket.mean_holding_days
        assert abs(n - rate) < 4 * np.sqrt(n + rate / bucket.mean_holding_days)


def test_openings__hold_as_long_as_is_assumed(world):
    accounts, _, _ = world
    first = accounts.opening[0]
    rows, opening = accounts.rows[first:], np.diff(accounts.opening)
    held_days = (rows["close_step"] - np.repeat(np.arange(STEPS), opening)) * STEP_S / 86_400
    assert held_days.min() > 0
    for i, bucket in enumerate(make_assumptions().buckets):
        days = held_days[(rows["bucket"] == i) & (rows["group"] == 0)]
        mean = bucket.mean_holding_days + STEP_S / 86_400 / 2
        assert abs(days.mean() - mean) < 4 * mean / np.sqrt(days.size)
        assert abs(days.mean() - 1.4 * mean) > 4 * mean / np.sqrt(days.size)  # 40% off is found


def test_openings__follow_the_hours(world):
    accounts, _, _ = world
    observed = np.diff(accounts.opening).reshape(24, -1).sum(axis=1)
    hours = np.array(make_assumptions().hours)
    assert stats.chisquare(observed, observed.sum() * hours / hours.sum()).pvalue > P_BOUND
    assert stats.chisquare(observed, np.full(24, observed.sum() / 24)).pvalue < P_BOUND


def test_survivors__close_as_they_would_have_without_memory():
    accounts, _, _ = draw(without_stops())
    rows = survivors_of(accounts)
    for i, bucket in enumerate(make_assumptions().buckets):
        days = rows["close_step"][(rows["bucket"] == i) & (rows["group"] == 0)] * STEP_S / 86_400
        assert stats.kstest(days + STEP_S / 86_400 / 2, "expon", (0, bucket.mean_holding_days)).pvalue > P_BOUND / 10


def test_sizes__are_the_lognormal_law_cut_at_its_cap(world):
    accounts, _, _ = world
    rows, size = accounts.rows[accounts.opening[0] :], make_assumptions().size
    usd = notional_usd(rows[(rows["bucket"] == 0) & (rows["group"] == 0)])  # every bracket allows 5x
    law = stats.lognorm(size.sigma, scale=size.median_usd)
    assert stats.kstest(law.cdf(usd) / law.cdf(size.cap_usd), "uniform").pvalue > P_BOUND
    assert stats.kstest(law.cdf(1.3 * usd) / law.cdf(size.cap_usd), "uniform").pvalue < P_BOUND


def test_stops__are_as_many_as_wide_and_as_round_as_is_assumed(rows):
    stops = make_assumptions().stops
    rows = rows[(rows["status"] == PENDING) & (rows["group"] == 0)]
    has_stop = rows["stop_fraction"] > 0
    assert abs(has_stop.mean() - stops.share) < 4 * np.sqrt(0.19 / rows.size)
    rows = rows[has_stop]
    part = rows["stop_fraction"] / np.minimum(1 / rows["leverage"], stops.widest)
    assert stats.kstest(part, "uniform", (stops.nearest, stops.farthest - stops.nearest)).pvalue > P_BOUND
    assert abs((rows["round_stop"] != 0).mean() - stops.round_share) < 4 * np.sqrt(0.21 / rows.size)


def test_stops__some_of_the_open_ones_stand_at_round_prices(world):
    accounts, _, _ = world
    rows, contracts = survivors_of(accounts), make_contracts()
    stopped = rows[(rows["stop_fraction"] > 0) & (rows["market"] == 0) & (rows["leverage"] < 6)]
    usd = contracts.floor_tick[0] + stopped["stop_tick"].astype(np.int64)
    is_round = stopped["round_stop"] != 0
    assert is_round.sum() > 20
    assert (usd[is_round] % 500 == 0).mean() > 0.95  # the step at 50,000 to 100,000; below, 200
    assert (usd[~is_round] % 500 == 0).mean() < 0.05


# ── structure ────────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_openings__lie_in_time_order_behind_the_survivors(world):
    accounts, _, drawn = world
    assert (np.diff(accounts.opening) >= 0).all()
    assert accounts.opening[0] == drawn["positions"]
    assert accounts.opening[-1] == accounts.rows.size


@small
def test_closings__chain_every_position_that_closes_within_the_day_once(world):
    accounts, _, _ = world
    chained = []
    for step in range(STEPS):
        i = accounts.closing[step]
        while i != NO_POSITION:
            assert accounts.rows[i]["close_step"] == step
            chained.append(i)
            i = accounts.rows[i]["close_next"]
    due = np.flatnonzero(accounts.rows["close_step"] < STEPS)
    assert sorted(chained) == due.tolist()
    assert (due < accounts.opening[0]).any() and (due >= accounts.opening[0]).any()


@small
def test_ladders__hold_every_open_position_once_at_its_nearer_trigger(world):
    accounts, ladder, _ = world
    rows, filed = accounts.rows, np.full(accounts.rows.size, -1)
    stake = np.zeros_like(ladder.stake)
    for head in np.flatnonzero(ladder.heads):
        rung, tick = divmod(int(head), TICKS)
        market, direction = divmod(rung, 2)
        i, before = int(ladder.heads[head]) - 1, NO_POSITION
        while i != NO_POSITION:
            row = rows[i]
            assert filed[i] == -1
            filed[i] = tick
            assert (row["market"], row["filed_tick"], row["prev"]) == (market, tick, before)
            assert (row["side"] > 0) == (direction == FALLING)
            stake[rung * STAKE_BINS + (tick >> STAKE_SHIFT)] += row["lots"]
            i, before = int(row["next"]), i
    for i, row in enumerate(rows):
        stop = int(row["stop_tick"]) if row["stop_fraction"] > 0 else int(row["liquidation_tick"])
        pick = max if row["side"] > 0 else min
        trigger = pick(stop, int(row["liquidation_tick"]))
        is_filed = row["status"] == OPEN and 0 <= trigger < TICKS
        assert filed[i] == (trigger if is_filed else -1) == row["filed_tick"]
    assert (stake == ladder.stake).all()
    assert RISING == 1


@small
def test_ladders__nothing_fires_at_the_opening_price(world):
    accounts, ladder, _ = world
    contracts = make_contracts()
    for market in range(4):
        open_tick = int(OPEN_USD[contracts.coin[market]] / contracts.tick_usd[market]) - contracts.floor_tick[market]
        falling, rising = ladder.heads[2 * market * TICKS : (2 * market + 2) * TICKS].reshape(2, TICKS)
        assert not falling[open_tick:].any()
        assert not rising[: open_tick + 1].any()
        assert falling.any() and rising.any()
    assert accounts.rows.size > 0


# ── draws that are shared ────────────────────────────────────────────────────────────────────────────────────
def key_of(rows):
    """What a position's owner chose, as text: the same in worlds that share its draw."""
    names = ("cost", "market", "side", "bucket", "leverage", "stop_fraction", "close_step", "group", "status")
    return [row.item() for row in rows[list(names)].copy()]


@small
def test_draw__repeats_bit_by_bit_and_changes_with_the_seed(world):
    accounts, ladder, drawn = world
    again, ladder_again, drawn_again = draw()
    assert again.rows.tobytes() == accounts.rows.tobytes()
    assert all(a.tobytes() == b.tobytes() for a, b in zip(ladder, ladder_again, strict=True))
    assert drawn == drawn_again
    assert draw(seed=12)[0].rows.tobytes() != accounts.rows.tobytes()


@small
def test_draw__more_mass_in_a_bucket_only_adds_to_that_bucket(world):
    base = make_assumptions()
    more = tuple(
        b.model_copy(update={"mass_usd": b.mass_usd * (1.2 if i == 1 else 1)}) for i, b in enumerate(base.buckets)
    )
    rows, grown = world[0].rows, draw(base.model_copy(update={"buckets": more}))[0].rows
    for bucket in range(4):
        before, after = (key_of(r[(r["group"] == 0) & (r["bucket"] == bucket)]) for r in (rows, grown))
        assert set(before) <= set(after) if bucket == 1 else before == after
    assert grown.size != rows.size


# ── assumptions ──────────────────────────────────────────────────────────────────────────────────────────────
@small
def test_assumptions__come_back_from_their_file(tmp_path):
    made = default_assumptions().model_copy(update={"made_by": {"seeds": [0, 9], "note": 'a "fit"'}})
    path = tmp_path / "assumptions.toml"
    path.write_text(to_toml(made))
    assert read_assumptions(path) == made


@small
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("size_scale", "size_scal", "did you mean 'size_scale'"),
        ("[10.0, 15.0]", "[10.0, 20.0]", "buckets"),
        ('name = ">50x"', 'name = "50x"', "in this order"),
        ("weights = [4.0, 1.0]", "weights = [4.0]", "as many"),
        ("long_share = 0.5\n", "long_share = 1.5\n", "long_share"),
    ],
)
def test_assumptions__refuse_what_cannot_be_true(tmp_path, old, new, message):
    path = tmp_path / "assumptions.toml"
    text = to_toml(default_assumptions())
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InvalidConfigError, match=message) as caught:
        read_assumptions(path)
    assert "\n" not in str(caught.value)


@small
def test_restricted__keeps_the_accounts_of_the_coins_and_venues_that_are_named():
    every = default_assumptions()
    part = every.restricted(("ETH",), ("okx", "bybit"))
    assert list(part.coin_shares.values()) == [1.0] and list(part.venue_shares) == ["okx", "bybit"]
    kept = 0.311 * (0.217 + 0.184)
    assert part.buckets[0].mass_usd == pytest.approx(every.buckets[0].mass_usd * kept)
    assert part.open_interest_usd == {"ETH": pytest.approx(16.2e9 * 0.401)}
    assert isinstance(part, LeverageAssumptions)


@small
def test_draw__refuses_worlds_that_the_assumptions_do_not_fit():
    base, contracts, paths = make_assumptions(), make_contracts(), make_paths(50)
    with pytest.raises(InvalidConfigError, match="open_interest_usd"):
        draw(base.model_copy(update={"open_interest_usd": {"BTC": 1.0, "DOGE": 1.0}}), paths=paths)
    with pytest.raises(InvalidConfigError, match="coin_shares"):
        draw(base.model_copy(update={"coin_shares": {"BTC": 1.0}}), paths=paths)
    with pytest.raises(InvalidConfigError, match="price"):
        draw(base, paths=np.zeros((2, 9)))
    low = make_margin(caps=((1e9, 20),))
    with pytest.raises(InvalidConfigError, match="no market offers"):
        draw_population(base, contracts, low, paths, 1, STEPS, STEP_S)


# ── speed ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
@pytest.mark.skipif(not JITTED, reason="measures compiled code")
def test_draw__four_million_positions_and_their_ladders_take_at_most_two_seconds():
    big = default_assumptions().restricted(COINS, VENUES)
    scale = 4.3e6 / (big.remainder.accounts * 1.25)
    big = big.model_copy(
        update={
            "buckets": tuple(b.model_copy(update={"mass_usd": b.mass_usd * scale}) for b in big.buckets),
            "open_interest_usd": {coin: usd * scale for coin, usd in big.open_interest_usd.items()},
            "remainder": big.remainder.model_copy(update={"accounts": big.remainder.accounts * scale}),
        }
    )
    seconds = []
    for seed in range(3):
        start = time.perf_counter()
        drawn = draw_population(big, make_contracts(), make_margin(), make_paths(), seed, 86_400, 1.0)[2]
        seconds.append(time.perf_counter() - start)
        assert drawn["positions"] > 4_000_000
    assert min(seconds) < 2.0
