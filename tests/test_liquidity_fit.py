import tomllib

import numpy as np
import pytest
from tapes import FIRST, MS
from typer.testing import CliRunner

from cascade.assembly import MIDDLES, make_contracts, noise_quantiles, paces, post_tables, profile
from cascade.cli import app
from cascade.config import load_priors
from cascade.errors import InvalidConfigError, InvalidTapeError, OutputError
from cascade.liquidity.file import fitted_priors
from cascade.liquidity.fit import coin_of, fit_liquidity, named
from cascade.liquidity.microstructure import DISTANCES
from cascade.scenario import one_market
from cascade.tape import read

SECONDS, TICK, MID = 240, 0.1, 60_000.0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A market that stands still: a coin at every price, three orders a second, a coin more that comes and goes."""
    folder = tmp_path_factory.mktemp("tape")
    us = MS * 1000
    head = "binance-futures,BTCUSDT"
    rows = [f"{FIRST},is_snapshot,side,price,amount"]
    for k in range(1, 700):
        for side, sign in (("bid", -1), ("ask", 1)):
            rows.append(f"{head},{us},{us},true,{side},{MID + sign * k * TICK - TICK * (side == 'ask'):.1f},1.0")
    for ms in range(100, SECONDS * 1000, 100):
        at = us + ms * 1000
        amount = 2.0 if ms % 200 else 1.0
        rows.append(f"{head},{at},{at},false,bid,{MID - 30:.1f},{amount}")
    (folder / "depth.csv").write_text("\n".join(rows) + "\n")
    trades = [f"{FIRST},id,side,price,amount"]
    for i in range(SECONDS * 3):
        at = us + i * 333_333 + 1000
        trades.append(f"{head},{at},{at},{i},{'buy' if i % 2 else 'sell'},{MID},{0.01 * (1 + i % 10):.2f}")
    (folder / "trades.csv").write_text("\n".join(trades) + "\n")
    return [folder / "depth.csv", folder / "trades.csv"]


def test_fit_liquidity__finds_the_rates_and_depths_that_a_tape_was_made_with(files):
    fit = fit_liquidity(files)
    assert (fit.coin, len(fit.market)) == ("BTC", pytest.approx(SECONDS, abs=3))
    measured = fit.measured
    assert measured["spread_ticks_median"].value == 1
    assert measured["orders_per_s"].value == pytest.approx(3.0, rel=0.02)
    assert measured["order_usd_mean"].value == pytest.approx(0.055 * MID, rel=0.02)
    depth = measured["depth_usd_within"].value
    for u, usd in zip(DISTANCES, depth, strict=True):
        levels = min(699, int(MID / TICK * u) + 1)
        assert usd == pytest.approx(levels * MID, rel=0.02)
    inserted = measured["inserted_usd_per_s_from_bp"]
    assert inserted.value.sum() == pytest.approx(5 * MID, rel=0.03)  # one coin, five times a second
    assert inserted.value[4] == pytest.approx(5 * MID, rel=0.03)  # 4.98 bp from the best price
    assert measured["removed_per_s_from_bp"].value.sum() == pytest.approx(5.0, rel=0.03)
    assert measured["signature_bp2_per_s_by_lag_s"].value.max() == 0.0


def test_fit_liquidity__writes_a_file_that_priors_are_built_from(files, tmp_path):
    done = CliRunner().invoke(app, ["fit-liquidity", *map(str, files), "--out", str(tmp_path / "btc.toml")])
    assert done.exit_code == 0, done.output
    table = tomllib.loads((tmp_path / "btc.toml").read_text())
    assert table["made"]["command"] == "cascade fit-liquidity depth.csv trades.csv"
    assert [len(file["sha256"]) for file in table["made"]["files"]] == [64, 64]
    assert table["measured"]["orders_per_s"][0] == pytest.approx(3.0, rel=0.02)
    fitted, shipped = fitted_priors(tmp_path / "btc.toml"), load_priors()
    near = 601 * MID
    assert fitted.coins["BTC"].depth_1pct_usd == pytest.approx(near * 10**1.16, rel=0.02)
    assert fitted.liquidity.touch_over_depth * fitted.coins["BTC"].depth_1pct_usd == pytest.approx(MID, rel=0.02)
    assert fitted.withdrawal == shipped.withdrawal
    scaled = fitted_priors(tmp_path / "btc.toml", keep_depth=True)
    assert scaled.coins == shipped.coins
    assert scaled.flow == fitted.flow


def test_fit_liquidity__refuses_what_it_cannot_measure(files, tmp_path):
    with pytest.raises(InvalidTapeError, match="hold no trades"):
        fit_liquidity(files[:1])
    with pytest.raises(InvalidTapeError, match="depth of 0 s after a snapshot"):
        fit_liquidity(files[1:])
    with pytest.raises(InvalidConfigError, match="there is no such file"):
        fitted_priors(tmp_path / "none.toml")


# ── files that are refused ───────────────────────────────────────────────────────────────────────────────────
def fitting(*arguments):
    return CliRunner().invoke(app, ["fit-liquidity", *map(str, arguments)])


def test_fit_liquidity__takes_a_market_cut_in_two_and_refuses_it_twice_or_reversed(files, tmp_path):
    depth = files[0].read_text().splitlines(keepends=True)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    middle = 1 + 2 * 699 + 1200
    first.write_text("".join(depth[:middle]))
    second.write_text("".join(depth[:1] + depth[middle:]))
    whole, halves = fit_liquidity(files), fit_liquidity([first, second, files[1]])
    assert halves.measured["depth_usd_within"].value.tolist() == whole.measured["depth_usd_within"].value.tolist()
    twice = r"depth.csv: has depth from 2024-08-08T23:54:16.000Z on, and .*depth.csv before it reaches to .*:58:15.900Z"
    with pytest.raises(InvalidTapeError, match=twice):
        fit_liquidity([files[0], *files])
    with pytest.raises(InvalidTapeError, match=r"first.csv: has depth from .*second.csv before.*; give each file once"):
        fit_liquidity([second, first, files[1]])
    with pytest.raises(InvalidTapeError, match=r"trades.csv: has trades from"):
        fit_liquidity([*files, files[1]])


def test_fit_liquidity__refuses_a_file_that_is_out_of_order(files, tmp_path):
    depth = files[0].read_text().splitlines(keepends=True)
    start = 1 + 2 * 699
    (tmp_path / "turned.csv").write_text("".join(depth[:start] + depth[: start - 1 : -1]))
    with pytest.raises(InvalidTapeError, match=r"\(out of order: 2,39\d of 2,400; at most 1%\); put it in"):
        fit_liquidity([tmp_path / "turned.csv", files[1]])
    late = depth[:start] + depth[start + 5 :] + depth[start : start + 5]
    (tmp_path / "late.csv").write_text("".join(late))
    assert fit_liquidity([tmp_path / "late.csv", files[1]]).reports[0].out_of_order == 5


@pytest.mark.parametrize(
    ("coin", "message"),
    [
        ("a/b", "must be letters and digits, got 'a/b'"),
        ("ETH", "the files are of BTCUSDT, not of ETH"),
        ("", "letters"),
    ],
)
def test_fit_liquidity__refuses_a_coin_that_cannot_be(coin, message, files):
    with pytest.raises((InvalidConfigError, InvalidTapeError), match=message):
        fit_liquidity(files, coin)
    assert named("btc", "BTCUSDT") == named("BTC", "") == "BTC"


def test_fit_liquidity__refuses_a_place_before_it_reads(files, tmp_path, monkeypatch):
    monkeypatch.setattr("cascade.liquidity.fit.fit_liquidity", None)
    (tmp_path / "file").touch()
    before = files[0].read_bytes()
    for out, message in (
        (tmp_path, "is a folder; name a file"),
        (files[0], "is one of the recordings"),
        (tmp_path / "file" / "btc.toml", "cannot be written"),
    ):
        done = fitting(*files, "--out", out)
        assert isinstance(done.exception, OutputError)
        assert message in str(done.exception)
        assert done.output == ""
    assert files[0].read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("symbol", ["BTCUSDT", "BTC/USDT:USDT", "BTC-PERP", "btcusd_perp", "BTC"])
def test_coin_of__leaves_out_the_quote(symbol):
    assert coin_of(symbol) == "BTC"


@pytest.mark.parametrize("coin", ["btc", "eth"])
def test_shipped_files__are_what_the_recordings_give(coin, shared):
    path = shared / "data" / "binance_l2_2024-08-08" / f"{coin}usdt_20240808.gz"
    text = fit_liquidity([path]).to_toml("")
    again, shipped = tomllib.loads(text), tomllib.loads((_shipped(coin)).read_text())
    assert again["measured"] == shipped["measured"]
    assert again["made"]["files"] == shipped["made"]["files"]
    for key in ("coin", "liquidity", "run"):
        assert again["priors"][key] == shipped["priors"][key]


def _shipped(coin):
    from cascade.liquidity.file import SHIPPED

    return SHIPPED / f"{coin}.toml"


# ── what the priors of a fit do ──────────────────────────────────────────────────────────────────────────────
def test_noise_quantiles__follow_the_stated_table():
    flow = {"noise_probabilities": (0.0, 0.5, 1.0), "noise_sizes": (1.0, 10.0, 1000.0), "noise_over_depth": 1e-3}
    scenario = one_market(priors=load_priors().changed(flow=flow))
    lots = noise_quantiles(scenario, make_contracts(scenario))[0] - 0.5
    assert lots.mean() * 0.001 * 72_000 == pytest.approx(170e6 * 1e-3)
    assert lots[512] / lots[0] == pytest.approx(10.0, rel=0.02)
    assert lots[-1] / lots[512] == pytest.approx(100.0, rel=0.02)


def test_paces__have_the_stated_variance():
    assert (paces(0.0) == 1.0).all()
    assert paces(1.4).mean() == pytest.approx(1.0)
    assert paces(0.5).var() == pytest.approx(0.5, rel=0.03)


def test_profile__goes_through_the_stated_points_and_by_the_law_beyond():
    stated = {"profile_distances": (1e-4, 1e-3), "profile_depths": (0.002, 0.05)}
    liquidity = load_priors().changed(liquidity=stated).liquidity
    at = profile(liquidity, np.array([1e-4, 1e-3, 0.01, 0.02]))
    np.testing.assert_allclose(at, [0.002, 0.05, 1.0, 2.0**1.16])
    assert (np.diff(profile(liquidity, np.geomspace(2e-6, 0.05, 200))) > 0).all()
    posts, sizes = post_tables(liquidity)
    assert (sizes > 0).all()
    assert len(MIDDLES) == len(sizes) == len(posts) - 1


@pytest.mark.parametrize(
    ("section", "keys", "message"),
    [
        ("flow", {"noise_probabilities": (0.0, 1.0)}, "must be as many as noise_probabilities"),
        ("flow", {"noise_probabilities": (0.1, 1.0), "noise_sizes": (1.0, 2.0)}, "must rise from 0 to 1"),
        ("flow", {"noise_probabilities": (0.0, 1.0), "noise_sizes": (2.0, 1.0)}, "must be positive and rise"),
        ("liquidity", {"profile_distances": (1e-3,)}, "must be as many as profile_distances"),
        ("liquidity", {"profile_distances": (0.02,), "profile_depths": (0.5,)}, "must rise between 0 and 0.01"),
    ],
)
def test_priors__refuse_laws_that_cannot_be(section, keys, message):
    with pytest.raises(InvalidConfigError, match=message):
        load_priors().changed(**{section: keys})


def test_read__is_what_the_fit_reads(files):
    assert read(files[0]).source_format == "Tardis incremental_book_L2"
