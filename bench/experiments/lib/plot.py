"""SVG plots by gnuplot. A plot is a list of panels side by side; a panel is axes and series of points."""

import re
import shutil
import subprocess

# Distinguishable by people with any kind of colour vision (Okabe and Ito), and by shape.
STYLES = {
    "mutex": ("#0072B2", 7),
    "mutex, 4 workers": ("#56B4E9", 5),
    "rwlock": ("#009E73", 9),
    "owner": ("#B8860B", 11),
    "backpressure": ("#D55E00", 13),
    "extra": ("#CC79A7", 3),
    "theory": ("#555555", 0),
}
MARKED = 20  # points of a series at most that are shown as such
PRELUDE = """set encoding utf8
set term svg size {width},{height} font "Helvetica,13" background "white" rounded noenhanced
set output "{path}"
set border 3 lc rgb "#444444"
set tics nomirror tc rgb "#222222"
set grid lc rgb "#dddddd" lt 1 lw 0.7
set key top left
set multiplot layout 1,{columns} title "{title}" font ",15"
"""


class Panel:
    def __init__(self, title, xlabel, ylabel, *, logx=False, logy=False, xrange=None, yrange=None, key="top left",
                 xtics=None, ytics=None, extra=()):
        self.lines = ["unset logscale", "unset object", "unset label", "unset arrow", "set xtics auto", "set ytics auto",
                      "set format x '%g'", "set format y '%h'", f'set title "{title}"', f'set xlabel "{xlabel}"',
                      f'set ylabel "{ylabel}"', f"set xrange [{span(xrange)}]", f"set yrange [{span(yrange)}]",
                      f"set key {key}" if key else "unset key"]
        self.lines += ["set logscale x"] * logx + ["set logscale y"] * logy
        self.lines += [f"set xtics ({xtics})"] * bool(xtics) + [f"set ytics ({ytics})"] * bool(ytics)
        self.lines += extra
        self.series = []

    def add(self, name, points, style, *, dashed=False):
        """points: (x, y), without those whose y is None; many make a mere line. Of a series without points, the legend alone
        is shown."""
        self.series.append((name, [(x, y) for x, y in points if y is not None], STYLES[style], dashed))
        return self

    def script(self, number):
        blocks, plots = [], []
        for i, (name, points, (colour, shape), dashed) in enumerate(self.series):
            block = f"$d{number}_{i}"
            if points:
                blocks.append(f"{block} << EOD\n" + "\n".join(f"{x:.7g} {y:.7g}" for x, y in points) + "\nEOD")
            how = "lines" if dashed or len(points) > MARKED else "linespoints"
            looks = " dt 3" if dashed else f" pt {shape} ps 0.7" if how != "lines" else ""
            title = f'title "{name}"' if name else "notitle"
            source = f"{block} using 1:2" if points else "keyentry"
            plots.append(f'{source} with {how} lc rgb "{colour}" lw 2{looks} {title}')
        return "\n".join(blocks + self.lines + ["plot " + ", \\\n     ".join(plots)])


def by_load(title, of, goodput, tail, tail_range, logy=True):
    """Two panels over the offered load, in multiples of what `of` names: goodput in percent, and a tail."""
    common = {"logx": True, "xtics": "0.5, 0.8, 1, 1.2, 2, 5, 10", "xrange": (0.45, 11)}
    label = f"offered load (times {of})"
    return [Panel(title, label, goodput, yrange=(0, 120), key="bottom right", **common),
            Panel("Latency of accepted requests", label, tail, logy=logy, yrange=tail_range, key=None, **common)]


def curves(panels, rows, styles, x, *fields, series="series"):
    """Adds to each panel a curve for every series of `styles` (name: style) that has rows: the rows' `x` against the
    panel's field, which is a name, (name, what to divide by), or a function of the row."""
    def value(row, field):
        if callable(field):
            return field(row)
        name, unit = (field, 1) if isinstance(field, str) else field
        return None if row[name] is None else row[name] / unit
    for name, style in styles.items():
        own = [r for r in rows if r[series] == name]
        for panel, field in zip(panels, fields):
            if own:
                panel.add(name, [(r[x], value(r, field)) for r in own], style)
    return panels


def span(limits):
    if limits is None:
        return "*:*"
    return ":".join("*" if end is None else f"{end:g}" for end in limits)


def draw(path, title, panels):
    """Writes `path`. False if there is no gnuplot."""
    if not shutil.which("gnuplot"):
        return False
    width, height = {1: (640, 420), 2: (960, 420)}.get(len(panels), (1080, 380))
    script = PRELUDE.format(width=width, height=height, path=path, title=title, columns=len(panels))
    script += "\n".join(panel.script(i) for i, panel in enumerate(panels)) + "\nunset multiplot\n"
    done = subprocess.run(["gnuplot"], input=script.encode(), capture_output=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"gnuplot on {path}: {done.stderr.decode(errors='replace')}\n{script}")
    path.write_text(smaller(path.read_text()))
    return True


def smaller(svg):
    """The same picture in half the bytes: gnuplot writes many empty groups, and the same attributes in each."""
    ends = ' stroke-linecap="round" stroke-linejoin="round"'
    svg = svg.replace(ends, "").replace('<g id="gnuplot_canvas">', f'<g id="gnuplot_canvas"{ends}>')
    svg = re.sub(r"<title>.*?</title>", "", svg)
    svg = re.sub(r"<g [^>]*>\s*</g>", "", svg)
    svg = re.sub(r"rgb\( *(\d+), *(\d+), *(\d+)\)", lambda m: "#%02x%02x%02x" % tuple(map(int, m.groups())), svg)
    return re.sub(r"\s*\n\s*", "\n", svg)
