"""Laws of theory: what the checks and the formulas say, and that the engine keeps the laws."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from cascade import cli, validation
from cascade.errors import InvalidConfigError
from cascade.plots import laws as plotlaws
from cascade.report.laws import laws_markdown, laws_table
from cascade.validation import LAWS, Check, Control, Curve, Law, validate
from cascade.validation.branching import LARGEST, borel, fall_law, series, tail_exponent
from cascade.validation.clustering import WINDOW, branching_ratio, expected_spread, window_ratios
from cascade.validation.decay import largest_fall
from cascade.validation.impact import peak, ratio_of, stays
from cascade.validation.law import exact_check, mean_check, variance_check
from cascade.validation.static_book import amplified, first_fall, upper_root
from cascade.validation.worlds import half_life_h, orders_at
from cascade.validation.zero_intelligence import SPREADS

SHORT = ("T1", "T5", "T6", "T9", "metaorder")  # the rest take seconds each


# ── checks ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.small
@pytest.mark.parametrize(
    ("simulated", "error", "holds", "fails"),
    [(1.02, 0.01, True, False), (1.04, 0.01, False, False), (1.06, 0.01, False, True), (1.0, 0.03, False, False)],
    ids=["two errors", "four errors", "six errors", "too blunt"],
)
def test_check__holds_within_three_errors_of_at_most_2_percent(simulated, error, holds, fails):
    check = Check("", 1.0, simulated, error)
    assert (check.holds, check.fails) == (holds, fails)


@pytest.mark.small
def test_check__without_scatter_must_be_exact():
    assert Check("", 2.0, 2.0, 0.0).holds
    assert Check("", 2.0, 1.0, 0.0).fails
    assert exact_check("", [3, 9], [4, 9], 1.0).holds
    assert not exact_check("", [3, 9], [5, 9], 1.0).holds
    assert exact_check("", [3, 9], [9, 15], 1.0).fails


@pytest.mark.small
def test_checks__of_moments_know_their_errors():
    values = np.random.default_rng(1).normal(3.0, 2.0, 40_000)
    assert mean_check("", 3.0, values).error == pytest.approx(0.01, rel=0.02)
    assert variance_check("", 4.0, values).error == pytest.approx(4.0 * math.sqrt(2 / 40_000), rel=0.05)
    assert abs(variance_check("", 4.0, values).z) < 3.3  # p = 1e-3


# ── formulas, against sums and cases by hand ─────────────────────────────────────────────────────────────────
@pytest.mark.small
def test_first_fall__counts_what_is_liquidated_on_the_way():
    book = orders_at(-np.arange(1, 6), np.array([4, 4, 4, 4, 4]))
    at, lots = np.array([1, 2, 5]), np.array([3, 6, 1])
    assert first_fall(book, at, lots, 2) == 3.0  # 2 + 3 lots are sold at 1, but 4 rest; at 2 there are 6 more, 11
    assert first_fall(book, at[:1], lots[:1], 2) == 2.0
    assert first_fall(book, at[2:], lots[2:], 2) == 1.0
    assert first_fall(book, at, lots, 20) == math.inf


@pytest.mark.small
def test_formulas__solve_what_they_stand_for():
    k = 1.7
    assert amplified(k) ** 2 == pytest.approx(1 + 2 * k * amplified(k))
    assert series(100.0, 0.8, 3) == pytest.approx(100 * (1 + 0.8 + 0.64 + 0.512))
    root = upper_root(0.2, 1.5, 10.0, 600.0)
    assert 0.2 * root**1.5 == pytest.approx(600.0 + 10.0 * root)
    assert peak(200.0, 3, 0.95, 1e9) == pytest.approx(200.0 * (1 + 2 * 0.95))
    assert 0.5 ** (1 / (3600 * half_life_h(0.3))) == pytest.approx(0.3)
    assert stays(0.95, 1.5, 5401) == pytest.approx(0.475)
    assert ratio_of(1e9, 10) == pytest.approx(1.0)


@pytest.mark.small
def test_largest_fall__follows_the_edges_of_decay():
    kept, edge = 0.5, (1 + math.sqrt(0.5)) ** 2
    assert largest_fall(0.49, kept) == 1.0
    assert largest_fall(0.51, kept) == pytest.approx(1.01)
    assert largest_fall(2.0, kept) == pytest.approx(5.625)  # 1, 2.5, 4.25, 5.625, 5.5625
    assert largest_fall(edge - 0.05, kept) < 1e9
    assert largest_fall(1.0, 0.0) == 1.0


@pytest.mark.small
def test_borel__adds_up_and_has_its_mean():
    k = np.arange(1, 400)
    assert borel(k, 0.5).sum() == pytest.approx(1.0)
    assert (k * borel(k, 0.5)).sum() == pytest.approx(2.0)


@pytest.mark.small
def test_fall_law__has_the_moments_of_t3():
    ticks, first, g, longest = np.arange(1, 4), 20, 0.5, 400
    share, x = fall_law(first, g / ticks.mean(), ticks, longest), np.arange(longest + 1)
    mean = (x * share).sum()
    assert share.sum() == pytest.approx(1.0)
    assert mean == pytest.approx(first / (1 - g))
    assert ((x - mean) ** 2 * share).sum() == pytest.approx(first * g / 2 * np.mean(ticks**2) / (1 - g) ** 3, rel=1e-6)


# ── estimators recover what they are given ───────────────────────────────────────────────────────────────────
@pytest.mark.small
def test_tail_exponent__is_recovered():
    u = np.random.default_rng(2).random(60_000)
    sizes = np.minimum(np.floor((1 - u) ** (-1 / 0.5) * 10 + 0.5), LARGEST)
    exponent, error = tail_exponent(sizes[sizes >= 30])
    assert 0 < error < 0.02
    exponent, error = tail_exponent(sizes)
    assert exponent == pytest.approx(1.5, abs=0.03)


@pytest.mark.small
def test_branching_ratio__is_recovered_from_counts():
    rng, counts = np.random.default_rng(3), np.zeros((6000, 8), np.int64)
    for second in range(1, len(counts)):
        counts[second] = rng.poisson(0.1 + 0.5 * counts[second - 1])
    ratio, error = branching_ratio(counts)
    assert abs(ratio - 0.5) < 3.3 * error
    assert error < 0.02
    assert abs(branching_ratio(rng.poisson(0.2, counts.shape))[0]) < 0.05
    assert window_ratios(counts).mean() == pytest.approx(expected_spread(0.5), rel=0.1)


@pytest.mark.small
def test_expected_spread__is_that_of_the_covariances():
    g, lag = 0.4, np.arange(WINDOW)
    covariance = g ** np.abs(lag[:, None] - lag) / (1 - g**2)
    assert expected_spread(g) == pytest.approx(covariance.sum() / WINDOW)


# ── the laws ─────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def short():
    return validate(SHORT, quick=True)


@pytest.mark.parametrize("name", SHORT)
def test_law__holds_and_its_control_fails(short, name):
    law = short.laws[name]
    assert [check.what for check in law.checks if not check.holds] == []
    assert law.control.check.fails


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in LAWS if name not in SHORT])
def test_law__holds_in_quick_runs(name):
    law = LAWS[name](True)
    assert [check.what for check in law.checks if not check.holds] == []
    assert law.control.check.fails


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LAWS))
def test_law__holds(name):
    law = LAWS[name](False)
    assert [check.what for check in law.checks if not check.holds] == []
    assert law.control.check.fails


def test_laws__do_not_hang_on_threads(short):
    again = validate(["T9", "T1"], quick=True, threads=2)
    assert list(again.laws) == ["T1", "T9"]
    assert all(again.as_dict()["laws"][name] == short.as_dict()["laws"][name] for name in again.laws)


@pytest.mark.slow
@pytest.mark.parametrize("eps", sorted(SPREADS))
def test_spreads_of_blind_flow__are_those_of_the_plain_model(eps):
    from reference_flow import mean_spread

    runs = [mean_spread(eps, 10.0, 20_000.0, np.random.default_rng(seed)) for seed in range(100, 106)]
    spread, error = SPREADS[eps]
    assert abs(np.mean(runs) - spread) < 3.3 * np.hypot(error, np.std(runs, ddof=1) / math.sqrt(len(runs)))


# ── the command ──────────────────────────────────────────────────────────────────────────────────────────────
def test_command__writes_table_json_and_pictures(tmp_path):
    place = tmp_path / "laws"
    done = CliRunner().invoke(cli.app, ["validate", "T9", "--quick", "--out", str(place)])
    assert done.exit_code == 0, done.output
    assert "forced share" in done.output
    written = json.loads((place / "validation.json").read_text())
    assert written["holds"] is True
    assert written["laws"]["T9"]["control"]["fails"] is True
    assert (place / "law_T9.png").stat().st_size > 10_000
    text = (place / "laws.md").read_text()
    assert "| control: positions closed whole |" in text
    assert "](law_T9.png)" in text
    assert json.loads((place / "manifest.json").read_text())["command"] == "cascade validate T9 --quick"


def test_command__ends_with_1_where_a_law_fails(monkeypatch, short):
    law = short.laws["T9"]
    missed = law.__class__(**vars(law) | {"checks": (Check("forced share", 0.5, 0.4, 0.001),)})
    monkeypatch.setitem(validation.LAWS, "T9", lambda quick: missed)
    done = CliRunner().invoke(cli.app, ["validate", "T9", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["holds"] is False


def test_law__fails_with_a_control_that_holds(short):
    law = short.laws["T9"]
    blind = law.__class__(**vars(law) | {"control": law.control.__class__("nothing", law.checks[0])})
    assert law.holds
    assert not blind.holds


def test_unknown_law__is_refused():
    with pytest.raises(InvalidConfigError, match=r"no law 'T8'; known: T1"):
        validate(["T8"])


def test_markdown__names_every_row(short):
    text = laws_markdown(short)
    for name, law in short.laws.items():
        assert f"### {name}: {law.title}" in text
        assert all(f"| {check.what} |" in text for check in law.checks)


@pytest.fixture
def made_up():
    """Return a law of no runs."""
    checks = (Check("share of what a sale of some length takes with it", 1.0, 0.9999, 0.01), Check("x", 2.0, 2.0, 0.01))
    none = np.empty(0)
    curve = Curve("x", "y", *[none] * 5)
    law = Law("Some law", "a book", "x = 2", "$x$", checks, Control("no book", Check("x", 2.0, 0.0, 0.0)), curve)
    return validation.Validation({"T0": law, "T00": law}, True)


@pytest.mark.small
@pytest.mark.parametrize("width", [80, 200])
def test_table__fits_a_terminal_and_says_what_was_set_up(made_up, width):
    from rich.console import Console

    console = Console(width=width)
    with console.capture() as printed:
        console.print(laws_table(made_up, width))
    lines = [line.rstrip() for line in printed.get().splitlines()]
    assert max(map(len, lines)) <= min(width, 100)
    assert [lines.count(line) for line in ("T0: Some law", "Set-up: a book", "Theory: x = 2")] == [1, 2, 2]
    assert len(lines) == 1 + 2 * (4 + 3 + (width == 80))  # one quantity is longer than 80 columns leave room for
    assert "-0.0" not in printed.get()


@pytest.mark.small
def test_markdown__links_pictures_only_where_they_are(made_up):
    assert "![Some law](law_T0.png)" in laws_markdown(made_up)
    assert "png" not in laws_markdown(made_up, pictures=False)


@pytest.mark.small
def test_picture__shows_a_control_of_nought_at_the_foot_of_a_logarithmic_axis(made_up):
    law, x = made_up.laws["T0"], np.array([1.0, 10.0])
    curve = Curve("x", "y", x, x, 0 * x, x, x, x, np.array([0.0, 5.0]), log_x=True, log_y=True)
    axis = plotlaws.law("T0", law.__class__(**vars(law) | {"curve": curve})).axes[0]
    assert [text.get_text() for text in axis.texts] == ["0"]
    foot = next(line for line in axis.lines if line.get_transform() == axis.get_xaxis_transform())
    assert (list(foot.get_xdata()), list(foot.get_ydata())) == ([1.0], [0.0])


def test_pictures__are_drawn(short):
    for name, law in short.laws.items():
        axis = plotlaws.law(name, law).axes[0]
        assert law.title in axis.get_title(loc="left")
        assert len(axis.lines) >= 2
