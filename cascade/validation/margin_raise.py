"""T9: what a higher margin forces accounts to sell."""

import numpy as np

from cascade.given import GIVEN_ACCOUNT
from cascade.validation.law import Control, Curve, Law, mean_check
from cascade.validation.worlds import LOT_BASE, OPEN_USD, orders_at, run, theory_world

BEFORE = 0.05  # m
RAISED = (1.25, 1.6, 2.0, 3.0)  # m' / m


def margin_raised(quick: bool) -> Law:
    """Return T9: utilisation uniform under m and independent of equity, m raised to m': the forced share."""
    rng, n = np.random.default_rng(109), 24 if quick else 96
    shares = {ratio: forced_share(drawn(rng, n), ratio, "compliance") for ratio in RAISED}
    whole = forced_share(drawn(rng, n), 1.6, "whole")
    line = np.linspace(1.0, 3.2, 100)
    return Law(
        title="Margin raised",
        set_up=f"1,000 longs with uniform utilisation under m = {BEFORE:.0%}, lognormal equity; m' from the open on; "
        f"accounts sell until they comply; {n} runs for each m'",
        theory="forced share of notional (1 - m/m')^2",
        formula=r"$(1 - m/m')^2$",
        checks=tuple(mean_check(f"forced share at m'/m = {k}", (1 - 1 / k) ** 2, shares[k]) for k in RAISED),
        control=Control("positions closed whole", mean_check("forced share at m'/m = 1.6", (1 - 1 / 1.6) ** 2, whole)),
        curve=Curve(
            r"$m' / m$",
            "forced share of notional",
            np.array(RAISED),
            np.array([shares[k].mean() for k in RAISED]),
            np.array([shares[k].std(ddof=1) / n**0.5 for k in RAISED]),
            *(line, (1 - 1 / line) ** 2, np.array([1.6]), np.array([whole.mean()])),
        ),
    )


def drawn(rng: np.random.Generator, n: int) -> list[np.ndarray]:
    """Return the accounts of `n` markets, who meet margin `BEFORE`."""
    lot_usd, markets = LOT_BASE * OPEN_USD, []
    for _ in range(n):
        rows = np.zeros(1000, GIVEN_ACCOUNT)
        equity_usd = 2e4 * lot_usd * BEFORE * rng.lognormal(0.0, 0.5, len(rows))
        rows["lots"] = np.maximum(1, np.rint(rng.random(len(rows)) * equity_usd / BEFORE / lot_usd))
        rows["side"], rows["entry_usd"], rows["margin_usd"] = 1, OPEN_USD, equity_usd
        markets.append(rows)
    return markets


def forced_share(accounts: list[np.ndarray], ratio: float, rule: str) -> np.ndarray:
    """Return the share of lots that each market's accounts had to sell under a margin higher by `ratio`."""
    deep = orders_at(np.zeros(1, np.int64), np.full(1, 2**31 - 1))  # nothing that they sell moves the price
    rows = run(
        theory_world([deep], accounts, seconds=10, venue={"maintenance": BEFORE * ratio, "rule": rule})
    ).accounts.rows
    held = np.bincount(rows["market"], rows["lots"])
    return 1.0 - held / np.array([part["lots"].sum() for part in accounts])
