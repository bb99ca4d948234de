"""A figure as text, with its unit. Computes nothing."""

DASH = "\N{EN DASH}"  # nothing was reported, or nothing can be said


def value(name: str, value: float) -> str:
    """Return the figure with its unit, to the digits that it was reported with."""
    if value != value:
        return DASH
    if name == "liquidated_usd":
        return f"${value / 1e9:.3f} bn"
    if name == "liquidated_accounts":
        return f"{value:,.0f}"
    if name.endswith("_usd"):
        return f"${value:,.0f}"
    if name == "amplification":
        return f"{value:.3f}"
    if name == "tracking_rms":
        return f"{value * 1e4:.1f} bp"
    if name == "peak_window_is_peak":
        return "yes" if value == 1 else "no" if value == 0 else f"{value:.0%} of seeds"
    return percent(value, 2 if "drop" in name else 1)


def span(name: str, low: float, high: float) -> str:
    """Return two bounds with their unit named once; nothing where they are written alike."""
    first, last = value(name, low), value(name, high)
    if first == last:
        return ""
    unit = next((unit for unit in (" bn", " bp", " %") if last.endswith(unit)), "")
    return f"{first.removesuffix(unit)}{DASH}{last.removeprefix('$')}"


def percent(share: float, digits: int) -> str:
    """Return a fraction in per cent; a dash for nan."""
    return DASH if share != share else f"{share * 100:.{digits}f} %"
