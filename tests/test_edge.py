"""The edge: settings are what they say, g stands beside the runs, and both tell the same where books are as stated."""

import json

import numpy as np
import pytest

from cascade.branching import ratios
from cascade.edge import Market, Outcome, Setting, Study, edge_ratios, ratio_after, smallest_runaway, study
from cascade.engine import simulate
from cascade.errors import InvalidConfigError
from cascade.plots import edge as plotedge
from cascade.report.causes import edge_text


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(hours=0.5)


def outcome(setting: Setting, fall: float, without: float, ratio: float) -> Outcome:
    columns = [np.array([value]) for value in (fall, without, ratio, 1e9)]
    return Outcome(setting, *columns, np.array([False]))


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_setting__moves_the_value_by_the_shock_at_an_even_pace(market):
    scenario = market.scenario(Setting(0.04, minutes=10))
    assert np.exp(scenario.news.sum()) == pytest.approx(0.96)
    assert np.count_nonzero(scenario.news) == 10 and scenario.news[0, 0] == 0.0
    assert not scenario.mechanisms.openings and scenario.mechanisms.withdrawal
    assert not market.scenario(Setting(0.04, minutes=10, withdrawal=False)).mechanisms.withdrawal


def test_setting__multiplies_what_is_open_and_what_is_bid(market):
    (one, three) = market.measure([Setting(0.0, 1.0, minutes=5)], 1) + market.measure([Setting(0.0, 3.0, minutes=5)], 1)
    assert three.high_usd / one.high_usd == pytest.approx(3.0, rel=0.1)
    depths = [market.scenario(Setting(0.0, depth=d, minutes=5)).priors.coins["BTC"].depth_1pct_usd for d in (1.0, 0.5)]
    assert depths[1] == 0.5 * depths[0]


@pytest.mark.parametrize(
    "setting", [Setting(-0.1), Setting(1.0), Setting(0.1, 0.0), Setting(0.1, depth=-1.0), Setting(0.1, minutes=30)]
)
def test_setting__that_cannot_be_is_refused_in_one_line(market, setting):
    with pytest.raises(InvalidConfigError) as refused:
        market.scenario(setting)
    assert "\n" not in str(refused.value)


def test_sweep__without_seeds_is_refused(market):
    with pytest.raises(InvalidConfigError, match="at least one seed"):
        market.sweep([Setting(0.01)], ())


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_sweep__keeps_the_order_of_settings_and_is_the_same_with_threads(market):
    settings = [Setting(shock, leverage, minutes=10) for shock in (0.01, 0.03) for leverage in (2.0, 1.0)]
    alone, together = (market.sweep(settings, (1, 2), threads) for threads in (1, 2))
    for one, other, setting in zip(alone, together, settings, strict=True):
        assert one.setting == other.setting == setting
        assert one.fall.tobytes() == other.fall.tobytes() and one.without.tobytes() == other.without.tobytes()
    (again,) = market.measure([settings[2]], 2)
    assert again.fall == alone[2].fall[1]


def test_fall__grows_with_leverage_and_with_thin_books_and_is_news_without(market):
    settings = [Setting(0.02, 1.0, minutes=15), Setting(0.02, 4.0, minutes=15), Setting(0.02, 1.0, 0.3, minutes=15)]
    base, levered, thin = market.sweep(settings, (1, 2))
    assert base.without.mean() == pytest.approx(-np.log(0.98), rel=0.15)
    assert 1.0 < base.amplification < levered.amplification
    assert base.amplification < thin.amplification
    assert not base.left_range.any()


def test_ratio__is_that_of_the_recorded_minutes(market):
    """With nothing happening: g from the ladder and the stated depth, against the lots and the bids in the book."""
    scenario = market.scenario(Setting(0.0, 2.0, minutes=5)).changed(seconds=60, news=np.zeros((1, 1)))
    results = [simulate(scenario, seed) for seed in range(1, 5)]
    recorded = [found.passing[1, 0] * ratios(found.minutes, "1", stops=True)[0, 0] for found in results]
    told = [ratio_after(found, 0.0, scenario.priors) for found in results]
    assert np.mean(told) == pytest.approx(np.mean(recorded), rel=0.2)
    assert ratio_after(results[0], 0.3, scenario.priors) < 0.01  # few hold triggers 30% away


def test_amplification__is_that_of_a_linear_loop_where_nobody_withdraws(market):
    """1 / (1 - g) at small g, within 15% over four seeds; far less than that with withdrawal and four times as much."""
    settings = [Setting(0.02, leverage, minutes=20, withdrawal=False) for leverage in (1.0, 2.0)]
    for found in market.sweep(settings, (1, 2, 3, 4)):
        assert found.amplification == pytest.approx(1.0 / (1.0 - found.ratio.mean()), rel=0.15)


# ── the edge ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_edge__is_where_the_amplification_passes_two():
    """1, then 4 at four times the ratio: 2 is half way in logarithms, at twice the ratio."""
    row = [outcome(Setting(0.02, 1.0), 0.02, 0.02, 0.2), outcome(Setting(0.02, 4.0), 0.08, 0.02, 0.8)]
    assert edge_ratios(row, "depth")[1.0] == pytest.approx(0.4)
    assert np.isnan(edge_ratios(row[:1], "depth")[1.0])
    shocks = [outcome(Setting(shock, 2.0), fall, shock, 0.3) for shock, fall in ((0.01, 0.011), (0.02, 0.05))]
    assert smallest_runaway(shocks, "leverage") == {2.0: 0.02}


@pytest.fixture(scope="module")
def small_study() -> Study:
    """A study made of made-up outcomes: fall = shock / (1 - g), g = 0.15 leverage / depth."""

    def made(setting: Setting) -> Outcome:
        g = 0.15 * setting.leverage / setting.depth
        return outcome(setting, setting.shock / max(0.1, 1 - g), setting.shock, g)

    grid = [made(Setting(0.02, leverage, depth)) for depth in (0.5, 1.0, 2.0) for leverage in (0.5, 1, 2, 4, 8)]
    return Study(
        "BTC",
        "binance",
        by_leverage=tuple(made(Setting(shock, leverage)) for leverage in (1.0, 4.0) for shock in (0.01, 0.02)),
        by_depth=tuple(made(Setting(shock, 2.0, depth)) for depth in (0.5, 1.0) for shock in (0.01, 0.02)),
        by_pace=tuple(made(Setting(0.02, leverage, minutes=pace)) for pace in (2, 30) for leverage in (1.0, 2.0)),
        phase=tuple(grid),
        phase_calm=tuple(grid),
        configuration={},
    )


def test_study__as_json_and_as_text(small_study):
    told = json.loads(json.dumps(small_study.as_dict(), allow_nan=False))
    assert told["ratio_at_edge"]["by_pace"] == {"2": None, "30": None}
    assert told["ratio_at_edge"]["phase"]["1"] == pytest.approx(0.5, abs=0.07)
    text = edge_text(small_study)
    assert "BTC at binance" in text and "1 %" in text and "none" in text


def test_picture__names_its_units_and_lines(small_study):
    from matplotlib.text import Text

    words = "\n".join(text.get_text() for text in plotedge.edge(small_study).findobj(Text))
    for word in ("log fall, %", "g = 1", "times the stated", "no cascade", "fall over fall without"):
        assert word in words


@pytest.mark.slow
def test_study__quick_finds_the_edge_beyond_the_day():
    found = study(quick=True, threads=2)
    edges = [edge for edge in edge_ratios(found.phase, "depth").values() if edge == edge]
    calm = [edge for edge in edge_ratios(found.phase_calm, "depth").values() if edge == edge]
    assert 0.2 < np.median(edges) < np.median(calm) < 0.8
