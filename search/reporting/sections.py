"""The parts of report.html, each from the findings of a search."""

from search.quantities import amount, counted, duration, magnitude, milliseconds, percent
from search.reporting import plots
from search.reporting.clock import latency_label
from search.reporting.findings import Findings
from search.reporting.headline import beside
from search.reporting.page import command, figure, listing, network, paragraph, section, table
from search.reporting.pareto_plot import pareto
from search.reporting.phones import timing_phones
from search.reporting.workers import worker_of
from search.trials import COMPLETED, Measured
from search.workdir import flatten

_SHOWN_AT_ONCE = 10


def trade_off(findings: Findings) -> str:
    """Accuracy against latency."""
    if findings.best is None:
        return ""
    caption = (
        "Each point is a network, coloured by when it was sampled. The line is the Pareto front: "
        f"{counted(len(findings.front), 'network')} that no other beats in both measures; "
        "rest the pointer on one to read its blocks."
    )
    if findings.reward_config:
        caption += " Networks on one dotted curve have the same reward, written at its end."
    picture = pareto(
        findings.trials,
        findings.landmarks,
        findings.reward_config,
        accuracy_name=findings.accuracy_name,
        latency_name=latency_label(findings),
    )
    return section("Accuracy and latency", figure(picture, caption))


def best_networks(findings: Findings) -> str:
    """The table of the best networks."""
    if findings.best is None:
        return ""
    header = ("rank", "reward", "top-1", "latency", "params", "MAdds", "trial", "network")
    rows = [
        (
            rank,
            f"{trial.reward:.4f}",
            percent(trial.measured.accuracy),
            milliseconds(trial.measured.latency_ms),
            amount(trial.measured.params),
            amount(trial.measured.multiply_adds),
            trial.trial,
            network(trial.network),
        )
        for rank, trial in enumerate(findings.top, start=1)
    ]
    first, more = rows[:_SHOWN_AT_ONCE], rows[_SHOWN_AT_ONCE:]
    parts = [table(header, first, "nnnnnnnh")]
    if more:
        parts.append(
            f"<details><summary>Ranks {_SHOWN_AT_ONCE + 1} to {len(rows)}</summary>"
            f"{table(header, more, 'nnnnnnnh')}</details>"
        )
    text = "Ordered by reward. These and their settings are in top.json, all trials in trials.csv."
    return section("Best networks", *parts, paragraph(text, "caption"))


def landmarks(findings: Findings) -> str:
    """Reference networks beside the best."""
    if not findings.landmarks:
        return ""
    best = findings.best.measured if findings.best else None
    last = "the best found, beside it" if best else ""
    header = ("network", "reward", "top-1", "latency", "params", "MAdds", last)
    rows = [(f"best, trial {findings.best.trial}", *_measures(best), "")] if best else []
    for name, measured in findings.landmarks.items():
        if measured.status == COMPLETED:
            rows.append((name, *_measures(measured), beside(best, measured) if best else ""))
        else:
            rows.append((name, "-", "-", "-", *_measures(measured)[3:], measured.reason))
    text = (
        "Published networks, put through the same training and the same clock; their figures on "
        "ImageNet and on phones are others."
    )
    return section(
        "Beside published networks",
        paragraph(text, "caption"),
        table(header, rows, "tnnnnnt"),
    )


def course(findings: Findings) -> str:
    """Rewards over trials, and what the controller did meanwhile."""
    parts = []
    if findings.best is not None:
        parts.append(_rewards(findings))
    if any("entropy" in metrics for _, metrics in findings.updates):
        curves = plots.learning(findings.updates, findings.max_entropy)
        parts.append(figure(curves, _learning(findings)))
    return section("The course of the search", *parts) if parts else ""


def infeasible(findings: Findings) -> str:
    """Why networks could not be measured."""
    if not findings.reasons:
        return ""
    count = sum(count for _, count in findings.reasons)
    text = (
        f"{count:,} of {len(findings.trials):,} trials; each got the reward of an infeasible one."
    )
    rows = [(f"{count:,}", reason) for reason, count in findings.reasons]
    return section(
        "Infeasible networks",
        paragraph(text),
        table(("trials", "reason (of alike ones, the first)"), rows, "nt", "narrow"),
    )


def run(findings: Findings) -> str:
    """What the run was: counts, time, command, settings, versions."""
    settings = findings.settings
    reused = sum(trial.reused_from is not None for trial in findings.trials)
    bad = sum(trial.status != COMPLETED for trial in findings.trials)
    rows = [
        ("trials", f"{len(findings.trials):,} of {findings.max_trials:,}"),
        ("repeats, not measured again", f"{reused:,}"),
        ("infeasible", f"{bad:,}"),
    ]
    for doing, field in (("training", "train_seconds"), ("timing", "latency_seconds")):
        if findings.seconds(field) >= 1:  # predictions take next to none
            took = duration(findings.seconds(field))
            rows.append((f"wall time in {doing}, of all networks", took))
    if findings.latency_spread is not None:
        rows.append(("spread of repeated timings (median)", percent(findings.latency_spread)))
    space = settings.get("space") or {}
    if space.get("size"):
        size = f"{space.get('name', '')}, {magnitude(space['size'])} networks"
        if space.get("per_layer_size"):
            size += f" ({magnitude(space['per_layer_size'])} were each layer to choose for itself)"
        rows.append(("search space", size))
    if settings.get("device"):
        rows.append((_host_did(findings), settings["device"]))
    timed = timing_phones(findings)
    if timed:
        rows.append(("phones, which timed", timed))
    if settings.get("dataset"):
        rows.append(("dataset", settings["dataset"]))
    versions = settings.get("versions") or {}
    if versions:
        rows.append(("versions", ", ".join(f"{k} {v}" for k, v in versions.items())))
    parts = [table((), rows, "tt", "narrow")]
    if settings.get("command"):
        parts.append(paragraph("Command", "caption") + command(settings["command"]))
    if settings.get("flags"):
        text = "Flags that differ from their defaults"
        parts.append(paragraph(text, "caption") + listing(settings["flags"].strip()))
    results_depend_on = [
        (name, str(value))
        for name, value in flatten(settings.get("settings") or {}).items()
        if name != "space.decisions"  # they have a section of their own
    ]
    if results_depend_on:
        parts.append(
            "<details><summary>All settings that the results depend on</summary>"
            f"{table((), results_depend_on, 'mm')}</details>"
        )
    return section("What the run was", *parts)


def _host_did(findings: Findings) -> str:
    """What the machine is to be called that the search ran on: by what it did itself."""
    of_accuracy = (findings.settings.get("settings") or {}).get("accuracy", {})
    # Workers may be on other machines, of which their own part of the report tells.
    records = [
        trial.measured.records.get(kind) or {}
        for trial in findings.trials
        for kind in ("accuracy", "latency")
    ]
    names = [worker_of(record["worker"]) for record in records if record.get("worker")]
    own = all(name.process is None for name in names)
    did = ["trained"] if own and of_accuracy.get("kind") == "proxy" else []
    did += ["timed"] if own and findings.latency_settings.get("kind") == "host" else []
    return f"host, which {' and '.join(did)}" if did else "host of the search"


def _measures(measured: Measured) -> tuple[str, ...]:
    accuracy, latency_ms = measured.accuracy, measured.latency_ms
    return (
        f"{measured.reward:.4f}",
        "-" if accuracy is None else percent(accuracy),
        "-" if latency_ms is None else milliseconds(latency_ms),
        amount(measured.params),
        amount(measured.multiply_adds),
    )


def _rewards(findings: Findings) -> str:
    random_rewards = [trial.reward for trial in findings.random_trials]
    batch_size = findings.batch_size or max(len(findings.trials) // 20, 1)
    caption = ""
    if random_rewards:
        caption = (
            f"Dashed: the best of n random networks on average, from the {len(random_rewards)} "
            "trials sampled before the controller learnt anything (exact for draws with "
            "replacement from their rewards); a sample of that size says nothing about more draws."
        )
    return figure(plots.rewards(findings.trials, batch_size, random_rewards), caption)


def _learning(findings: Findings) -> str:
    entropies = [metrics["entropy"] for _, metrics in findings.updates if "entropy" in metrics]
    text = "Entropy tells how undecided the controller is: "
    if findings.max_entropy:
        text += f"at first near {findings.max_entropy:.1f} nats, the log of the space's size; "
    text += f"{entropies[-1]:.1f} nats at the last update"
    if findings.max_entropy:
        text += f", {100 * entropies[-1] / findings.max_entropy:.0f} % of the maximum"
    return f"{text}. KL divergence and clipped share tell how far one update moves it."
