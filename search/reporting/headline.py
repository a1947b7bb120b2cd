"""The head of report.html: the best network, whether it meets the target, how to go on with it."""

import shlex
from collections.abc import Sequence

import numpy as np

from mnasnet.block_args import BlockArgs, decode
from search.quantities import amount, counted, milliseconds, percent
from search.reporting.clock import clock_name, latency_label
from search.reporting.findings import Findings
from search.reporting.page import command, measures, network, paragraph, table
from search.trials import COMPLETED, Measured


def headline(findings: Findings) -> str:
    """The best network, its measures, and how to go on with it."""
    done, of = len(findings.trials), findings.max_trials
    state = (
        f"{counted(done, 'trial')}, finished" if done >= of else f"{done:,} of {of:,} trials so far"
    )
    lead = f"{findings.workdir.resolve().name}: {state}."
    if findings.settings.get("dataset"):
        lead += f" Data: {findings.settings['dataset']}."
    head = f"<h1>MnasNet search</h1>{paragraph(lead, 'lead')}"
    best = findings.best
    if best is None:
        text = "No network has been measured yet."
        if findings.trials:
            text = f"Of {counted(done, 'trial')} none is feasible; the reasons are below."
        return f'{head}<div class="card">{paragraph(text)}</div>'
    measured = best.measured
    shown = [
        (percent(measured.accuracy), findings.accuracy_name),
        (milliseconds(measured.latency_ms), latency_label(findings)),
    ]
    if findings.reward_config:
        target_ms = findings.reward_config.target_latency_ms
        met = "met" if measured.latency_ms <= target_ms else "missed"
        shown += [(f"{target_ms:g} ms", f"target latency, {met}")]
    shown += [(f"{measured.reward:.4f}", "reward")]
    if measured.params is not None:
        shown += [(amount(measured.params), "parameters")]
        shown += [(amount(measured.multiply_adds), "multiply-adds")]
    retrain = ""
    if findings.settings.get("architecture"):
        retrain = paragraph("Train it in full with", "caption") + command(
            f"python -m mnasnet.train --from_search={shlex.quote(str(findings.workdir))} --rank=1 "
            "--data_dir=IMAGENET --model_dir=DIR"
        )
    parts = (
        measures(shown),
        paragraph(_at_latency(findings), "strong"),
        paragraph(_standing(findings)),
        _blocks(best.network),
        retrain,
        notes(findings),
    )
    return f'{head}<div class="card">{"".join(parts)}</div>'


def notes(findings: Findings) -> str:
    """How accuracies and latencies came about, with their errors; said once in a page.

    Pictures name the clock on their axis, so that one that is cut out does not mislead.
    """
    told = findings.notes
    if not told:
        told = [
            f"{kind.capitalize()}: {findings.how_measured(kind)}."
            for kind in ("accuracy", "latency")
            if findings.how_measured(kind)
        ]
    return "".join(paragraph(note, "note") for note in told)


def beside(best: Measured, other: Measured) -> str:
    """How a network compares with a reference network, in a sentence's part."""
    points = 100 * (best.accuracy - other.accuracy)
    return (
        f"{points:+.2f} points of top-1 at {best.latency_ms / other.latency_ms:.2f} times the "
        "latency"
    )


def _at_latency(findings: Findings) -> str:
    """The best network's accuracy at its latency, and what else there is within the target."""
    best, name = findings.best, clock_name(findings)
    text = f"{percent(best.measured.accuracy)} top-1 at {milliseconds(best.measured.latency_ms)}"
    text += f", {name}" if name else ""
    if findings.reward_config is None:
        return f"{text}."
    target_ms = findings.reward_config.target_latency_ms
    share = best.measured.latency_ms / target_ms
    if share <= 1:
        text += f": within the target of {target_ms:g} ms."
    else:
        text += f": over the target of {target_ms:g} ms, {share:#.3g} times it."
    # A soft reward may trade accuracy for a latency far below the target, or the reverse.
    within = [trial for trial in findings.front if trial.measured.latency_ms <= target_ms]
    if not within:
        fastest = milliseconds(findings.front[0].measured.latency_ms)
        return f"{text} No network is within it, the fastest takes {fastest}."
    if within[-1].network != best.network:
        found = within[-1]
        text += (
            f" The most accurate within it: {percent(found.measured.accuracy)} at "
            f"{milliseconds(found.measured.latency_ms)}, trial {found.trial}."
        )
    return text


def _standing(findings: Findings) -> str:
    """The best network beside random ones and beside the landmarks, in a sentence."""
    best, text = findings.best, f"Found in trial {findings.best.trial}."
    # The feasible ones: others would lower the mean and flatter the search.
    random_rewards = [t.reward for t in findings.random_trials if t.status == COMPLETED]
    if findings.updates and len(random_rewards) > 1:
        text += (
            f" Its reward is {best.reward:.4f}; {len(random_rewards)} random networks had "
            f"{np.mean(random_rewards):.4f} on average and {np.max(random_rewards):.4f} at best."
        )
    for name, measured in list(findings.landmarks.items())[:2]:
        if measured.status == COMPLETED:
            text += f" Beside {name}: {beside(best.measured, measured)}."
    return text


def _blocks(strings: Sequence[str]) -> str:
    """The network's strings, with what they say beside them where they are block strings."""
    try:
        blocks = decode(strings)
    except ValueError:
        return f"<pre>{network(strings)}</pre>"
    rows = [(string, _in_words(block)) for string, block in zip(strings, blocks, strict=True)]
    return table((), rows, "mt", "blocks")


def _in_words(block: BlockArgs) -> str:
    op = {"conv": "convolution", "dconv": "separable convolution"}.get(
        block.conv_op, f"MBConv{block.expand_ratio}"
    )
    words = f"{block.num_repeat} × {op} {block.kernel_size}×{block.kernel_size}"
    words += f" to {block.output_filters} filters"
    if block.strides[0] > 1:
        words += f", stride {block.strides[0]}"
    if block.se_ratio:
        words += f", SE {block.se_ratio:g}"
    return words + {"pool": ", pooling skip", "none": ", no skip"}.get(block.skip, "")
