import json
import math
from dataclasses import replace

import numpy as np
import pytest
from fakes import START_NS, VENUES, fake_replay, fake_result

from cascade.costs import describe
from cascade.figures import FIGURES, IMPOSED, amplification, measure
from cascade.report import as_markdown, as_ranges, as_table, as_text, rows
from cascade.report.notes import _costs
from cascade.result import Replay
from cascade.state import DELEVERAGING, LIQUIDATION
from cascade.summary import RUNTIME, summarise


@pytest.fixture(scope="module")
def replay() -> Replay:
    return fake_replay()


def tape_of(*liquidations: tuple[int, int, float, int, int, int, int]) -> np.ndarray:
    """Rows of (account, step, value in USD, market, side, bucket, step of the order)."""
    tape = np.zeros(len(liquidations), LIQUIDATION)
    for row, (account, step, value_usd, market, side, bucket, order_step) in zip(tape, liquidations, strict=True):
        row["account"], row["trigger_step"], row["step"], row["market"] = account, step, order_step, market
        row["side"], row["bucket"], row["lots"] = side, bucket, 1000
        row["mark_usd"] = value_usd  # lots of 0.001 coins: a thousand of them is one coin of BTC
    return tape


# ── definitions ─────────────────────────────────────────────────────────────────────────────────────────────


def test_figures__are_as_defined_on_three_liquidations_solved_by_hand(replay):
    """Longs of 100 USD at Binance (13:59:59, below 10x) and Bybit (16:00), a short of 300 at OKX (14:00, above 50x)."""
    tape = tape_of(
        (7, 14 * 3600 - 1, 100.0, 0, 1, 0, 14 * 3600),
        (8, 14 * 3600, 300.0, 1, -1, 3, 14 * 3600 + 1),
        (8, 16 * 3600, 100.0, 2, 1, 1, 16 * 3600),
    )
    figures = measure(replace(replay.tracked, tape=tape), replay.counterfactual)
    assert figures["liquidated_usd"] == pytest.approx(500)
    assert figures["liquidated_accounts"] == 2
    assert figures["long_share"] == pytest.approx(0.4)
    assert [figures[f"share_{name}"] for name in ("lt_10x", "10_20x", "20_50x", "gt_50x")] == pytest.approx(
        [0.2, 0.2, 0, 0.6]
    )
    assert [figures[f"share_{name}"] for name in ("binance", "okx", "bybit", "other")] == pytest.approx(
        [0.2, 0.6, 0.2, 0]
    )
    assert figures["peak_window_share"] == pytest.approx(0.6)  # by the trigger's time, not the order's
    assert figures["peak_window_is_peak"] == 0  # 13:00-15:00 holds 400


def test_costs__are_as_defined_on_four_liquidations_solved_by_hand(replay):
    """100 isolated; 300 and 200 of cross accounts, the first breached by ETH; a winner closed for 50 at 10 below."""
    tape = tape_of(
        (1, 10, 100.0, 0, 1, 0, 11),
        (2, 20, 300.0, 0, 1, 0, 21),
        (2, 20, 200.0, 0, 1, 0, 21),
        (3, 30, 400.0, 5, 1, 0, 31),
    )
    tape["lots"][3] = 100  # 0.01 coins of ETH each
    tape["taken_over_lots"][:2] = 1000, 250
    tape["group"], tape["moved_by"] = (0, 2, 2, 0), (0, 7, 3, 5)
    tape["loss"], tape["pool"] = np.array([10, 20, 0, 5]) * 10**6, np.array([3, -2, 0, -1]) * 10**6
    row = np.zeros(1, DELEVERAGING)
    row["lots"], row["mark_usd"], row["forgone"], row["liquidation"] = 500, 100.0, 5 * 10**6, 1
    socialised = np.array([0, 7 * 10**6, 0, 0, 0])
    costs = describe(replace(replay.tracked, tape=tape, deleveraged=row, socialised=socialised))
    paid = [costs[f"paid_by_{payer}_usd"] for payer in ("accounts", "pools", "winners", "socialised")]
    assert paid == pytest.approx([35.0, 3.0, 5.0, 7.0])
    assert costs["deleveraged_share"] == pytest.approx(0.05)
    assert costs["cross_share"] == pytest.approx(0.5)
    assert costs["contagion_share"] == pytest.approx(0.3)
    assert (costs["liquidations"], costs["taken_over"], costs["taken_over_usd"]) == (4, 2, pytest.approx(175.0))
    nothing = describe(replace(replay.tracked, tape=tape_of(), deleveraged=np.zeros(0, DELEVERAGING)))
    assert math.isnan(nothing["cross_share"]) and nothing["paid_by_winners_usd"] == 0.0


def test_costs__say_by_how_much_pools_changed(replay):
    """Two pools that end a million below and a quarter of a million above their start, whatever was in between."""
    quanta = np.zeros((3, len(replay.tracked.purses)), np.int64)
    quanta[:, 0], quanta[:, 1] = np.array([9, 2, 8]) * 10**12, np.array([4, 7, 4.25]) * 10**12
    run = replace(replay.tracked, pool_quanta=quanta)
    assert describe(run)["pools_change_usd"] == pytest.approx(-0.75e6)
    text = as_text(replace(replay, tracked=run).summary())
    assert "Pools ended lower by $0.75 M." in text


def test_report__says_who_paid_and_what_cross_margin_carried(replay):
    text, costs = as_text(replay.summary()), describe(replay.tracked)
    assert f"Of the liquidated value {100 * costs['cross_share']:.2f} % was cross" in text
    assert f"{100 * costs['contagion_share']:.2f} % breached by another coin" in text
    assert f"Liquidated accounts lost ${costs['paid_by_accounts_usd'] / 1e6:,.2f} M; pools paid" in text
    assert 0 < costs["contagion_share"] < costs["cross_share"] < 1
    assert f"Pools took over {costs['taken_over']:,} of {costs['liquidations']:,} liquidations, $" in text


def test_report__a_verdict_names_its_tolerance(replay):
    one, twelve = as_text(replay.summary()), as_text(summarise([replay] * 12))
    assert "✓: within tolerance, not equal: value, accounts ± 10 %; longs ≥ 89.0 %; leverage, venues ± 3 points." in one
    assert "value, accounts ± 2 %; longs 90.0\N{EN DASH}97.0 %; leverage, venues ± 1 point." in twelve


def test_report__a_number_is_not_parted_from_its_unit(replay):
    below = as_markdown(replay.summary()).rpartition("|\n")[2]
    assert "\N{NO-BREAK SPACE}%" in below and "\N{NO-BREAK SPACE}M" in below
    assert " %" not in below and " M;" not in below
    assert max(map(len, _costs(replay.summary()))) <= 80


def test_figures__falls_are_the_index_open_to_its_lowest_second(replay):
    index = np.tile(replay.tracked.open_usd[:, None], 86_400)
    index[0, 50_000] *= 0.9
    index[0, 50_001:] *= 0.95
    without = np.tile(replay.tracked.open_usd[:, None], 86_400)
    without[0, 50_000:] *= 0.96
    without[0, 60_000] *= 0.94
    figures = measure(
        replace(replay.tracked, index_usd=index, target_usd=index[:, 59::60] * math.exp(0.001)),
        replace(replay.counterfactual, index_usd=without),
    )
    assert figures["btc_drop"] == pytest.approx(0.1)
    assert figures["btc_low_usd"] == pytest.approx(0.9 * replay.tracked.open_usd[0])
    assert figures["btc_close_usd"] == pytest.approx(0.95 * replay.tracked.open_usd[0])
    assert figures["eth_drop"] == 0
    assert figures["amplification"] == pytest.approx(math.log(0.9) / math.log(0.96))  # at the tracked run's low
    assert figures["btc_drop_without_cascade"] == pytest.approx(1 - 0.96 * 0.94)  # at its own low
    assert figures["tracking_rms"] == pytest.approx(0.001)


def test_amplification__is_exactly_one_when_both_runs_are_the_same(replay):
    assert measure(replay.tracked, replay.tracked)["amplification"] == 1.0


def test_amplification__of_a_nearly_flat_day_is_nan():
    assert amplification(100.0, 99.7, 99.85) != amplification(100.0, 99.7, 99.85)
    assert amplification(100.0, 99.7, 100.5) != amplification(100.0, 99.7, 100.5)
    assert amplification(100.0, 99.0, 99.7) == pytest.approx(math.log(0.99) / math.log(0.997))


def test_figures__say_nan_where_they_have_no_meaning(replay):
    calm = replace(replay.tracked, tape=np.zeros(0, LIQUIDATION), target_usd=None)
    figures = measure(calm, calm)
    assert set(figures) == set(FIGURES)
    assert figures["liquidated_usd"] == figures["liquidated_accounts"] == 0
    for name in ("long_share", "share_lt_10x", "share_okx", "peak_window_share", "peak_window_is_peak", "tracking_rms"):
        assert math.isnan(figures[name]), name


# ── the summary ─────────────────────────────────────────────────────────────────────────────────────────────


def test_summary__has_the_shape_that_other_tools_read(replay):
    content = replay.summary().as_dict()
    assert list(content) == ["event", "seeds", "figures", "runtime"]
    assert content["event"] == "2026-02-06" and content["seeds"] == [1]
    assert list(content["figures"]) == list(FIGURES)
    for figure in content["figures"].values():
        assert list(figure) == ["reported", "median", "p05", "p95", "within"]
        assert isinstance(figure["within"], bool)
    assert content["figures"]["tracking_rms"]["reported"] is None  # required, reported by nobody
    assert content["figures"]["eth_drop"]["reported"] == [0.131, 0.23]
    assert content["figures"]["amplification"]["reported"] is None and content["figures"]["amplification"]["within"]
    assert list(content["runtime"]) == list(RUNTIME)
    json.dumps(content, allow_nan=False)


def test_summary__medians_and_ranges_are_over_seeds():
    replays = [fake_replay(seed, 500) for seed in (5, 6, 7)]
    summary = summarise(iter(replays))
    drops = [replay.figures()["long_share"] for replay in replays]
    figure = summary.figures["long_share"]
    assert summary.seeds == (5, 6, 7)
    assert figure.median == sorted(drops)[1]
    assert (figure.p05, figure.p95) == pytest.approx(tuple(np.quantile(drops, (0.05, 0.95))))
    assert summary.runtime["loop_s"] == pytest.approx(3.66)


def test_summary__gives_the_fraction_of_seeds_in_which_the_peak_is_the_peak(replay):
    elsewhere = replace(replay.tracked, tape=tape_of((1, 3600, 1e9, 0, 1, 0, 3600)))
    summary = summarise([*[replay] * 3, replace(replay, tracked=elsewhere)])
    figure = summary.figures["peak_window_is_peak"]
    assert (figure.median, figure.p05, figure.p95, figure.within) == (0.75, 0.75, 0.75, False)
    assert summarise([replay] * 9 + [replace(replay, tracked=elsewhere)]).figures["peak_window_is_peak"].within


def test_summary__misses_a_figure_that_lies_too_far(replay):
    assert replay.summary().holds
    tape = replay.tracked.tape.copy()
    tape["lots"] *= 2
    summary = replace(replay, tracked=replace(replay.tracked, tape=tape)).summary()
    assert not summary.holds
    assert [name for name, figure in summary.figures.items() if not figure.within] == ["liquidated_usd"]


def test_summary__gives_no_verdict_on_what_a_candle_file_replaces(replay):
    index = replay.tracked.index_usd * 0.5
    candles = replace(
        replay,
        candles="my.csv, 2022-01-21",
        tracked=replace(replay.tracked, index_usd=index, target_usd=index[:, 59::60]),
    )
    summary = candles.summary()
    for name in IMPOSED:
        assert summary.figures[name].reported is None and summary.figures[name].within
    assert summary.figures["share_okx"].reported == 0.217
    for text in (as_text(summary), as_markdown(summary)):
        assert "2026-02-06's accounts on candles of 2022-01-21 (my.csv), seed 1" in text
        assert "compare 2022-01-21 with what was reported of 2026-02-06" in text
    assert list(summary.as_dict()) == ["event", "seeds", "figures", "runtime"]


def test_summary__holds_no_nan(replay):
    nothing = replace(replay.tracked, tape=np.zeros(0, LIQUIDATION))
    content = replace(replay, tracked=nothing).summary().as_dict()
    assert content["figures"]["long_share"]["median"] is None and not content["figures"]["long_share"]["within"]
    json.dumps(content, allow_nan=False)


def test_summary__needs_a_replay():
    with pytest.raises(ValueError, match="at least one"):
        summarise([])


def test_summary__keeps_no_replay_alive():
    import weakref

    alive = []

    def runs():
        for seed in (1, 2, 3):
            replay = fake_replay(seed, 10)
            alive.append(weakref.ref(replay))
            yield replay
            del replay
            assert sum(reference() is not None for reference in alive) <= 1

    summarise(runs())


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────────


def test_table__has_a_line_for_every_figure_and_marks_what_is_imposed(replay):
    lines = rows(replay.summary())
    assert [line.name for line in lines] == list(FIGURES)
    by_name = {line.name: line for line in lines}
    assert by_name["liquidated_usd"].cells == ("Liquidated value", "$2.069 bn", "$2.069 bn", "", "✓")
    assert by_name["btc_drop"].verdict == "✓ imposed"
    assert by_name["long_share"].reported == "> 90.0 %"
    assert by_name["tracking_rms"].reported == "≤ 15.0 bp"
    assert by_name["amplification"].verdict == "\N{EN DASH}"


def test_table__prints_as_text_markdown_and_on_a_terminal(replay):
    from rich.console import Console

    summary = replay.summary()
    console = Console(width=100, record=True, file=open("/dev/null", "w"))
    console.print(as_table(summary))
    for text in (str(summary), repr(summary), as_text(summary), as_markdown(summary), console.export_text()):
        assert "Amplification" in text and "$2.069 bn" in text and "imposed" in text
    console.file.close()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("n_seeds", [1, 3])
def test_table__is_whole_on_a_terminal(width, n_seeds):
    from rich.console import Console

    summary = summarise(fake_replay(seed, 500) for seed in range(1, 1 + n_seeds))
    console = Console(width=width)
    with console.capture() as printed:
        console.print(as_table(summary))
    lines = printed.get().splitlines()
    assert max(map(len, lines)) <= width and "\N{HORIZONTAL ELLIPSIS}" not in printed.get()
    for cell in (cell.strip() for row in rows(summary) for cell in row.cells):
        assert cell in printed.get()
    assert ("5\N{EN DASH}95 %" in lines[2]) == (n_seeds > 1)  # one seed has no range


def test_ranges__show_the_amplification_over_each_prior():
    text = as_ranges(
        [{"prior": "learning.share", "value": 0.7, "amplification": 1.02, "btc_drop_without_cascade": 0.126}]
    )
    assert "learning.share" in text and "1.020" in text and "12.60 %" in text


# ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_liquidations__one_row_each_in_usd_and_utc(replay):
    frame, tape = replay.liquidations, replay.tracked.tape
    assert len(frame) == len(tape)
    row, first = frame.row(0, named=True), tape[0]
    assert row["time"].utcoffset().total_seconds() == 0
    assert frame["time"].cast(int)[0] == START_NS + int(first["trigger_step"]) * 10**9
    assert row["venue"] == VENUES[first["market"] % 5]
    assert row["position_side"] == ("long" if first["side"] > 0 else "short")
    assert row["side"] == ("sell" if first["side"] > 0 else "buy")
    assert row["notional_usd"] == pytest.approx(row["size"] * row["mark_price"])
    assert row["pool_usd"] == first["pool"] / 1e6
    assert frame["fill_price"].null_count() == np.isnan(tape["fill_usd"]).sum() > 0
    assert frame["notional_usd"].sum() == pytest.approx(replay.figures()["liquidated_usd"])


def test_path_and_books__cover_every_step_and_minute(replay):
    result = replay.tracked
    assert replay.path.shape == (6 * 86_400, 6)
    assert replay.path["index_without_usd"].to_numpy() == pytest.approx(replay.counterfactual.index_usd.ravel())
    assert replay.path.filter(coin="ETH")["index_usd"].to_numpy() == pytest.approx(result.index_usd[1])
    assert len(result.books) == 1440 * 30
    book = result.books.filter(coin="BTC", venue="okx").row(100, named=True)
    assert book["mid_usd"] == pytest.approx(result.index_usd[0, 100 * 60 + 59], rel=1e-3)
    assert book["bid_100bp_usd"] == pytest.approx(result.minutes["bid_lots_1"][100, 1] * 0.001 * book["mid_usd"])


def test_books__hold_null_where_a_side_is_empty(replay):
    minutes = replay.tracked.minutes.copy()
    minutes["bid_tick"][3, 0] = -1
    books = replace(replay.tracked, minutes=minutes).books
    assert books["mid_usd"].null_count() == books["spread_bp"].null_count() == 1


def test_stake__is_notional_by_price(replay):
    time_ns, edges_usd, notional_usd = replay.tracked.stake_usd("BTC")
    assert time_ns[1] - time_ns[0] == 1800 * 10**9
    assert len(edges_usd) == notional_usd.shape[2] + 1 and notional_usd.shape[1] == 2
    now = replay.tracked.index_usd[0, 0]
    assert notional_usd[0, 0][edges_usd[:-1] > now].sum() == 0  # a fall closes nothing above the price
    with pytest.raises(ValueError, match="must be one of BTC"):
        replay.tracked.stake_usd("PEPE")


def test_replay__delegates_to_the_tracked_run(replay):
    assert replay.seed == 1
    assert replay.amplification == replay.figures()["amplification"] == pytest.approx(1.05, rel=0.01)
    assert replay.btc_drop_without_cascade < 0.1281 and replay.tracking_rms < 0.0015
    assert fake_result(2).seed == 2
