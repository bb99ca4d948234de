from dataclasses import replace
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from fakes import COINS, VENUES, fake_replay

from cascade import plots
from cascade.plots.causes import zoomed
from cascade.plots.payers import pool_usd
from cascade.plots.style import style
from cascade.result import Replay
from cascade.state import DELEVERAGING, LIQUIDATION
from cascade.summary import summarise


@pytest.fixture(scope="module")
def replay() -> Replay:
    return fake_replay()


def texts(picture) -> str:
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in picture.findobj(Text))


def drawn(picture, kind: str = "png") -> bytes:
    file = BytesIO()
    with style():
        picture.savefig(file, format=kind)
    return file.getvalue()


def test_path__shows_both_runs_and_the_shares_by_leverage(replay):
    picture = plots.path(replay)
    words = texts(picture)
    assert (
        "with the cascade: low" in words
        and "without the cascade: low" in words
        and f"{replay.amplification:.3f}" in words
    )
    assert "41 %" in words or "42 %" in words
    assert "at the low" in words and "Liquidations per minute" in words
    assert "2026-02-06, UTC" in words
    assert drawn(picture).startswith(b"\x89PNG")
    assert drawn(picture, "pdf").startswith(b"%PDF")


@pytest.mark.parametrize("hours", [-14, 0, 8])
def test_path__its_words_stay_inside_whenever_the_fall_comes(replay, hours):
    """The day's fall rolled to its begin and end: every text lies in the picture, and the axes keep their width."""
    shifted = [
        replace(run, index_usd=np.roll(run.index_usd, hours * 3600, axis=1))
        for run in (replay.tracked, replay.counterfactual)
    ]
    picture = plots.path(replace(replay, tracked=shifted[0], counterfactual=shifted[1]))
    drawn(picture)
    prices = picture.axes[0]
    words = prices.get_legend().get_window_extent()
    axes = prices.get_window_extent()
    assert axes.x0 <= words.x0 and words.x1 <= axes.x1 and axes.y0 <= words.y0 and words.y1 <= axes.y1
    assert axes.width > 0.8 * picture.bbox.width


def test_path__of_a_single_run_and_of_another_coin(replay):
    assert "without" not in texts(plots.path(replay.tracked))
    words = texts(plots.path(replay, coin="ETH"))
    assert "ETH with and without the cascade" in words and "amplification" not in words


def test_shares__show_what_was_reported_beside_the_seeds(replay):
    words = texts(plots.shares(summarise(fake_replay(seed, 500) for seed in range(1, 4))))
    assert "of 3 seeds" in words and "Binance" in words and "reported" in words
    assert "39.6 %" in words and "> 90.0 %" in words
    assert "seeds" not in texts(plots.shares(replay))


def test_liquidation_map__and_liquidity__name_their_units(replay):
    words = texts(plots.liquidation_map(replay.tracked, coin="ETH"))
    assert "ETH price, USD" in words and "USD per 0.1 % of price" in words
    words = texts(plots.branching(replay.tracked, coin="ETH"))
    assert "lots per lot" in words and "by a lot sold of ETH" in words and "DOGE" in words
    words = texts(plots.liquidity(replay, coin="ETH"))
    assert "USD million" in words and "basis points" in words and "within 0.1 %" in words


def test_pools__show_venues_coins_and_payers(replay):
    picture = plots.pools(replay)
    words = texts(picture)
    for word in (
        "binance, from $1,200 M",
        "Deleveraged",
        "deleveraged winners",
        "socialised 0.1",
        "ETH ",
        "2026-02-06, UTC",
    ):
        assert word in words
    assert "nobody was deleveraged" not in words
    payers = picture.axes[2]
    assert [label.get_text() for label in payers.get_yticklabels()] == ["binance", "okx", "bybit", "other"]
    assert len(payers.lines) == 4 * 3 + 1  # accounts, pools and winners at all venues; one socialised
    shown = {round(float(line.get_xdata()[0]), 2) for line in payers.lines}
    assert shown == {round(usd, 2) for usd in replay.tracked.losses["usd"] if usd > 0}


def test_pools__of_inverse_contracts_are_added_by_venue(replay):
    """Two coins' pools of one venue, in coin: one line, in USD at the index."""
    pools = (*VENUES[:2], "bybit BTC", "bybit ETH", "spot")
    worth = np.full((1441, 5), 10**8)  # 100 USD, or one coin
    purse_of = np.tile(np.arange(5), len(COINS))
    contract_usd = np.zeros(len(purse_of))
    contract_usd[[2, 7]] = 100.0
    purse_of[3::5] = 0  # the fourth venue has the first one's pool
    purse_of[[2, 7]] = 2, 3
    inverse = replace(replay.tracked, purses=pools, purse_of=purse_of, pool_quanta=worth, contract_usd=contract_usd)
    usd = pool_usd(inverse)
    assert list(usd) == ["binance", "okx", "bybit"]
    assert usd["okx"][0] == 100.0
    assert usd["bybit"][0] == pytest.approx(replay.tracked.open_usd[:2].sum())
    assert usd["bybit"][-1] == pytest.approx(replay.tracked.index_usd[:2, -1].sum())


def test_waterfall__shows_all_of_a_range_over_priors():
    part = {"mean": 2.0, "error": 0.5}
    parts = {"without": part, "shares": {"liquidations": part, "stops": part}, "together": {"mean": 6.0, "error": 0.0}}
    low, high = zoomed(parts, 10.0, {})
    assert low < 15.0 and 65.0 < high < 90.0
    low, high = zoomed(parts, 10.0, {"stops": (-3.5, 9.0)})
    assert low < 5.0 and 130.0 < high


@pytest.mark.parametrize(
    "draw", [plots.path, plots.shares, plots.liquidation_map, plots.liquidity, plots.branching, plots.pools]
)
def test_pictures__of_a_day_without_liquidations_can_be_drawn(replay, draw):
    calm = replace(
        replay.tracked,
        tape=np.zeros(0, LIQUIDATION),
        deleveraged=np.zeros(0, DELEVERAGING),
        stake_lots=np.zeros_like(replay.tracked.stake_lots),
        index_usd=np.tile(replay.tracked.open_usd[:, None], 86_400),
    )
    assert drawn(draw(replace(replay, tracked=calm, counterfactual=calm))).startswith(b"\x89PNG")


def test_pictures__leave_the_settings_of_matplotlib_alone(replay):
    before = dict(mpl.rcParams)
    plots.shares(replay)
    assert dict(mpl.rcParams) == before


def test_pictures__show_themselves_in_a_notebook(replay):
    assert plots.shares(replay)._repr_png_().startswith(b"\x89PNG")


def test_pictures__refuse_an_unknown_coin(replay):
    for draw in (plots.path, plots.liquidation_map, plots.liquidity, plots.branching):
        with pytest.raises(ValueError, match="coin must be one of BTC, ETH"):
            draw(replay, coin="PEPE")
