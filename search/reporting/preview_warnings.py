"""What a preview warns of: targets off the space, limits that leave little, idle exponents."""

from search.previewing.reward_aim import Aim
from search.previewing.reward_preview import Preview
from search.reporting.preview_words import exponent_text, ms, share_text

# Shares of random networks under the target from which on most of a search is spent off it.
TAIL = 0.01


def warnings(preview: Preview) -> list[str]:
    """What is likely to be a mistake; may be empty."""
    found = []
    known, target = preview.latencies, preview.target_ms
    if known:
        share = preview.share_within
        if target < known.fastest_ms:
            found.append(
                f"The target of {ms(target)} is outside the space: the fastest network "
                f"found takes {ms(known.fastest_ms)}.{_effect(preview, above=True)}"
            )
        elif target > known.slowest_ms:
            found.append(
                f"The target of {ms(target)} is outside the space: the slowest network "
                f"found takes {ms(known.slowest_ms)}.{_effect(preview, above=False)}"
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
    if preview.config.form == "absolute" and preview.config.alpha:
        found.append(f"--alpha={preview.config.alpha:g} has no effect on the absolute reward.")
    return found


def _effect(preview: Preview, above: bool) -> str:
    if preview.aim in (Aim.SLOPE, Aim.ACCURACY):
        return " With this reward the target changes nothing."
    if preview.config.form == "absolute":
        return ""
    w = preview.config.beta if above else preview.config.alpha
    if w == 0:
        return " Up to the target latency costs nothing, so accuracy alone decides."
    return f" There it acts like the one exponent {exponent_text(w)}, whatever the target."
