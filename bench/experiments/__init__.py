"""One file per experiment, its question at the top. bench/run.py runs them.

Each has TITLE, measure(ctx) -> data (written as JSON), table(data) -> Markdown and, if there is something to draw,
draw(data, out, stem) -> [paths of plots].
"""
