"""The part of report.html that shows what each decision has converged to."""

import html
from collections.abc import Sequence

from search.reporting.findings import Findings
from search.reporting.page import paragraph, section


def decisions(findings: Findings) -> str:
    """Bars of how likely each choice is: a row per block where names are 'block/decision'."""
    if not findings.decisions or not findings.trials:
        return ""
    shares, known_from = findings.choice_shares
    cells = {
        name: _cell(choices, of_choices)
        for (name, choices), of_choices in zip(findings.decisions, shares, strict=True)
    }
    rows = _rows(list(cells))
    if rows:
        prefixes, kinds = rows
        body = ["<tr><th></th>" + "".join(f"<th>{_words(kind)}</th>" for kind in kinds) + "</tr>"]
        for prefix in prefixes:
            line = "".join(f"<td>{cells[f'{prefix}/{kind}']}</td>" for kind in kinds)
            body.append(f"<tr><th>{_words(prefix)}</th>{line}</tr>")
        shown = f'<div class="wide"><table class="decisions">{"".join(body)}</table></div>'
    else:
        items = "".join(f"<div><b>{_words(name)}</b>{cell}</div>" for name, cell in cells.items())
        shown = f'<div class="grid">{items}</div>'
    text = f"How likely each choice is, in percent: {known_from}."
    return section("What the controller decides", paragraph(text, "caption"), shown)


def _cell(choices: Sequence, shares: Sequence[float]) -> str:
    most = max(range(len(choices)), key=lambda token: shares[token])
    bars = []
    for token, (choice, share) in enumerate(zip(choices, shares, strict=True)):
        likeliest = " likeliest" if token == most else ""
        bars.append(
            f'<div class="choice{likeliest}" style="--share:{100 * share:.1f}%">'
            f"<span>{html.escape(str(choice))}</span><span>{100 * share:.0f}</span></div>"
        )
    return "".join(bars)


def _rows(names: Sequence[str]) -> tuple[list[str], list[str]] | None:
    """(prefixes, kinds) where the names are all of 'prefix/kind', each once; else None."""
    pairs = [name.partition("/")[::2] for name in names]
    prefixes = list(dict.fromkeys(prefix for prefix, _ in pairs))
    kinds = list(dict.fromkeys(kind for _, kind in pairs))
    whole = all(kinds) and set(pairs) == {(prefix, kind) for prefix in prefixes for kind in kinds}
    return (prefixes, kinds) if whole else None


def _words(name: str) -> str:
    return html.escape(name.replace("_", " "))
