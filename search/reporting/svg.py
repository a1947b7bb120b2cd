"""Figures as SVG for a page that may be light or dark.

matplotlib writes fixed colours. The ones below stand for the page's own: in the SVG they become CSS
variables, so that one picture reads well on both, and text stays text in the page's font.
"""

import html
import io
import re

import matplotlib
from matplotlib.figure import Figure

# Placeholder colour -> CSS variable; no other part of a figure uses these colours.
INK, MUTED, LINE, PAPER = "#010203", "#717273", "#d1d2d3", "#fdfcfb"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", PAPER: "--paper"}

HALO = "halo"

# Of middle brightness: they stand out on white and on near-black, 3 : 1 or more, also as dots that
# are not quite opaque; and for the colour-blind.
BLUE, ORANGE, GREEN, RED = "#3579c6", "#cc6a0a", "#1c916d", "#d6336c"
GREY, PURPLE, OCHRE = "#758291", "#7b5fd0", "#a87f00"

STYLE = {
    "svg.fonttype": "none",
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "lines.linewidth": 1.8,
}


def to_svg(figure: Figure, name: str, title: str, tooltips: dict[str, str] | None = None) -> str:
    """An <svg> element to stand in a page.

    Args:
      figure: drawn under `matplotlib.rc_context(STYLE)`.
      name: sets the picture's ids apart from those of others in the page.
      title: for those who cannot see it.
      tooltips: by the gid of an artist, what is shown when the pointer rests on it.

    Text of the gid HALO gets a rim in the page's colour, so that it can be read on lines.
    """
    text = io.StringIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, dpi=130, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    for gid, tooltip in (tooltips or {}).items():
        svg = svg.replace(f'<g id="{gid}">', f'<g id="{gid}"><title>{html.escape(tooltip)}</title>')
    rim = "paint-order: stroke; stroke: var(--paper); stroke-width: 3.5px; stroke-linejoin: round"
    svg = svg.replace(f'<g id="{HALO}">', f'<g style="{rim}">')
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    # The size is the page's business; the view box keeps the proportions.
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace("<svg", f'<svg role="img" aria-label="{html.escape(title)}"', 1)
