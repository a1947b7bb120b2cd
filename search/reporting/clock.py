"""Which clock gave a search its latencies, in the few words that a label has room for."""

from search.reporting.findings import Findings

_ESTIMATED = {"pixel1": "Pixel 1"}


def clock_name(findings: Findings) -> str:
    """Such as 'on Google Pixel' or 'estimated for Pixel 1'; '' where nothing tells it."""
    told = findings.latency_settings
    kind, _, of = str(told.get("kind", "")).partition(":")
    device = told.get("device", "")
    if kind == "phone" and device:
        several = told.get("over_devices")
        # The settings of a search tell the targets too, the record of a network does not.
        how = several.get("how") if isinstance(several, dict) else several
        return f"{how} over {device}" if how else f"on {device}"
    if kind == "host":
        return f"on the host ({device})" if device else "on the host"
    if kind == "estimate":
        return f"estimated for {_ESTIMATED.get(of, of)}"
    if kind == "table":
        return f"predicted for {device['device']} by a table" if device else "predicted by a table"
    return ""


def latency_label(findings: Findings) -> str:
    """What a figure of latency is: 'latency, on Google Pixel'."""
    name = clock_name(findings)
    return f"latency, {name}" if name else "latency"
