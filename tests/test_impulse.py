"""A sale in calm: how far the price falls, and what is left; bounds as in `experiments/impulse_response`."""

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from cascade.config import load_priors
from cascade.errors import InvalidConfigError
from cascade.response import Response, Sale, calm, depths_usd, implied_fall, impulse_responses, slices

EXPERIMENT = Path(__file__).resolve().parents[1] / "experiments" / "impulse_response"
SALES = [Sale(0.1), Sale(0.5), Sale(1.0)]
SEEDS = range(1, 17)


@pytest.fixture
def experiment(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXPERIMENT)
    spec = importlib.util.spec_from_file_location("impulse_response", EXPERIMENT / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def responses() -> list[Response]:
    return impulse_responses(calm(seconds=1300), SALES, SEEDS, threads=2)


def remembers(response: Response) -> bool:
    """Whether the loop remembers the sale: more than 0.8 of the fall is left after a second, a minute, ten minutes."""
    return all(response.left(after_s)[0] > 0.8 for after_s in (1, 60, 600))


# ── in calm ──────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("k", range(len(SALES)))
def test_sale__falls_as_far_as_the_profile_implies(responses, k):
    fall, error = responses[k].immediate
    assert fall == pytest.approx(responses[k].implied_fall, rel=0.2)
    assert error < 0.1 * fall


def test_sale__does_not_fall_as_far_as_twice_the_depth_implies(responses):
    fall, _ = responses[1].immediate
    assert fall != pytest.approx(implied_fall(load_priors(), 0.25), rel=0.2)


@pytest.mark.parametrize("k", range(len(SALES)))
def test_sale__is_remembered_for_ten_minutes(responses, k):
    assert remembers(responses[k])
    share, error = responses[k].left(600)
    assert share - 3 * error > 0.8
    assert responses[k].left(60, "index")[0] > 0.8


@pytest.mark.parametrize(
    "world",
    [
        calm(seconds=1300).without("learning"),
        calm(seconds=1300, priors=load_priors().changed(learning={"share": 0.0})),
        calm(seconds=1300, priors=load_priors().changed(learning={"half_life_h": 0.1})),
    ],
    ids=["learning off", "share 0", "half-life of 6 minutes"],
)
def test_sale__is_forgotten_where_providers_do_not_learn_or_forget_fast(world):
    (response,) = impulse_responses(world, [Sale(0.5)], range(1, 5), threads=2)
    assert response.immediate[0] == pytest.approx(response.implied_fall, rel=0.25)
    assert not remembers(response)
    assert response.left(600, "index")[0] < 0.5


def test_fall__is_that_of_the_orders_in_the_book(experiment, responses):
    seeds = range(1, 4)
    walked = experiment.walked(load_priors(), SALES[1], seeds, 2)
    assert responses[1].bid_fall[: len(seeds)].mean() == pytest.approx(walked, rel=0.02)


def test_responses__do_not_depend_on_threads(responses):
    (alone,) = impulse_responses(calm(seconds=1300), SALES[1:2], SEEDS[:3], threads=1)
    assert np.array_equal(alone.bid_fall, responses[1].bid_fall[:3])
    assert np.array_equal(alone.reference_fall, responses[1].reference_fall[:3])


@pytest.mark.parametrize(("lifetime_s", "is_recorded"), [(285.0, True), (60.0, False)])
def test_book__turns_over_as_recorded(experiment, lifetime_s, is_recorded):
    scenario = calm(seconds=600, priors=load_priors().changed(liquidity={"lifetime_s": lifetime_s}))
    stated_lots = depths_usd(scenario)[:2] / (scenario.grid[0][1] * scenario.open_usd[0])
    books = experiment.take_census(scenario, 1, stated_lots)
    low, high = experiment.REFILL
    turnover = np.mean([[book.gone_per_minute, book.new_per_minute] for book in books])
    assert bool(low < turnover < high) is is_recorded
    assert [book.spread_ticks for book in books] == [1, 1]
    for book in books:
        assert book.depth == pytest.approx((0.0707, 1.0), rel=0.25)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.small
def test_implied_fall__solves_the_profile():
    priors = load_priors()
    kappa, touch = priors.liquidity.kappa, priors.liquidity.touch_over_depth
    for size in (0.05, 0.5, 1.3):
        u = -math.expm1(-implied_fall(priors, size))
        assert (u / 0.01) ** kappa + touch == pytest.approx(size)
    assert implied_fall(priors, touch / 2) == 0.0


@pytest.mark.small
def test_slices__add_up_to_the_sale_and_split_it_by_depth():
    scenario = calm()
    lots = np.array([programme.lots for programme in slices(scenario, Sale(0.5, seconds=20))])
    sold_usd = 20 * lots * scenario.grid[0][1] * scenario.open_usd[0]
    assert sold_usd == pytest.approx(0.5 * depths_usd(scenario), rel=1e-3)


@pytest.mark.small
@pytest.mark.parametrize("sale", [Sale(0.5, stop_s=601), Sale(0.5, stop_s=3600), Sale(0.5, seconds=700), Sale(1e-9)])
def test_slices__refuse_what_cannot_be_measured(sale):
    with pytest.raises(InvalidConfigError, match=r"sale must end|less than one lot"):
        slices(calm(), sale)


@pytest.mark.small
def test_impulse_responses__need_two_seeds():
    with pytest.raises(InvalidConfigError, match="two seeds"):
        impulse_responses(calm(), [Sale(0.5)], [1])


@pytest.mark.small
def test_left__is_a_ratio_of_means_with_its_error():
    falls = np.array([0.01, 0.02, 0.03])
    reference = np.zeros((3, 800))
    reference[:, 610] = 0.9 * falls
    response = Response(Sale(0.5), 0.02, falls, reference, reference)
    assert response.left(11) == pytest.approx((0.9, 0.0))
    assert response.left(12) == (0.0, 0.0)


def test_row__outside_its_bounds_is_missed(experiment):
    assert experiment.Row("", 0.79, math.nan, "", (0.8, 1.1)).line().endswith("MISSED")
    assert experiment.Row("", 0.81, math.nan, "", (0.8, 1.1)).line().endswith("within")


# ── the whole experiment ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.slow
def test_experiment__meets_every_figure(experiment, tmp_path):
    assert experiment.main(["--seeds", "8", "--out", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "impulse_response.json").read_text())
    assert all(figure["within"] for figure in written["figures"])
    after_a_day = [figure["value"] for figure in written["figures"] if figure["what"].endswith("23 h 50 min")]
    assert len(after_a_day) == 3
    assert all(abs(share) < 0.2 for share in after_a_day)
    assert (tmp_path / "impulse_response.png").stat().st_size > 10_000
