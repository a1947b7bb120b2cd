"""The frame of report.html: one file without scripts, for light, dark and paper."""

import html
import shlex
from collections.abc import Iterable, Sequence

# As many characters as a line of the page holds, with room for the backslash.
_COMMAND_COLUMNS = 108
_CSS = """
:root { color-scheme: light dark; --ink: #1b2430; --muted: #66707d; --line: #dfe3e8;
  --paper: #ffffff; --card: #f6f8fa; --accent: #2563b0; --bar: #bcd3ee; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ee; --muted: #98a2b0; --line: #323a45;
  --paper: #14181e; --card: #1c222a; --accent: #7fb2ee; --bar: #2b3f57; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui,
  -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 36px 28px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 19px; margin: 44px 0 8px; letter-spacing: -.005em; }
p { margin: 6px 0; max-width: 860px; }
p.caption, p.note { max-width: none; }
.lead { color: var(--muted); margin-bottom: 22px; }
.caption, .note { color: var(--muted); font-size: 13px; }
figure { margin: 12px 0 4px; break-inside: avoid; }
svg { display: block; width: 100%; height: auto; }
svg text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial,
  sans-serif !important; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 20px 24px; break-inside: avoid; }
.measures { display: flex; flex-wrap: wrap; gap: 10px 36px; margin: 0 0 14px; }
.measures div { min-width: 90px; max-width: 170px; }
.measures b { display: block; font-size: 27px; line-height: 1.15; font-weight: 650;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.measures span { display: block; color: var(--muted); font-size: 13px; line-height: 1.35;
  text-wrap: balance; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono",
  monospace; font-size: 12.5px; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 8px 0;
  padding: 10px 14px; white-space: pre-wrap; overflow-wrap: anywhere; }
.card pre { background: var(--paper); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th { text-align: left; font-weight: 600; color: var(--muted); white-space: nowrap; }
th, td { padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr { break-inside: avoid; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.mono { overflow-wrap: anywhere; line-height: 1.6; }
.narrow { width: auto; }
.narrow td, .narrow th { padding-right: 32px; }
.blocks td { padding: 3px 24px 3px 0; border: 0; font-size: 13px; }
.blocks td.mono { white-space: nowrap; }
.blocks { width: auto; margin-bottom: 12px; }
.string { white-space: nowrap; margin-right: 1.1ch; }
a { color: var(--accent); }
.quiet { color: var(--muted); }
.strong { font-weight: 650; }
details { margin-top: 6px; }
summary { cursor: pointer; color: var(--accent); font-size: 13.5px; padding: 4px 0; }
.decisions th, .decisions td { border-bottom: 1px solid var(--line); padding: 5px 12px 5px 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 12px 18px;
  font-size: 13px; }
.choice { position: relative; display: flex; justify-content: space-between; gap: 6px;
  font-size: 11.5px; line-height: 17px; padding: 0 5px; margin: 1px 0; border-radius: 3px;
  min-width: 76px; overflow: hidden; white-space: nowrap; }
.choice::before { content: ""; position: absolute; inset: 0 auto 0 0; width: var(--share);
  background: var(--bar); border-radius: 3px; }
.choice > * { position: relative; font-variant-numeric: tabular-nums; }
.choice.likeliest { font-weight: 650; }
@media (max-width: 640px) { main { padding: 20px 14px 40px; } .measures { gap: 10px 24px; }
  .measures b { font-size: 21px; } }
@media print { :root { color-scheme: light; --ink: #111; --muted: #555; --line: #ccc;
  --paper: #fff; --card: #fff; --accent: #111; --bar: #c9d8ea; } body { font-size: 9.5pt; }
  main { max-width: none; padding: 0; } h2 { break-after: avoid; margin-top: 26px; }
  .measures { gap: 6px 26px; } .measures b { font-size: 15pt; } th, td { padding-right: 9px; }
  table, .blocks td { font-size: 8.5pt; }
  code, pre, .mono { font-size: 7.5pt; } .caption, .note { font-size: 8.5pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


def page(title: str, sections: Iterable[str]) -> str:
    """The whole document, around sections of HTML."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_CSS}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what follows it."""
    return f"<section>\n<h2>{html.escape(title)}</h2>\n" + "\n".join(parts) + "\n</section>"


def paragraph(text: str, kind: str = "") -> str:
    """Plain text as a paragraph; `kind` is a CSS class."""
    return f'<p class="{kind}">{html.escape(text)}</p>' if text else ""


def figure(svg: str, caption: str) -> str:
    """A picture and what it shows."""
    return f'<figure>{svg}<figcaption class="caption">{html.escape(caption)}</figcaption></figure>'


def measures(shown: Iterable[tuple[str, str]]) -> str:
    """(value, what it is) as a row of large figures."""
    figures = (
        f"<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
        for value, name in shown
    )
    return f'<div class="measures">{"".join(figures)}</div>'


def command(text: str) -> str:
    """A command to copy, as `shlex.join` gives it; a long one goes on in further lines."""
    lines = [""]
    for word in shlex.split(text):
        word = shlex.quote(word)
        if lines[-1] and len(lines[-1]) + len(word) >= _COMMAND_COLUMNS:
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return listing(" \\\n".join(lines))


def listing(text: str) -> str:
    """Lines as they stand in a file."""
    return f"<pre>{html.escape(text)}</pre>"


def network(strings: Sequence[str]) -> str:
    """Block strings that break between blocks only."""
    return " ".join(f'<span class="string">{html.escape(string)}</span>' for string in strings)


def table(header: Sequence[str], rows: Iterable[Sequence], kinds: str, style: str = "") -> str:
    """A table.

    Args:
      header: of the columns; empty for none.
      rows: of cells; text, or for kind 'h' HTML.
      kinds: a letter per column: 't' text, 'n' number, 'm' monospaced text, 'h' monospaced HTML.
      style: a CSS class of the table.
    """
    classes = {"t": "", "n": "number", "m": "mono", "h": "mono"}

    def line(tag: str, cells: Sequence[str], styles: Sequence[str]) -> str:
        told = zip(cells, styles, strict=True)
        return "<tr>" + "".join(f'<{tag} class="{s}">{c}</{tag}>' for c, s in told) + "</tr>"

    lines = [f'<div class="wide"><table class="{style}">']
    if header:
        of_header = ["number" if kind == "n" else "" for kind in kinds]
        lines.append(line("th", [html.escape(name) for name in header], of_header))
    for row in rows:
        cells = zip(row, kinds, strict=True)
        cells = [str(cell) if kind == "h" else html.escape(str(cell)) for cell, kind in cells]
        lines.append(line("td", cells, [classes[kind] for kind in kinds]))
    return "\n".join(lines) + "\n</table></div>"
