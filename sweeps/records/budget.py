"""What a record says of a point's budget: what its file was predicted to cost, before it was trained."""

from sweeps.records.run_record import Record


def excess(budget: Record) -> dict[str, float]:
    """By which share a file is beyond each bound, negative where it keeps it: bound → share."""
    pairs = {"ms": (budget["latency_ms"], budget["most_ms"]), "kb": (budget["size_kb"], budget["most_kb"])}
    return {name: value / most - 1 for name, (value, most) in pairs.items() if most is not None}


def why_over(budget: Record) -> str:
    """Why a file is beyond its budget, one line; empty where it keeps it."""
    beyond = [name for name, share in excess(budget).items() if share > 0]
    said = {
        "ms": f"{budget['latency_ms'] or 0:.3g} ms on {budget['device']} (budget.ms={budget['most_ms'] or 0:g})",
        "kb": f"{budget['size_kb']:,.0f} kB (budget.kb={budget['most_kb'] or 0:g})",
    }
    return f"{budget['format']} would take {' and '.join(said[name] for name in beyond)}" if beyond else ""
