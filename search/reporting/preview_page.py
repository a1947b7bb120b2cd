"""The page of a preview."""

import html
import shlex
import sys

from search.previewing.reward_aim import Aim, cost_of_doubling
from search.previewing.reward_preview import Preview
from search.quantities import magnitude, percent
from search.reporting import preview_plots
from search.reporting import preview_words as words
from search.reporting.page import command, figure, page, paragraph, section, table
from search.reporting.preview_warnings import warnings
from search.reward import RewardConfig, reward

_ACCURACIES = (0.25, 0.5, 0.75, 0.9)


def preview_page(preview: Preview, arguments: list[str] | None = None) -> str:
    """The whole page; `arguments` are those of the command that made it, sys.argv's by default."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parts = (
        _headline(preview),
        _picture(preview),
        _prices(preview),
        _landing(preview),
        _numbers(preview, arguments),
    )
    return page(f"Preview of the reward: {preview.reward_name}", parts)


def _headline(preview: Preview) -> str:
    measures = [("target", words.ms(preview.target_ms))]
    if preview.share_within is not None:
        measures.append(("of networks meet it", words.share_text(preview.share_within)))
    landed = preview.landing(preview.config)
    if landed is not None:
        on = "the winner's latency" if preview.explored else "latency of the published winner"
        measures.append((on, words.ms(landed.latency_ms)))
    measures += _doubling(preview)
    measures.append(("aims at the target", "yes" if preview.aim is Aim.TARGET else "no"))
    shown = "".join(
        f"<div><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
        for name, value in measures
    )
    warned = "".join(f"<p><b>Warning.</b> {html.escape(w)}</p>" for w in warnings(preview))
    return (
        f"<h1>What the reward asks for</h1>\n"
        f'<p class="lead">{html.escape(preview.reward_name)}: '
        f"{html.escape(words.formula(preview.config))}; space {html.escape(preview.space_name)}, "
        f"{magnitude(preview.num_networks)} networks. A preview: nothing was trained.</p>\n"
        f'<div class="card"><div class="measures">{shown}</div>'
        f"{warned}{paragraph(words.aim(preview))}{paragraph(words.landing(preview))}</div>"
    )


def _doubling(preview: Preview) -> list[tuple[str, str]]:
    """What twice the target's latency costs, as a measure of the headline."""
    accuracy, target = preview.accuracy_at_target, preview.target_ms
    lost, _ = cost_of_doubling(accuracy, target, preview.config)
    if preview.config.form == "absolute":
        return [("of top-1 lost at twice the target", words.points(lost))]
    share = lost / reward(accuracy, target, preview.config)
    return [("of reward lost at twice the target", words.share_text(share))]


def _picture(preview: Preview) -> str:
    caption = "Dotted: equal reward, its value at the edge. "
    if preview.explored:
        caption += (
            "Dots: random networks, with predicted accuracies; line: the best that was found; star:"
            " the best reward. "
        )
    elif preview.published:
        caption += (
            "Diamonds: published networks after full training, with milliseconds measured on a "
            "Pixel 1; line through MnasNet-A1's widths; star: the best reward on that line. "
        )
    else:
        caption += "No network is drawn: accuracies are not known before the search. "
    if preview.latencies:
        caption += (
            f"Below: latencies of {len(preview.latencies.sample_ms):,} random networks, green "
            f"where they meet the target."
        )
    return section(
        "Reward and space",
        figure(preview_plots.reward_and_space(preview), caption),
        paragraph(words.latencies(preview)),
    )


def _prices(preview: Preview) -> str:
    target = preview.target_ms
    rows = []
    for accuracy in _ACCURACIES:
        cells = [f"{100 * accuracy:.0f} %"]
        for start in (target / 2, target):
            _, needed = cost_of_doubling(accuracy, start, preview.config)
            cells.append(_needed(needed, accuracy))
        rows.append(cells)
    header = (
        "top-1 of the network",
        f"from {words.ms(target / 2)} to {words.ms(target)}",
        f"from {words.ms(target)} to {words.ms(2 * target)}",
    )
    return section(
        "What latency costs",
        paragraph(words.price(preview)),
        table(header, rows, "tnn", "narrow"),
        paragraph("Points of top-1 that make up for twice the latency.", "caption"),
    )


def _needed(needed: float, accuracy: float) -> str:
    if needed + accuracy > 1:
        return "no network can"
    if needed == 0:
        return "0"
    return f"{100 * needed:+.1f}".replace("-", "−")


def _landing(preview: Preview) -> str:
    parts = [paragraph(words.slope(preview))]
    if preview.known_front is not None:
        caption = (
            "Latency of the best network for each target, for this reward (thick) and the other "
            "named ones. Where a line is flat, the target does not matter."
        )
        parts.append(figure(preview_plots.landings(preview), caption))
    rows = [_named_row(preview, name, config) for name, config in preview.rewards()]
    header = ["reward", "formula", "aims at the target"]
    if preview.known_front is not None:
        header += ["lands at", "top-1"]
    parts.append(table(header, rows, "ttt" + "nn" * (preview.known_front is not None)))
    if not preview.explored and preview.published:
        parts.append(paragraph("Landings are on the line through published networks.", "caption"))
    return section("Where the winner lands", *parts)


def _named_row(preview: Preview, name: str, config: RewardConfig) -> list[str]:
    row = [name, words.formula(config), words.aim_of_named(config)]
    landed = preview.landing(config)
    if landed is not None:
        row += [words.ms(landed.latency_ms), percent(landed.accuracy)]
    return row


def _numbers(preview: Preview, arguments: list[str]) -> str:
    parts = [paragraph(note, "note") for note in words.notes(preview)]
    scale = preview.latencies.scale if preview.latencies else None
    if scale:
        rows = [
            (words.ms(estimate), words.ms(scale.factor * estimate), words.ms(measured))
            for estimate, measured in zip(scale.estimated_ms, scale.measured_ms, strict=True)
        ]
        header = ("Pixel-1 estimate", "scaled", "timed")
        parts.append(table(header, rows, "nnn", "narrow"))
    parts.append(command(shlex.join(["python", "-m", "search.preview", *arguments])))
    return section("What the numbers are", *parts)
