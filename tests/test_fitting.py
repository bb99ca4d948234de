"""The fit: it recovers what it simulated from, with a cheap stand-in for the engine, and writes whole or not at all."""

import math

import numpy as np
import pytest
from worlds import small_world

from cascade import fitting
from cascade.assumptions import default_assumptions, read_assumptions
from cascade.engine import simulate
from cascade.errors import OutputError
from cascade.facts import load_event
from cascade.figures import LEVERAGE_SHARES
from cascade.fitting import LONG_SHARE_RANGE, Outcome, calibrate, fit, improved, outcome_of, side_shift

pytestmark = pytest.mark.small

SHARE_LIQUIDATED = np.array([0.03, 0.12, 0.35, 0.9])  # of each bucket's mass, in the stand-in
REMAINDER_USD = np.array([4e6, 0.0, 0.0, 0.0])
VENUE_BIAS = np.array([1.1, 0.9, 1.05, 0.95])
BASE_LONG_SHARE = 0.97


@pytest.fixture(scope="module")
def event():
    return load_event("2026-02-06")


def fake_run(facts, assumptions, seeds) -> list[Outcome]:
    """Liquidate a fixed share of every mass: linear, with 1% of noise by seed."""
    outcomes = []
    for seed in seeds:
        noise = 1.0 + 0.01 * np.random.default_rng(seed).standard_normal()
        mass_usd = np.array([bucket.mass_usd for bucket in assumptions.buckets])
        isolated_usd = SHARE_LIQUIDATED * mass_usd * noise
        total_usd = (isolated_usd + REMAINDER_USD).sum()
        shares = np.array(list(assumptions.venue_shares.values())) * VENUE_BIAS
        skew = np.mean([math.log(b.long_share / (1 - b.long_share)) for b in assumptions.buckets])
        logit = math.log(BASE_LONG_SHARE / (1 - BASE_LONG_SHARE)) + skew
        outcomes.append(
            Outcome(
                isolated_usd=isolated_usd,
                remainder_usd=REMAINDER_USD,
                venue_usd=total_usd * shares / shares.sum(),
                accounts=round(total_usd / (5_000.0 * assumptions.size_scale)),
                long_share=1 / (1 + math.exp(-logit)),
            )
        )
    return outcomes


def test_fit__recovers_what_the_report_was_made_of(event):
    """The masses, venue shares and sizes under which the stand-in liquidates exactly what was reported."""
    reported = {name: figure.value for name, figure in event.figures().items()}
    fitted = fit(event, default_assumptions(), range(10), ((2, 3), (5, 2), (10, 4)), fake_run)
    wanted_usd = reported["liquidated_usd"] * np.array([reported[name] for name in LEVERAGE_SHARES])
    mass_usd = (wanted_usd - REMAINDER_USD) / SHARE_LIQUIDATED
    np.testing.assert_allclose([bucket.mass_usd for bucket in fitted.buckets], mass_usd, rtol=0.01)
    venues = np.array([reported[f"share_{venue}"] for venue in fitted.venue_shares])
    np.testing.assert_allclose(
        list(fitted.venue_shares.values()), venues / VENUE_BIAS / (venues / VENUE_BIAS).sum(), rtol=1e-6
    )
    assert fitted.size_scale == pytest.approx(
        reported["liquidated_usd"] / reported["liquidated_accounts"] / 5_000.0, rel=0.01
    )
    low, high = LONG_SHARE_RANGE
    assert low - 1e-6 <= fake_run(event, fitted, [99])[0].long_share <= high + 1e-6


def test_fit__does_not_recover_from_an_engine_that_does_not_listen(event):
    """Negative control: what is liquidated does not hang on the masses, so no fit is found."""

    def deaf(facts, assumptions, seeds):
        return fake_run(facts, default_assumptions(), seeds)

    fitted = fit(event, default_assumptions(), range(10), ((2, 6),), deaf)
    reported = event.figures()["liquidated_usd"].value
    fitted_usd = sum(o.isolated_usd.sum() for o in fake_run(event, fitted, [0]))
    assert abs(fitted_usd / reported - 1.0) > 0.5


def test_fit__uses_few_seeds_first_and_tells_how_far_it_is(event):
    seen, told = [], []

    def noting(facts, assumptions, seeds):
        seen.append(len(seeds))
        return fake_run(facts, assumptions, seeds)

    fit(event, default_assumptions(), range(4), ((2, 2), (10, 1)), noting, lambda what, done: told.append((what, done)))
    assert seen == [2, 2, 4]
    assert told == [("round 1 of 3, 2 seeds", 0.0), ("round 2 of 3, 2 seeds", 1 / 3), ("round 3 of 3, 4 seeds", 2 / 3)]


def test_improved__leaves_a_perfect_fit_alone(event):
    fitted = fit(event, default_assumptions(), range(2), ((2, 12),), fake_run)
    again = improved(event, fitted, fake_run(event, fitted, range(2)))
    for before, after in zip(fitted.buckets, again.buckets, strict=True):
        assert after.mass_usd == pytest.approx(before.mass_usd, rel=1e-6)
        assert after.long_share == pytest.approx(before.long_share, rel=1e-6)
    assert again.size_scale == pytest.approx(fitted.size_scale, rel=1e-3)


def test_side_shift__is_nothing_in_the_range_and_leads_to_its_edge():
    low, high = LONG_SHARE_RANGE
    assert side_shift(0.5 * (low + high)) == 0.0 == side_shift(low) == side_shift(high)
    for share, edge in ((0.5, low), (0.99, high)):
        logit = math.log(share / (1 - share)) + side_shift(share)
        assert 1 / (1 + math.exp(-logit)) == pytest.approx(edge)


def test_outcome__adds_up_what_a_run_liquidated():
    result = simulate(small_world(seconds=60, shock=-0.06, venues=("binance", "okx", "bybit", "other")), 1)
    outcome = outcome_of(result)
    total_usd = result.tape_notional_usd.sum()
    assert total_usd > 0
    assert (outcome.isolated_usd + outcome.remainder_usd).sum() == pytest.approx(total_usd)
    assert outcome.venue_usd.sum() == pytest.approx(total_usd) and outcome.venue_usd.shape == (4,)
    assert outcome.accounts == len(result.tape)
    assert 0.5 < outcome.long_share <= 1.0


# ── the file ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def cheap(monkeypatch):
    monkeypatch.setattr(
        fitting, "_outcomes", lambda facts, assumptions, seeds, threads: fake_run(facts, assumptions, seeds)
    )


def test_calibrate__writes_what_replay_can_read_with_what_made_it(cheap, tmp_path):
    path = calibrate(out=tmp_path / "new" / "fit.toml", seeds=(3, 4), rounds=((2, 2),))
    fitted = read_assumptions(path)
    assert fitted.made_by["command"] == "cascade calibrate 2026-02-06"
    assert fitted.made_by["seeds"] == [3, 4] and fitted.made_by["rounds"] == [[2, 2]]
    assert len(fitted.made_by["kernels"]) == 16
    assert [p.name for p in path.parent.iterdir()] == ["fit.toml"]


def test_calibrate__keeps_the_old_file_where_the_run_fails(cheap, monkeypatch, tmp_path):
    place = tmp_path / "fit.toml"
    place.write_text("old")

    def broken(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting, "_outcomes", broken)
    with pytest.raises(KeyboardInterrupt):
        calibrate(out=place, seeds=(3,), rounds=((1, 1),))
    assert place.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.toml"]


def test_calibrate__refuses_a_place_it_cannot_write_before_the_long_work(monkeypatch, tmp_path):
    monkeypatch.setattr(fitting, "_outcomes", lambda *_, **__: pytest.fail("the long work began"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written") as caught:
        calibrate(out=tmp_path / "file" / "fit.toml", seeds=(3,), rounds=((1, 1),))
    assert "\n" not in str(caught.value)


def test_calibrate__leaves_no_half_file_on_a_full_disk(cheap, monkeypatch, tmp_path):
    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        calibrate(out=tmp_path / "fit.toml", seeds=(3,), rounds=((1, 1),))
    assert list(tmp_path.iterdir()) == []
