"""Attribution: shares add up, idle mechanisms have none, errors are paired, and news is what is left."""

import numpy as np
import pytest
from worlds import small_world, thin_priors

from cascade.assembly import draw_accounts
from cascade.attribution import MECHANISMS, Attribution, attribute, attribute_over_priors
from cascade.engine import simulate
from cascade.errors import InvalidConfigError
from cascade.scenario import Scenario

small = pytest.mark.small


def tracked_world(**fields) -> Scenario:
    """Two venues, a fall of 6% to track within five minutes."""
    path = 72_000.0 * np.exp(-0.06 * np.sin(np.linspace(0.05, 1.0, 15) * np.pi * 0.8))[None]
    return small_world(400, venues=("binance", "okx"), seconds=300, target_usd=path, news=np.zeros((1, 15)), **fields)


@pytest.fixture(scope="module")
def found() -> Attribution:
    return attribute(tracked_world(), range(1, 5), anew=True, threads=2)


# ── what is shared out ───────────────────────────────────────────────────────────────────────────────────────
def test_shares__add_up_to_what_all_do_beyond_none(found):
    for parts, scale in ((found.of_fall(), 1.0), (found.of_fall(own_low=True), 1.0), (found.of_liquidations(), 1e9)):
        left = parts.together - parts.without - parts.shares.sum(axis=1)
        assert np.abs(left).max() <= 1e-9 * scale
        assert np.abs(parts.shares).min() > 0.0


def test_combinations__are_runs_of_the_same_seed_and_news(found):
    """Against runs made by hand: all on tracks the path; none on is news; the bits are the mechanisms' places."""
    scenario = tracked_world()
    tracked = simulate(scenario, 3)
    low = int(tracked.index_usd[0].argmin())
    for combination in (0, 0b000101, 0b111110, 63):
        off = [name for k, name in enumerate(MECHANISMS) if not combination >> k & 1]
        run = simulate(scenario.with_news(tracked.news).without(*off), 3)
        assert found.fall[2, combination, 0] == np.log(run.open_usd[0] / run.index_usd[0, low])
        assert found.own_fall[2, combination, 0] == np.log(run.open_usd[0] / run.index_usd[0].min())
        assert found.liquidated_usd[2, combination] == run.tape_notional_usd.sum()
    assert found.fall[2, 63, 0] == found.own_fall[2, 63, 0] == pytest.approx(0.06, rel=0.1)


def test_fall__is_deeper_with_liquidations_and_shallower_where_nobody_learns(found):
    """Direction of the two that make a cascade; none of them without the other: so their shares are alike."""
    shares = dict(zip(MECHANISMS, found.of_fall().shares.mean(axis=0), strict=True))
    assert shares["liquidations"] > 0.001 and shares["learning"] > 0.001
    assert found.of_fall().without.mean() < found.of_fall().together.mean()


def test_errors__are_of_differences_within_a_seed(found):
    """The total's error is that of differences of pairs, and smaller than that of the two apart."""
    parts = found.of_fall()
    told = found.as_dict()["log_fall"]["BTC"]
    gains = parts.shares[:, 0]
    assert told["shares"]["liquidations"]["error"] == pytest.approx(gains.std(ddof=1) / 2)
    assert told["shares"]["liquidations"]["mean"] == pytest.approx(gains.mean())
    assert told["without"]["mean"] + sum(s["mean"] for s in told["shares"].values()) == pytest.approx(
        told["together"]["mean"], abs=1e-12
    )


def test_anew__a_mechanism_adds_to_news_that_was_solved_without_it(found):
    scenario = tracked_world()
    without = simulate(scenario.without("liquidations"), 1)
    again = simulate(scenario.with_news(without.news), 1)
    low = int(simulate(scenario, 1).index_usd[0].argmin())
    assert found.anew[0, 0] == pytest.approx(np.log(without.index_usd[0, low] / again.index_usd[0, low]), rel=1e-9)
    assert set(found.as_dict()["anew"]) == set(MECHANISMS) == set(found.as_dict()["last_in"])
    assert found.last_in()[0, 0] == found.fall[0, 63, 0] - found.fall[0, 62, 0]


# ── a mechanism that does nothing ────────────────────────────────────────────────────────────────────────────
def test_mechanism__that_has_no_effect_has_exactly_no_share():
    """Nobody places stops, and one market has nobody to arbitrage with but its spot book, at a cost of 50%."""
    scenario = small_world(400, seconds=100, shock=-0.05, priors=thin_priors(flow={"arbitrage_cost": 0.5}))
    law = scenario.assumptions
    nobody = law.model_copy(update={"stops": law.stops.model_copy(update={"share": 0.0})})
    found = attribute(scenario.changed(assumptions=nobody), (1, 2))
    for parts in (found.of_fall(), found.of_fall(own_low=True), found.of_liquidations()):
        shares = dict(zip(MECHANISMS, parts.shares.T, strict=True))
        assert (shares["stops"] == 0.0).all() and (shares["arbitrage"] == 0.0).all()
        assert (shares["liquidations"] != 0.0).all()  # the control: it does something


def test_world__without_leverage_is_news_but_for_what_moves_it_besides():
    """No liquidations, stops or openings: exactly nothing of the fall is theirs."""
    found = attribute(small_world(0, seconds=100, shock=-0.05), (1,))
    shares = dict(zip(MECHANISMS, found.of_fall().shares[0], strict=True))
    assert shares["liquidations"] == shares["stops"] == shares["openings"] == 0.0
    assert found.of_fall().without[0] == pytest.approx(0.05, rel=0.2)
    assert found.of_liquidations().together[0] == 0.0


def test_subset__leaves_the_others_as_they_are():
    scenario = small_world(400, seconds=60, shock=-0.05).without("openings")
    found = attribute(scenario, (1,), mechanisms=("learning", "liquidations"))
    assert found.fall.shape == (1, 4, 1) and found.of_fall().shares.shape == (1, 2)
    run = simulate(scenario.without("learning"), 1)
    assert found.liquidated_usd[0, 0b10] == run.tape_notional_usd.sum()


# ── accounts drawn once ──────────────────────────────────────────────────────────────────────────────────────
@small
def test_population__drawn_once_gives_the_same_bits_again_and_again():
    scenario = small_world(400, seconds=60, shock=-0.05)
    drawn, fresh = draw_accounts(scenario, 3), simulate(scenario, 3)
    for _ in range(2):
        copied = simulate(scenario, 3, population=drawn)
        assert copied.tape.tobytes() == fresh.tape.tobytes()
        assert copied.index_usd.tobytes() == fresh.index_usd.tobytes() and copied.ledger == fresh.ledger


@small
def test_population__of_another_seed_or_other_accounts_is_refused():
    scenario = small_world(100, seconds=30)
    drawn = draw_accounts(scenario, 3)
    with pytest.raises(InvalidConfigError, match="seed 3, not of 'small', seed 4"):
        simulate(scenario, 4, population=drawn)
    for other in (small_world(120, seconds=30), scenario.changed(seconds=29), scenario.changed(open_usd=(71_000.0,))):
        with pytest.raises(InvalidConfigError, match="draw them with draw_accounts"):
            simulate(other, 3, population=drawn)


def test_threads__give_the_same_bits():
    scenario = small_world(400, seconds=60, shock=-0.05)
    alone, together = (
        attribute(scenario, (1, 2), mechanisms=("stops", "learning", "liquidations"), threads=n) for n in (1, 2)
    )
    assert alone.fall.tobytes() == together.fall.tobytes()
    assert alone.liquidated_usd.tobytes() == together.liquidated_usd.tobytes()


# ── over priors, progress, bad input ─────────────────────────────────────────────────────────────────────────
def test_priors__change_what_is_found():
    scenario = small_world(1500, seconds=60, shock=-0.05)
    base = scenario.priors.model_copy(update={"ranges": {"learning.share": (0.5, 1.0)}})
    rows = attribute_over_priors(lambda priors: scenario.changed(priors=priors), base, 1)
    assert [(row["prior"], row["value"]) for row in rows] == [("learning.share", 0.5), ("learning.share", 1.0)]
    assert rows[0]["log_fall"]["together"]["mean"] < rows[1]["log_fall"]["together"]["mean"]
    assert rows[0]["log_fall"]["shares"]["learning"]["error"] is None


def test_progress__goes_from_nothing_to_all():
    told = []
    attribute(
        small_world(100, seconds=20), (1, 2), mechanisms=("stops", "learning"), progress=lambda *said: told.append(said)
    )
    assert [done for _, done in told] == sorted(done for _, done in told) and told[-1][1] == 1.0
    assert "seed 2" in told[-1][0]


@small
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seeds": ()}, "at least one seed"),
        ({"mechanisms": ("liquidation",)}, "did you mean 'liquidations'"),
        ({"mechanisms": ()}, "at least one"),
        ({"mechanisms": ("stops", "stops")}, "each named once"),
        ({"mechanisms": ("arbitrage",)}, "arbitrage is off"),
        ({"anew": True}, "a path to track"),
    ],
)
def test_bad_input__is_refused_in_one_line(options, said):
    scenario = small_world(0, seconds=20).without("arbitrage")
    options = {"seeds": (1,), "mechanisms": ("stops",)} | options
    with pytest.raises(InvalidConfigError, match=said) as refused:
        attribute(scenario, **options)
    assert "\n" not in str(refused.value)
