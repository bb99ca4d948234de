"""The picture of the day under each venue's rules."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

PANELS = (  # title, figure, factor
    ("liquidated, $bn", "liquidated_usd", 1e-9),
    ("accounts, thousand", "accounts", 1e-3),
    ("amplification at the low", "amplification", 1.0),
)
PAYERS = (  # label, figure, colour
    ("pools", "paid_by_pools_usd", "#4c78a8"),
    ("winners", "forgone_by_winners_usd", "#f58518"),
    ("shared by all", "socialised_usd", "#b0b0b0"),
)


def draw(rows: list[dict]) -> Figure:
    """Return a panel for each figure, a line for each set of rules, with standard errors over seeds."""
    names = [row["rules"] for row in rows]
    places = range(len(names))
    figure, axes = plt.subplots(1, len(PANELS) + 1, figsize=(11.0, 0.34 * len(names) + 1.2), sharey=True)
    for axis, (title, key, factor) in zip(axes, PANELS, strict=False):
        means = [row[key]["mean"] * factor for row in rows]
        errors = [(row[key]["error"] or 0.0) * factor for row in rows]
        axis.errorbar(means, places, xerr=errors, fmt="o", color="#333333", markersize=4, capsize=2, linewidth=1)
        axis.axvline(means[0], color="#cccccc", linewidth=0.8, zorder=0)
        axis.set_xlabel(title)
    left = [0.0] * len(names)
    for label, key, colour in PAYERS:
        paid = [row[key]["mean"] * 1e-6 for row in rows]
        axes[-1].barh(list(places), paid, left=left, height=0.6, color=colour, label=label)
        left = [a + b for a, b in zip(left, paid, strict=True)]
    axes[-1].set_xlabel("who bears what bankrupt accounts owe, $M")
    axes[-1].legend(fontsize=7, frameon=False)
    axes[0].set_yticks(list(places), names)
    axes[0].invert_yaxis()
    figure.tight_layout()
    return figure
