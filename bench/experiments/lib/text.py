"""Numbers and tables for people."""


def duration(ns):
    """Three digits and a unit."""
    if ns is None:
        return "-"
    unit, factor = next((u for u in (("ns", 1), ("µs", 1e3), ("ms", 1e6)) if ns < 1e3 * u[1]), ("s", 1e9))
    return f"{ns / factor:.3g} {unit}" if ns < 1e3 * factor else f"{ns / factor:.0f} {unit}"


def count(n):
    return "-" if n is None else f"{n:,.0f}"


def percent(share, digits=1):
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def grid(header, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


FORMS = {"": str, "d": duration, "n": count, "p": percent, "x": lambda n: f"{n:g} x", "2": "{:.2f}".format,
         "3": lambda share: percent(share, 3), "4": lambda share: percent(share, 4), "`": "`{}`".format}


def table(rows, *columns):
    """The same of rows that are dictionaries. A column is "title=path:form", for example "p99.9=seen.p99_9:d", or (title,
    what makes the cell of a row); without a path the title is it."""
    def cell(row, column):
        if not isinstance(column, str):
            return column[1](row)
        path, _, form = column.rpartition("=")[2].partition(":")
        for name in path.split("."):
            row = row[name]
        return FORMS[form](row)
    titles = [c[0] if not isinstance(c, str) else c.partition("=" if "=" in c else ":")[0] for c in columns]
    return grid(titles, [[cell(row, column) for column in columns] for row in rows])
