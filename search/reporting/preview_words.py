"""What a preview says, in sentences: the same on the page and in the terminal."""

import numpy as np

from search.previewing.reward_aim import Aim, aim_of, cost_of_doubling, elasticity, slope_at
from search.previewing.reward_preview import Preview, best_of_sample
from search.quantities import counted, milliseconds, percent
from search.reward import NAMED, RewardConfig, reward


def formula(config: RewardConfig) -> str:
    """The reward as one writes it down."""
    target = ms(config.target_latency_ms)
    if config.form == "absolute":
        return f"accuracy − {-config.beta:g} × |latency / {target} − 1|"
    if config.alpha == config.beta:
        return f"accuracy × (latency / {target})^{exponent_text(config.alpha)}"
    return (
        f"accuracy × (latency / {target})^w, w = {exponent_text(config.alpha)} up to the target, "
        f"{exponent_text(config.beta)} above"
    )


def aim(preview: Preview) -> str:
    """What the reward aims at."""
    config, target = preview.config, ms(preview.target_ms)
    if preview.aim is Aim.ACCURACY:
        return "Latency costs nothing in this reward: the target changes nothing, accuracy decides."
    if preview.aim is Aim.SLOPE:
        _, alpha, beta = NAMED["two_slope"]
        return (
            f"alpha = beta = {exponent_text(config.alpha)}: with one exponent the target is a "
            "constant factor of every reward. It changes no ranking, so a search for any other "
            "target finds the same networks; the exponent alone picks the point. A reward that "
            f"aims at {target} is --reward=two_slope ({exponent_text(alpha)} up to the target, "
            f"{exponent_text(beta)} above)."
        )
    if preview.aim is Aim.AWAY:
        return (
            f"Latency costs more below the target ({exponent_text(config.alpha)}) than above it "
            f"({exponent_text(config.beta)}): the reward leads away from {target}, to one side or "
            "the other."
        )
    if config.form == "absolute":
        return (
            f"The reward aims at the target from both sides: a network that is faster than {target}"
            " loses as much as one that is slower by the same time."
        )
    if config.alpha == 0:
        lost = 1 - reward(1.0, 1.1 * preview.target_ms, config)
        return (
            f"The reward aims at the target as at a limit: up to {target} latency costs nothing, "
            f"10 % above it costs {share_text(lost)} of the reward. Searches tend to stay short of "
            "such a cliff."
        )
    return (
        f"The reward aims at the target: above {target} latency costs more (exponent "
        f"{exponent_text(config.beta)}) than it earns below ({exponent_text(config.alpha)})."
    )


def price(preview: Preview) -> str:
    """What a doubling of latency costs."""
    if preview.aim is Aim.ACCURACY:
        return "Twice the latency costs nothing."
    accuracy, target = preview.accuracy_at_target, preview.target_ms
    if preview.aim is Aim.SLOPE:
        lost, needed = cost_of_doubling(accuracy, target, preview.config)
        share = lost / reward(accuracy, target, preview.config)
        return (
            f"Twice the latency costs {share_text(share)} of the reward, anywhere. It takes "
            f"{share_text(needed / accuracy)} more accuracy to make up for it: {points(needed)} at "
            f"{_top1(accuracy)}{_beyond(accuracy + needed)}."
        )
    lines = []
    for start in (target / 2, target):
        lost, needed = cost_of_doubling(accuracy, start, preview.config)
        share = lost / reward(accuracy, start, preview.config)
        way = f"from {ms(start)} to {ms(2 * start)}"
        if lost == 0:
            lines.append(f"Twice the latency, {way}, costs nothing.")
        elif lost < 0:
            lines.append(f"Twice the latency, {way}, earns as much as {points(-needed)} of top-1.")
        elif preview.config.form == "absolute":
            lines.append(f"Twice the latency, {way}, costs {points(needed)} of top-1.")
        else:
            lines.append(
                f"Twice the latency, {way}, costs {share_text(share)} of the reward: "
                f"{points(needed)} of top-1 make up for it at {_top1(accuracy)}"
                f"{_beyond(accuracy + needed)}."
            )
    return " ".join(lines)


def slope(preview: Preview) -> str:
    """What the front has to look like for the best network to be at the target."""
    config, accuracy, where = preview.config, preview.accuracy_at_target, preview.target_ms
    known = preview.latencies
    outside = known and not known.fastest_ms <= where <= known.slowest_ms
    if preview.aim in (Aim.ACCURACY, Aim.AWAY) or (preview.aim is Aim.TARGET and outside):
        return ""
    if outside:
        where = float(np.median(known.sample_ms))
    there = slope_at(accuracy, where, config)
    more, less = ms(1.1 * where), ms(where / 1.1)
    if preview.aim is Aim.SLOPE:
        return (
            f"The best network is where 1 % of latency buys exactly {-config.alpha:g} % of "
            f"accuracy. At {ms(where)} and {_top1(accuracy)} that is where 10 % more latency, "
            f"to {more}, buys {points(there.gain, 2)} of top-1: if it buys more there, the best "
            "network is slower; if less, it is faster."
        )
    if_flat = (
        f"The best network is at {ms(where)} if, at {_top1(accuracy)} there, 10 % more latency, "
        f"to {more}, buys less than {points(there.gain, 2)} of top-1"
    )
    if config.form == "absolute":
        return f"{if_flat}. Where latency buys more, the best network is slower."
    if config.alpha == 0:
        return (
            f"{if_flat} (1 % of latency for less than {-config.beta:g} % of accuracy). Where "
            "latency buys more, it is slower."
        )
    return (
        f"{if_flat}, and 10 % less, to {less}, costs more than {points(there.loss, 2)} (1 % of "
        f"latency for between {-config.alpha:g} and {-config.beta:g} % of accuracy). Where latency "
        "buys more, it is slower; where less, faster."
    )


def landing(preview: Preview) -> str:
    """Where the best network will be, as far as that can be known."""
    landed = preview.landing(preview.config)
    if landed is None:
        return (
            "Accuracy and latency together are not known before the search, so no latency can be "
            "promised."
        )
    any_target = " for every target" if preview.aim in (Aim.SLOPE, Aim.ACCURACY) else ""
    if preview.explored:
        found = reward(landed.accuracy, landed.latency_ms, preview.config)
        random = best_of_sample(preview.explored, preview.config)
        return (
            f"The best network lands at {ms(landed.latency_ms)} and {percent(landed.accuracy)}"
            f"{any_target}, reward {found:.4g}. By the predicted accuracies and estimated "
            "latencies that is proven: no network of the space has a higher one. The best of "
            f"{counted(len(preview.explored.sample), 'random network')} has {random:.4g}."
        )
    low, high = _slopes_around(preview, landed.latency_ms)
    around = [
        f"{name} 1 % of latency buys {elasticity:.3f} % of accuracy"
        for name, elasticity in (("just below", low), ("just above", high))
        if elasticity is not None
    ]
    end = ", the end of that line" if None in (low, high) else ""
    return (
        f"On the published widths of MnasNet-A1 (fully trained, joined by lines) the reward is "
        f"highest at {ms(landed.latency_ms)} and {_top1(landed.accuracy)}{any_target}{end}: "
        f"{', '.join(around)}. Short training and another space give another front: take it as "
        "orientation."
    )


def latencies(preview: Preview) -> str:
    """How the space's latencies lie around the target."""
    known = preview.latencies
    if known is None:
        return "Latencies of the space are not known: nothing was timed (--preview_timed=0)."
    sample = counted(len(known.sample_ms), "random network")
    low, middle, high = (
        ms(sorted(known.sample_ms)[int(share * (len(known.sample_ms) - 1))])
        for share in (0.05, 0.5, 0.95)
    )
    about = "about " if known.scale else ""
    text = (
        f"{about}{share_text(preview.share_within)} of {sample} meet the target of "
        f"{ms(preview.target_ms)}; half of all take up to {about}{middle}, nine in ten between "
        f"{low} and {high}. The fastest network found takes {about}{ms(known.fastest_ms)}, the "
        f"slowest {ms(known.slowest_ms)}."
    )
    return text[0].upper() + text[1:]


def aim_of_named(config: RewardConfig) -> str:
    """What a reward aims at, in a cell of a table."""
    return {
        Aim.ACCURACY: "no: accuracy alone",
        Aim.SLOPE: "no: the exponent alone decides",
        Aim.AWAY: "no: leads away from it",
        Aim.TARGET: "yes",
    }[aim_of(config)]


def statements(preview: Preview) -> list[tuple[str, str]]:
    """(heading, sentences) of all that is said, warnings apart."""
    return [
        ("Aim", aim(preview)),
        ("Price", price(preview)),
        ("Winner", f"{landing(preview)} {slope(preview)}".strip()),
        ("Space", latencies(preview)),
        *([("Numbers", " ".join(notes(preview)))] if notes(preview) else []),
    ]


def notes(preview: Preview) -> list[str]:
    """What the numbers are and how good, a sentence each."""
    found = [preview.latencies.note] if preview.latencies else []
    if preview.explored:
        found.append(preview.explored.note)
    return [f"{note[0].upper()}{note[1:]}." for note in (*found, *preview.notes)]


def ms(value: float) -> str:
    """Milliseconds as a flag would have them: '75 ms', '85.6 ms', '0.2 ms'."""
    return f"{value:.3g} ms" if value < 999.5 else milliseconds(value)


def points(share: float, decimals: int = 1) -> str:
    """A difference of top-1: '3.7 points'."""
    return f"{100 * share:.{decimals}f} points"


def share_text(share: float) -> str:
    """A share of 1: '4.7 %', '27 %', '99.8 %'."""
    value = 100 * share
    if not value:
        return "0 %"
    if 0 < value < 0.05:
        return "under 0.1 %"
    return f"{value:.1f} %" if value < 9.95 or 90.05 < value < 100 else f"{value:.0f} %"


def exponent_text(exponent: float) -> str:
    """An exponent of the reward: '−0.07'."""
    return f"{exponent:g}".replace("-", "−")


def _top1(accuracy: float) -> str:
    return f"{100 * accuracy:.3g} % top-1"


def _beyond(needed: float) -> str:
    return ", which no network has" if needed > 1 else ""


def _slopes_around(preview: Preview, latency_ms: float) -> list[float | None]:
    """Percent of accuracy for one percent of latency on the known line, below and above a point."""
    accuracies, known = preview.published_curve
    return [
        elasticity(accuracies, known, latency_ms, other) if known[0] <= other <= known[-1] else None
        for other in (latency_ms / 1.02, latency_ms * 1.02)
    ]
