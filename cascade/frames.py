"""Frames of a result: who was liquidated and deleveraged, what pools were worth, who paid."""

from typing import TYPE_CHECKING

import numpy as np

from cascade.state import CROSS_GROUP
from cascade.units import QUANTUM_COIN, QUANTUM_USD

if TYPE_CHECKING:
    import polars as pl

    from cascade.result import Result

LEVERAGE_BUCKETS = ("<10x", "10-20x", "20-50x", ">50x")
KINDS = ("whole", "part", "backstop")
PAYERS = ("accounts", "pools", "winners", "socialised")
STEPS_PER_MINUTE = 60


def liquidations_frame(result: "Result") -> "pl.DataFrame":
    """Return one row for each liquidation order, in the order of the tape; see `Result.liquidations`."""
    import polars as pl

    tape = result.tape
    coin, venue = np.divmod(tape["market"].astype(np.int64), len(result.venues))
    is_short = tape["side"] < 0
    return pl.DataFrame(
        {
            "time": times(result.step_ns(tape["trigger_step"])),
            "order_time": times(result.step_ns(tape["step"])),
            "account": tape["account"],
            "coin": labels(coin, result.coins),
            "venue": labels(venue, result.venues),
            "position_side": labels(is_short, ("long", "short")),
            "side": labels(is_short, ("sell", "buy")),
            "leverage": tape["leverage"].astype(np.float64),
            "leverage_bucket": labels(tape["bucket"], LEVERAGE_BUCKETS),
            "entry_price": tape["entry_usd"],
            "mark_price": tape["mark_usd"],
            "bankruptcy_price": tape["bankruptcy_usd"],
            "fill_price": tape["fill_usd"],
            "last_fill_price": tape["last_fill_usd"],
            "feed_price": tape["feed_usd"],
            "lots": tape["lots"],
            "filled_lots": tape["filled_lots"],
            "deleveraged_lots": tape["deleveraged_lots"],
            "taken_over_lots": tape["taken_over_lots"],
            "size": result.tape_notional_usd / tape["mark_usd"],
            "notional_usd": result.tape_notional_usd,
            "pool_usd": result.money_usd(tape["market"], tape["pool"], tape["mark_usd"]),
            "fee_usd": result.money_usd(tape["market"], tape["fee"], tape["mark_usd"]),
            "loss_usd": result.money_usd(tape["market"], tape["loss"], tape["mark_usd"]),
            "socialised_usd": result.money_usd(tape["market"], tape["socialised"], tape["mark_usd"]),
            "kind": labels(tape["kind"], KINDS),
            "margin": labels(tape["group"] == CROSS_GROUP, ("isolated", "cross")),
            "moved_by": labels(tape["moved_by"] // len(result.venues), result.coins),
            "opened_today": tape["opened_today"] != 0,
        }
    ).with_columns(pl.col("fill_price", "last_fill_price", "feed_price").fill_nan(None))


def deleveragings_frame(result: "Result") -> "pl.DataFrame":
    """Return one row for each winner closed against a bankrupt account, in order; see `Result.deleveragings`."""
    import polars as pl

    rows = result.deleveraged
    market = rows["market"].astype(np.int64)
    coin, venue = np.divmod(market, len(result.venues))
    return pl.DataFrame(
        {
            "time": times(result.step_ns(rows["step"])),
            "account": rows["account"],
            "counterparty": rows["counterparty"],
            "liquidation": rows["liquidation"],
            "coin": labels(coin, result.coins),
            "venue": labels(venue, result.venues),
            "position_side": labels(rows["side"] < 0, ("long", "short")),
            "leverage": rows["leverage"].astype(np.float64),
            "leverage_bucket": labels(rows["bucket"], LEVERAGE_BUCKETS),
            "entry_price": rows["entry_usd"],
            "price": rows["price_usd"],
            "mark_price": rows["mark_usd"],
            "lots": rows["lots"],
            "notional_usd": rows["lots"] * result.lot_usd(market, rows["mark_usd"]),
            "profit_usd": result.money_usd(market, rows["profit"], rows["mark_usd"]),
            "forgone_usd": result.money_usd(market, rows["forgone"], rows["mark_usd"]),
        }
    )


def pools_frame(result: "Result") -> "pl.DataFrame":
    """Return what every pool is worth, USD, at the open and after every minute; see `Result.pools`."""
    import polars as pl

    pools = [k for k, name in enumerate(result.purses) if name not in ("", "spot")]
    n_rows = len(result.pool_quanta)
    usd = np.array([result.pool_quanta[:, k] * _quantum_usd(result, k, n_rows) for k in pools])
    return pl.DataFrame(
        {
            "time": times(np.repeat(result.start_ns + 60_000_000_000 * np.arange(n_rows), len(pools))),
            "pool": labels(np.tile(np.arange(len(pools)), n_rows), tuple(result.purses[k] for k in pools)),
            "pool_usd": usd.T.ravel(),
        }
    )


def losses_frame(result: "Result") -> "pl.DataFrame":
    """Return who bore the losses of bankrupt positions at every venue, USD; see `Result.losses`."""
    import polars as pl

    tape, notes, n_venues = result.tape, result.deleveraged, len(result.venues)
    paid_by_pools, by_venue = np.minimum(tape["pool"], 0), tape["market"] % n_venues
    lost = {
        "accounts": _sum(result, tape["loss"], tape, by_venue),
        "pools": _sum(result, -paid_by_pools, tape, by_venue),
        "winners": _sum(result, notes["forgone"], notes, notes["market"] % n_venues),
        "socialised": np.zeros(n_venues),
    }
    for purse in map(int, np.flatnonzero(result.socialised)):
        venue, quanta = _markets_of(result, purse)[0] % n_venues, result.socialised[purse]
        lost["socialised"][venue] += quanta * _quantum_usd(result, purse, 1 + result.index_usd.shape[1] // 60)[-1]
    levered = [v for v, venue in enumerate(result.venues) if venue != "spot"]
    return pl.DataFrame(
        {
            "venue": labels(np.repeat(levered, len(PAYERS)), result.venues),
            "payer": labels(np.tile(np.arange(len(PAYERS)), len(levered)), PAYERS),
            "usd": np.array([lost[payer][venue] for venue in levered for payer in PAYERS]),
        }
    )


def haircuts_of(result: "Result") -> dict[str, float]:
    """Return by pool what share of their profit winners lose to socialised losses; see `Result.haircuts`."""
    shared = zip(result.purses, result.socialised, result.winnings, strict=True)
    return {purse: float(lost / won) if won else np.nan for purse, lost, won in shared if lost}


def times(time_ns: np.ndarray) -> "pl.Series":
    """Return UTC times."""
    import polars as pl

    return pl.Series(time_ns, dtype=pl.Int64).cast(pl.Datetime("ns", "UTC"))


def labels(codes: np.ndarray, names: tuple[str, ...]) -> "pl.Series":
    """Return the names that codes stand for."""
    import polars as pl

    return pl.Series(names, dtype=pl.Enum(names)).gather(np.asarray(codes, np.uint32))


def _sum(result: "Result", quanta: np.ndarray, rows: np.ndarray, venue: np.ndarray) -> np.ndarray:
    """Return the USD of quanta by venue, at each row's mark."""
    usd = result.money_usd(rows["market"], quanta, rows["mark_usd"])
    return np.bincount(venue, usd, minlength=len(result.venues))


def _markets_of(result: "Result", purse: int) -> np.ndarray:
    return np.flatnonzero(result.purse_of == purse)


def _quantum_usd(result: "Result", purse: int, n_rows: int) -> np.ndarray:
    """Return what a quantum of a purse is worth, USD, at the open and after each of so many minutes."""
    market = int(_markets_of(result, purse)[0])
    if np.broadcast_to(result.contract_usd, result.lot_base.shape)[market] == 0:
        return np.full(n_rows, QUANTUM_USD)
    coin = market // len(result.venues)
    after = np.minimum(STEPS_PER_MINUTE * np.arange(1, n_rows), result.index_usd.shape[1]) - 1
    return QUANTUM_COIN * np.concatenate([[result.open_usd[coin]], result.index_usd[coin, after]])
