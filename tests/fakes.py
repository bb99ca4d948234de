"""A made-up day in the engine's own arrays: plausible numbers, no engine. Nothing here is a result."""

from dataclasses import replace

import numpy as np

from cascade.facts import load_event
from cascade.result import Replay, Result
from cascade.state import DELEVERAGING, LIQUIDATION, MINUTE, STAKE_BINS, STAKE_SHIFT, TICKS

COINS = ("BTC", "ETH", "XRP", "SOL", "DOGE", "BNB")
VENUES = ("binance", "okx", "bybit", "other", "spot")
OPEN_USD = np.array([72_074.66, 2_140.0, 1.52, 97.0, 0.104, 712.0])
TICK_USD = np.array([0.1, 0.01, 1e-5, 0.001, 1e-6, 0.01])
LOT_BASE = np.array([0.001, 0.01, 1.0, 0.1, 10.0, 0.01])
DROPS = np.array([0.1281, 0.17, 0.23, 0.155, 0.15, 0.13])
BUCKETS = (0.16, 0.41, 0.28, 0.15)
VENUE_SHARES = (0.396, 0.217, 0.184, 0.203)
START_NS = 1_770_336_000_000_000_000  # 2026-02-06 00:00 UTC
STEPS = 86_400
TOTAL_USD = 2.069e9


def fake_replay(seed: int = 1, n_liquidations: int = 4000, **changes) -> Replay:
    """Return a replay whose figures lie near the reported ones; `changes` replace fields of the Replay."""
    tracked, counterfactual = fake_result(seed, n_liquidations), fake_result(seed, 0, amplification=1.05)
    return replace(Replay("2026-02-06", tracked, counterfactual, reported(n_liquidations)), **changes)


def reported(n_accounts: int) -> dict:
    """Return the day's reported figures, but for the number of accounts, which a fake cannot afford."""
    figures = load_event("2026-02-06").figures()
    return figures | {
        "liquidated_accounts": figures["liquidated_accounts"].model_copy(update={"value": float(n_accounts)})
    }


def fake_result(seed: int = 1, n_liquidations: int = 4000, amplification: float = 1.0) -> Result:
    """Return one run; its falls are those of the day over `amplification`."""
    random = np.random.default_rng(seed)
    target = _target(amplification)
    noise = np.cumsum(random.normal(0, 4e-5, target.shape), axis=1)
    index = target * np.exp(noise - _smoothed(noise, 120))
    index *= (target.min(axis=1) / index.min(axis=1))[:, None]  # the low is met exactly
    markets = len(COINS) * len(VENUES)
    lot_base, tick_usd = np.repeat(LOT_BASE, len(VENUES)), np.repeat(TICK_USD, len(VENUES))
    floor_tick = np.repeat(np.maximum(np.rint(OPEN_USD / TICK_USD) - TICKS * 4 // 5, 1).astype(np.int64), len(VENUES))
    tape = _tape(random, index, n_liquidations, lot_base)
    return Result(
        event="2026-02-06", seed=seed, start_ns=START_NS, step_s=1.0, coins=COINS, venues=VENUES,
        tick_usd=tick_usd, lot_base=lot_base, floor_tick=floor_tick, tape=tape, index_usd=index,
        value_usd=_smoothed(index, 600) ** 0.96 * OPEN_USD[:, None] ** 0.04, reference_usd=_smoothed(index, 30),
        open_usd=OPEN_USD, target_usd=target[:, 59::60],
        minutes=_minutes(random, index, tick_usd, lot_base, floor_tick, tape),
        stake_lots=_stake(index, floor_tick, 1800), stake_every=1800, news=np.zeros((len(COINS), 1440)),
        ledger={"Binance": {"pool": -12_000_000_000_000}, "conserved": True}, counters={"liquidations": n_liquidations},
        runtime={"positions": 4_100_000, "book_messages": 62_000_000, "loop_s": 3.6 + 0.01 * seed, "population_s": 1.6,
                 "total_s": 5.9, "peak_rss_mb": 1180.0},
        passing=np.tile(0.95 * np.array([0.36, 0.15, 0.18, 0.18, 0.13]), (2, len(COINS))),
        provenance={"configuration": {"seed_independent": True, "markets": markets}},
        **_pools_and_winners(np.random.default_rng([seed, 1]), tape, lot_base),
    )  # fmt: skip


def _target(amplification: float) -> np.ndarray:
    """Return a path through the day's anchors, second by second, with falls divided by `amplification`."""
    hours = np.array([0, 3, 7, 9, 12, 14.0, 14.5, 15.2, 15.6, 17, 20, 24])
    fallen = np.array([0, 0.06, 0.04, 0.16, 0.24, 0.30, 0.62, 1.0, 0.86, 0.94, 0.80, 0.885])
    share = _smoothed(np.interp(np.arange(STEPS) / 3600, hours, fallen)[None], 300)[0]
    log_fall = np.log1p(-DROPS)[:, None] * (share / share.max()) / amplification
    return OPEN_USD[:, None] * np.exp(log_fall)


def _smoothed(rows: np.ndarray, width: int) -> np.ndarray:
    padded = np.pad(rows, ((0, 0), (width, width - 1)), mode="edge")
    total = np.cumsum(padded, axis=1)
    return (total[:, 2 * width - 1 :] - total[:, : -(2 * width - 1)])[:, : rows.shape[1]] / (2 * width - 1)


def _tape(random: np.random.Generator, index: np.ndarray, n: int, lot_base: np.ndarray) -> np.ndarray:
    """Return liquidations where the price falls to new lows, with the day's shares and total value."""
    tape = np.zeros(n, LIQUIDATION)
    if n == 0:
        return tape
    low = np.minimum.accumulate(index[0])
    intensity = np.maximum(-np.gradient(low), 0) + 0.002 * np.abs(np.gradient(_smoothed(index[:1], 60)[0]))
    step = np.sort(random.choice(STEPS, n, p=intensity / intensity.sum()))
    coin = random.choice(len(COINS), n, p=(0.42, 0.31, 0.08, 0.10, 0.04, 0.05))
    tape["account"] = random.permutation(n)
    tape["trigger_step"], tape["step"] = step, np.minimum(step + 1, STEPS - 1)
    tape["side"] = np.where(random.random(n) < 0.93, 1, -1)
    tape["market"] = coin * len(VENUES) + random.choice(4, n, p=VENUE_SHARES)
    tape["bucket"] = random.choice(4, n, p=BUCKETS)
    tape["leverage"] = np.array([6.0, 14.0, 30.0, 85.0])[tape["bucket"]]
    tape["mark_usd"] = index[coin, step]
    tape["entry_usd"] = tape["mark_usd"] * (1 + 0.9 * tape["side"] / tape["leverage"])
    tape["bankruptcy_usd"] = tape["entry_usd"] * (1 - tape["side"] / tape["leverage"])
    tape["fill_usd"] = np.where(random.random(n) < 0.97, tape["mark_usd"] * (1 - 0.001 * tape["side"]), np.nan)
    tape["last_fill_usd"] = tape["fill_usd"]
    size = np.exp(random.normal(0, 0.4, n))
    lots = size / size.sum() * TOTAL_USD / tape["mark_usd"] / lot_base[tape["market"]]
    tape["lots"] = tape["filled_lots"] = np.maximum(np.rint(lots), 1)
    tape["opened_today"] = tape["bucket"] == 3
    tape["pool"] = np.rint(random.normal(0, 1e8, n))
    tape["fee"] = 1_000_000
    tape["loss"] = 1e6 * tape["lots"] * lot_base[tape["market"]] * tape["mark_usd"] / tape["leverage"]
    tape["moved_by"] = tape["market"]
    tape["group"][::5] = 2  # every fifth is of a cross account, and every tenth was breached by Bitcoin
    tape["moved_by"][::10] %= len(VENUES)
    return tape


def _pools_and_winners(random: np.random.Generator, tape: np.ndarray, lot_base: np.ndarray) -> dict:
    """Return pools that pay and refill, and winners closed against every fortieth liquidation."""
    levered = len(VENUES) - 1
    steps = np.cumsum(random.normal(0, 2e11, (STEPS // 60, levered)), axis=0)
    worth = np.zeros((STEPS // 60 + 1, len(VENUES)), np.int64)
    worth[:, :levered] = np.array([1.2e15, 0.7e15, 0.5e15, 0.3e15])
    worth[1:, :levered] += steps.astype(np.int64)
    closed = np.arange(0, len(tape), 40)
    rows, of = np.zeros(len(closed), DELEVERAGING), tape[closed]
    rows["account"], rows["counterparty"], rows["liquidation"] = of["account"], len(tape) + closed, closed
    rows["step"], rows["market"], rows["side"], rows["lots"] = of["step"], of["market"], -of["side"], of["lots"]
    rows["entry_usd"], rows["price_usd"], rows["mark_usd"] = of["entry_usd"], of["bankruptcy_usd"], of["mark_usd"]
    gap = np.abs(rows["price_usd"] - rows["mark_usd"])
    rows["forgone"] = 1e6 * rows["lots"] * lot_base[rows["market"]] * gap
    return {
        "deleveraged": rows,
        "purses": VENUES,
        "purse_of": np.tile(np.arange(len(VENUES)), len(COINS)),
        "pool_quanta": worth,
        "socialised": np.array([0, 0, 25_000_000, 0, 0]) * len(tape),
        "winnings": np.full(len(VENUES), 10**15),
    }


def _minutes(random, index, tick_usd, lot_base, floor_tick, tape) -> np.ndarray:
    """Return books that thin out and widen where the price moves."""
    minutes = np.zeros((STEPS // 60, len(tick_usd)), MINUTE)
    coin = np.arange(len(tick_usd)) // len(VENUES)
    price = index[:, 59::60].T[:, coin]
    move = np.abs(np.diff(np.log(price), axis=0, prepend=np.log(price[:1])))
    calm = np.clip(1 / (1 + _smoothed(move.T, 10).T / 6e-4), 0.15, 1)
    share = np.tile((0.34, 0.2, 0.17, 0.14, 0.15), len(COINS))
    lots_1 = np.array([9e7, 6e7, 9e6, 2e7, 6e6, 8e6])[coin] * share / (price * lot_base)
    for side, tilt in (("bid", 0.8), ("ask", 1.1)):
        noise = np.exp(random.normal(0, 0.12, price.shape))
        minutes[f"{side}_lots_1"] = lots_1 * calm * tilt * noise
        minutes[f"{side}_lots_01"] = minutes[f"{side}_lots_1"] * 0.09 * np.exp(random.normal(0, 0.2, price.shape))
    spread = np.maximum(1, price / tick_usd * 0.4e-4 / calm**2 * np.exp(random.normal(0, 0.15, price.shape)))
    minutes["spread_ticks"] = spread
    minutes["bid_tick"] = np.rint(price / tick_usd - spread / 2) - floor_tick
    minutes["ask_tick"] = minutes["bid_tick"] + np.maximum(np.rint(spread), 1)
    minutes["mark_usd"], minutes["withdrawal"] = price, calm
    minutes["taken_lots"] = lots_1 * 0.3
    minutes["bid_lots_05"] = 0.5 * minutes["bid_lots_1"]
    for width in ("01", "05", "1"):
        minutes[f"liquidation_lots_{width}"] = 0.2 / calm * minutes[f"bid_lots_{width}"]
        minutes[f"stop_lots_{width}"] = 0.05 * minutes[f"bid_lots_{width}"]
    np.add.at(minutes["liquidated_lots"], (tape["step"] // 60, tape["market"]), tape["filled_lots"])
    return minutes


def _stake(index: np.ndarray, floor_tick: np.ndarray, every: int) -> np.ndarray:
    """Return what stands to be closed: two ridges behind each day's price, eaten as it falls."""
    snapshots = np.arange(0, STEPS, every)
    stake = np.zeros((len(snapshots), len(COINS), 2, STAKE_BINS), np.float32)
    for coin in range(len(COINS)):
        floor = floor_tick[coin * len(VENUES)]
        price = (floor + ((np.arange(STAKE_BINS) + 0.5) * (1 << STAKE_SHIFT))) * TICK_USD[coin]
        ripple = 0.55 + 0.45 * np.sin(price / OPEN_USD[coin] * 260) * np.sin(price / OPEN_USD[coin] * 37)
        for k, step in enumerate(snapshots):
            low, high, now = index[coin, : step + 1].min(), index[coin, : step + 1].max(), index[coin, step]
            below, above = np.log(now / price), np.log(price / now)
            density = ripple * 4e9 / OPEN_USD[coin]
            stake[k, coin, 0] = (price < min(now, low * 1.003)) * density * np.exp(-np.abs(below - 0.05) / 0.03)
            stake[k, coin, 1] = (price > max(now, high * 0.9)) * density * 0.5 * np.exp(-np.abs(above - 0.06) / 0.03)
            stake[k, coin] += (
                0.15 * density * np.exp(-np.abs(np.log(price / now)) / 0.01) * np.array([price < now, price > now])
            )
    return stake
