"""The report of a review as a page: its Markdown, without a server and without anything from the network."""

import html

from markdown_it import MarkdownIt

STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: .5rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .2rem .7rem .2rem 0; text-align: left; vertical-align: top; }
td { font-variant-numeric: tabular-nums; }
details { border-left: 3px solid var(--line); padding-left: 1rem; margin: 1rem 0; }
summary { cursor: pointer; } pre, code { font: 13px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; }
"""


def page(verdict: str, markdown: str) -> str:
    """Return a page.

    Args:
        verdict: its title.
        markdown: the report, whose values are escaped.
    """
    # The report writes `<details>` itself, and escapes all that comes from data.
    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{html.escape(verdict)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style>\n{body}</html>\n'
    )
