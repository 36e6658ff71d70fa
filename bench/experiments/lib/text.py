"""Numbers and tables for people."""


def duration(ns):
    """Three digits and a unit."""
    if ns is None:
        return "-"
    for limit, unit, factor in ((1e3, "ns", 1), (1e6, "µs", 1e3), (1e9, "ms", 1e6), (float("inf"), "s", 1e9)):
        if ns < limit:
            value = ns / factor
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    return "-"


def count(n):
    return "-" if n is None else f"{n:,.0f}"


def percent(share, digits=1):
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def table(header, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
