"""The branching ratio: how many lots a lot that is sold by force makes others sell.

**One market.** If the price falls by a further fraction `u`, the lots `L(u)` whose triggers lie on the way are closed;
the bids `D(u)` on the same way are what a seller must take to make it fall that far. So a lot sold moves the price by
`lam = u / D(u)` and sets off `dens = L(u) / u` a unit of fall: `g(u) = lam * dens = L(u) / D(u)`. Bids are those within
`u` of the mid, triggers those within `u` of the mark. Stops are flow as liquidations are: with them, `L` counts both.

**Several.** A lot sold in market `j` takes its bids down by `lam_j`; providers learn a `share` of it, weighted by the
market's depth `w_j`, and quote all the coin's markets lower: `share * w_j * lam_j` everywhere, also in the spot book
that the marks follow. What stays in market `j` alone averages out over markets and is left out, but for a market whose
mark is its own last trade: its own mark falls by all of `lam_j`. So in market `i`, per lot sold in `j`,

    A[i, j] = dens_i * lam_j * (1 if i == j and the mark is the last trade else share * w_j)

Coins do not act on each other here. The largest eigenvalue of `A`, its spectral radius, is above 1 where a fall would
go on by itself; where all marks follow the index, it is `share * sum(w_j * g_j)`. It is a snapshot of books that do not
refill, nor withdraw: where nobody withdraws, falls grow by 1 / (1 - g) and run away from 1 on; where providers
withdraw, from less, as the depth that is left is less than the depth that was measured.
"""

from typing import TYPE_CHECKING

import numpy as np

from cascade.state import LEARNING, MARK_LAST, SHARE, World

if TYPE_CHECKING:
    import polars as pl

    from cascade.result import Result

WIDTHS = {"01": "10bp", "05": "50bp", "1": "100bp"}  # the further fall: in a recorded minute, and in a frame


def passing(world: World) -> np.ndarray:
    """Return which part of the fall of a market's bids reaches marks, float64, shape (2, markets).

    First row: the marks of all the coin's markets; second row: its own.
    """
    share = world.settings.rates[SHARE] * (world.settings.switches[LEARNING] == 1)
    to_all = share * world.markets["weight"]
    return np.stack([to_all, np.where(world.markets["mark_rule"] == MARK_LAST, 1.0, to_all)])


def ratios(minutes: np.ndarray, width: str = "1", stops: bool = False) -> np.ndarray:
    """Return g(u) of every recorded minute and market, float64; an empty side counts as one lot bid.

    Parameters
    ----------
    minutes : ndarray of MINUTE, shape (minutes, markets)
    width : str
        "01", "05" or "1": u = 0.1, 0.5 or 1%.
    stops : bool
        Count the lots that would be stopped besides those that would be liquidated.
    """
    return _lots(minutes, width, stops) / np.maximum(minutes[f"bid_lots_{width}"], 1)


def radii(result: "Result", width: str = "1", stops: bool = False) -> np.ndarray:
    """Return the spectral radius of every coin's offspring matrix, float64, shape (minutes, coins)."""
    shape = (len(result.minutes), len(result.coins), len(result.venues))
    bids = np.maximum(result.minutes[f"bid_lots_{width}"], 1).reshape(shape)
    lots = _lots(result.minutes, width, stops).reshape(shape)
    to_all, to_own = result.passing.reshape(2, 1, *shape[1:])
    own = np.eye(shape[2], dtype=bool)
    matrix = lots[..., :, None] / bids[..., None, :] * np.where(own, to_own[..., None, :], to_all[..., None, :])
    return np.abs(np.linalg.eigvals(matrix)).max(axis=-1)


def describe(result: "Result") -> dict[str, float]:
    """Return BTC's (else the first coin's) spectral radius at 1%, with stops: median, highest, and when (UTC hour)."""
    radius = radii(result, stops=True)[:, result.coins.index("BTC") if "BTC" in result.coins else 0]
    if not len(radius):
        return {"median": np.nan, "highest": np.nan, "hour": np.nan}
    hour = (result.minute_ns()[np.argmax(radius)] / 3.6e12) % 24
    return {"median": float(np.median(radius)), "highest": float(radius.max()), "hour": float(hour)}


def frame(result: "Result") -> "pl.DataFrame":
    """Return g(u) of every levered market by minute, and the spectral radius of its coin, at 0.1, 0.5 and 1%."""
    import polars as pl

    n_coins, n_venues = len(result.coins), len(result.venues)
    levered = [k for k in range(n_coins * n_venues) if result.venues[k % n_venues] != "spot"]
    coin, venue = np.divmod(np.tile(levered, len(result.minutes)), n_venues)
    columns = {}
    for stops, suffix in ((False, ""), (True, "_with_stops")):
        for width, label in WIDTHS.items():
            columns[f"g_{label}{suffix}"] = ratios(result.minutes, width, stops)[:, levered].ravel()
            radius = np.repeat(radii(result, width, stops), n_venues, axis=1)
            columns[f"radius_{label}{suffix}"] = radius[:, levered].ravel()
    names = {"coin": (coin, result.coins), "venue": (venue, result.venues)}
    return pl.DataFrame(
        {
            "time": pl.Series(np.repeat(result.minute_ns(), len(levered))).cast(pl.Datetime("ns", "UTC")),
            **{key: pl.Series(of, dtype=pl.Enum(of)).gather(k.astype(np.uint32)) for key, (k, of) in names.items()},
            **columns,
        }
    )


def _lots(minutes: np.ndarray, width: str, stops: bool) -> np.ndarray:
    """Return the lots that a further fall would close."""
    liquidated = minutes[f"liquidation_lots_{width}"]
    return liquidated + minutes[f"stop_lots_{width}"] if stops else liquidated
