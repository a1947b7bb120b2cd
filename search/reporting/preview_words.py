"""What a preview says, in sentences: the same on the page and in the terminal."""

from search.quantities import counted, milliseconds, percent
from search.reward import NAMED, RewardConfig, reward
from search.reward_aim import Aim, aim_of, cost_of_doubling, elasticity, slope_at
from search.reward_preview import Preview, best_of_sample

# Shares of random networks under the target from which on most of a search is spent off it.
TAIL = 0.01


def formula(config: RewardConfig) -> str:
    """The reward as one writes it down."""
    target = ms(config.target_latency_ms)
    if config.form == "absolute":
        return f"accuracy − {-config.beta:g} × |latency / {target} − 1|"
    if config.alpha == config.beta:
        return f"accuracy × (latency / {target})^{_w(config.alpha)}"
    return (
        f"accuracy × (latency / {target})^w, w = {_w(config.alpha)} up to the target, "
        f"{_w(config.beta)} above"
    )


def aim(preview: Preview) -> str:
    """What the reward aims at."""
    config, target = preview.config, ms(preview.target_ms)
    if preview.aim is Aim.ACCURACY:
        return "Latency costs nothing in this reward: the target changes nothing, accuracy decides."
    if preview.aim is Aim.SLOPE:
        _, alpha, beta = NAMED["two_slope"]
        return (
            f"alpha = beta = {_w(config.alpha)}: with one exponent the target is a constant factor "
            "of every reward. It changes no ranking, so a search for any other target finds the "
            f"same networks; the exponent alone picks the point. A reward that aims at {target} is "
            f"--reward=two_slope ({_w(alpha)} up to the target, {_w(beta)} above)."
        )
    if preview.aim is Aim.AWAY:
        return (
            f"Latency costs more below the target ({_w(config.alpha)}) than above it "
            f"({_w(config.beta)}): the reward leads away from {target}, to one side or the other."
        )
    if config.form == "absolute":
        return (
            f"The reward aims at the target from both sides: a network that is faster than {target}"
            " loses as much as one that is slower by the same time."
        )
    if config.alpha == 0:
        return (
            f"The reward aims at the target as at a limit: up to {target} latency costs nothing, "
            "above it much. Such a cliff holds searches back: a little too slow is worth less than "
            "far too fast."
        )
    return (
        f"The reward aims at the target: above {target} latency costs more (exponent "
        f"{_w(config.beta)}) than it earns below ({_w(config.alpha)})."
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
        else:
            paid = (
                "" if preview.config.form == "absolute" else f"{share_text(share)} of the reward: "
            )
            lines.append(
                f"Twice the latency, {way}, costs {paid}{points(needed)} of top-1 make up for it "
                f"at {_top1(accuracy)}{_beyond(accuracy + needed)}."
            )
    return " ".join(lines)


def slope(preview: Preview) -> str:
    """What the front has to look like for the best network to be at the target."""
    config, accuracy, target = preview.config, preview.accuracy_at_target, preview.target_ms
    if preview.aim in (Aim.ACCURACY, Aim.AWAY):
        return ""
    there = slope_at(accuracy, target, config)
    more, less = ms(1.1 * target), ms(target / 1.1)
    if preview.aim is Aim.SLOPE:
        return (
            f"The best network is where 1 % of latency buys exactly {-config.alpha:g} % of "
            f"accuracy. At {ms(target)} and {_top1(accuracy)} that is where 10 % more latency, "
            f"to {more}, buys "
            f"{points(there.gain, 2)} of top-1: if it buys more there the best network is slower, "
            "if less it is faster."
        )
    where = (
        f"The best network is at {ms(target)} if, at {_top1(accuracy)} there, 10 % more latency, "
        f"to {more}, buys less than {points(there.gain, 2)} of top-1"
    )
    if config.form != "absolute":
        where += (
            f", and 10 % less, to {less}, costs more than {points(there.loss, 2)}"
            if there.loss > 0
            else ""
        )
        return (
            f"{where} (1 % of latency for between {-config.alpha:g} and {-config.beta:g} % of "
            "accuracy). Where latency buys more it is slower, where less, faster."
        )
    return f"{where}. Where latency buys more the best network is slower."


def landing(preview: Preview) -> str:
    """Where the best network will be, as far as that can be known."""
    landed = preview.landing(preview.config)
    if landed is None:
        return "Accuracies are not known before the search, so no latency can be promised."
    any_target = " for every target" if preview.aim in (Aim.SLOPE, Aim.ACCURACY) else ""
    if preview.explored:
        explored = preview.explored
        found = reward(landed.accuracy, landed.latency_ms, preview.config)
        random = best_of_sample(explored, preview.config)
        return (
            f"The best network lands at {ms(landed.latency_ms)} and {percent(landed.accuracy)}"
            f"{any_target}, reward {found:.4f}: the best of {len(explored.pool):,} networks that "
            f"were evaluated, {len(explored.sample):,} of them random (best {random:.4f}), the "
            "others found by mutating the front. It is an estimate: no single decision improves "
            "that network, but a better one may exist."
        )
    low, high = _slopes_around(preview, landed.latency_ms)
    around = [
        f"{name} 1 % of latency buys {elasticity:.3f} % of accuracy"
        for name, elasticity in (("just below", low), ("just above", high))
        if elasticity is not None
    ]
    return (
        f"On the published widths of MnasNet-A1 (fully trained, joined by lines) the reward is "
        f"highest at {ms(landed.latency_ms)} and {_top1(landed.accuracy)}{any_target}: "
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


def warnings(preview: Preview) -> list[str]:
    """What is likely to be a mistake; may be empty."""
    found = []
    known, target = preview.latencies, preview.target_ms
    if known:
        share = preview.share_within
        if target < known.fastest_ms:
            found.append(
                f"The target of {ms(target)} is outside the space: no network is that fast, the "
                f"fastest found takes {ms(known.fastest_ms)}.{_effect(preview, above=True)}"
            )
        elif target > known.slowest_ms:
            found.append(
                f"The target of {ms(target)} is outside the space: every network is faster, the "
                f"slowest found takes {ms(known.slowest_ms)}.{_effect(preview, above=False)}"
            )
        elif not TAIL <= share <= 1 - TAIL:
            found.append(
                f"The target of {ms(target)} is at the far end of the space: {share_text(share)} "
                f"of random networks meet it.{_effect(preview, above=share < 0.5)}"
            )
        limit = preview.max_latency_ms
        if limit is not None and known.share_within(limit) < 0.5:
            found.append(
                f"{share_text(1 - known.share_within(limit))} of random networks are over "
                f"--max_latency_ms={limit:g}, infeasible and not trained."
            )
    if preview.aim is Aim.AWAY:
        found.append("alpha is steeper than beta: the reward leads away from its target.")
    return found


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
    told = [
        ("Aim", aim(preview)),
        ("Price", price(preview)),
        ("Winner", f"{landing(preview)} {slope(preview)}".strip()),
        ("Space", latencies(preview)),
    ]
    notes = [preview.latencies.note] if preview.latencies else []
    if preview.explored:
        notes.append(preview.explored.note)
    told += [("Numbers", f"{note[0].upper()}{note[1:]}.") for note in (*notes, *preview.notes)]
    return told


def ms(value: float) -> str:
    """Milliseconds as a flag would have them: '75 ms', '85.6 ms', '0.2 ms'."""
    return f"{value:.3g} ms" if value < 999.5 else milliseconds(value)


def points(share: float, decimals: int = 1) -> str:
    """A difference of top-1: '3.7 points'."""
    return f"{100 * share:.{decimals}f} points"


def share_text(share: float) -> str:
    value = 100 * share
    if 0 < value < 0.05:
        return "under 0.1 %"
    return f"{value:.1f} %" if value < 9.95 or 90.05 < value < 100 else f"{value:.0f} %"


def _w(exponent: float) -> str:
    return f"{exponent:g}".replace("-", "−")


def _top1(accuracy: float) -> str:
    return f"{100 * accuracy:.3g} % top-1"


def _beyond(needed: float) -> str:
    return ", which no network has" if needed > 1 else ""


def _effect(preview: Preview, above: bool) -> str:
    if preview.aim in (Aim.SLOPE, Aim.ACCURACY):
        return " With this reward the target changes nothing."
    if preview.config.form == "absolute":
        return ""
    w = preview.config.beta if above else preview.config.alpha
    if w == 0:
        return " Up to the target latency costs nothing, so accuracy alone decides."
    return f" There it acts like the one exponent {_w(w)}, whatever the target."


def _slopes_around(preview: Preview, latency_ms: float) -> list[float | None]:
    """Percent of accuracy for one percent of latency on the known line, below and above a point."""
    accuracies, known = preview.published_curve
    return [
        elasticity(accuracies, known, latency_ms, other) if known[0] <= other <= known[-1] else None
        for other in (latency_ms / 1.02, latency_ms * 1.02)
    ]
