"""One file per experiment, its question at the top. bench/run.py runs them.

Each has TITLE, measure(ctx) -> data (written as JSON), draw(data, out, stem) -> [paths of plots], and
table(data) -> Markdown.
"""
