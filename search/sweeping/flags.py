"""The flags of a sweep, and the config that they stand for."""

from absl import flags

from search import search_flags
from search.front import ReferencePoint
from search.sweeping.sweep import EXPONENTS, KINDS, TARGET_RATIOS, SweepConfig

_SWEEP = flags.DEFINE_enum(
    "sweep",
    None,
    list(KINDS),
    "search for the whole front: --max_trials is split over several searches, which differ in the "
    "reward's exponent (alpha = beta) or in its target, and share every measurement",
)
_SWEEP_VALUES = flags.DEFINE_list(
    "sweep_values",
    None,
    f"exponents of --sweep=exponents, by default {','.join(f'{value:g}' for value in EXPONENTS)}; "
    "or targets in ms of --sweep=targets, by default "
    f"{', '.join(f'{ratio:g}' for ratio in TARGET_RATIOS)} times --target_latency_ms",
)
_SWEEP_REFERENCE = flags.DEFINE_list(
    "sweep_reference",
    None,
    "ACCURACY,MS: the hypervolume of the front is measured from there, top-1 in [0, 1]; by default "
    "from the lowest accuracy and the highest latency that were measured",
)


def sweep_config() -> SweepConfig | None:
    """What to sweep, None where no sweep is asked for; ValueError for flags that do not agree."""
    if _SWEEP.value is None:
        for flag in (_SWEEP_VALUES, _SWEEP_REFERENCE):
            if flag.value is not None:
                raise ValueError(f"--{flag.name} is given without --sweep={' or '.join(KINDS)}")
        return None
    search = search_flags.search_config()
    reward = search.reward
    if _SWEEP.value == "exponents":
        for name in ("alpha", "beta"):
            if flags.FLAGS[name].value is not None:
                raise ValueError(
                    f"--{name}={flags.FLAGS[name].value:g} is given, but --sweep=exponents sets it"
                )
        if reward.form == "mnasnet" and reward.alpha != reward.beta:
            raise ValueError(
                f"--reward={flags.FLAGS['reward'].value} has two exponents, --sweep=exponents "
                "sets one for both sides: use --reward=soft, or --sweep=targets"
            )
        return SweepConfig("exponents", _values(EXPONENTS), search)
    if reward.form == "mnasnet" and reward.alpha == reward.beta:
        raise ValueError(
            f"with alpha = beta = {reward.alpha:g} the target changes no ranking, so "
            "--sweep=targets needs a reward that aims at it: --reward=two_slope, hard or absolute"
        )
    default = tuple(round(ratio * reward.target_latency_ms, 6) for ratio in TARGET_RATIOS)
    return SweepConfig("targets", _values(default), search)


def reference_point() -> ReferencePoint | None:
    """Where the hypervolume is measured from; None where that is left to the measurements."""
    given = _SWEEP_REFERENCE.value
    if given is None:
        return None
    if len(given) != 2:
        raise ValueError(
            f"--sweep_reference={','.join(given)} must be an accuracy and a latency in ms, such as "
            "0.43,200"
        )
    return ReferencePoint(*_numbers("sweep_reference", given))


def _values(default: tuple[float, ...]) -> tuple[float, ...]:
    if _SWEEP_VALUES.value is None:
        return default
    return _numbers("sweep_values", _SWEEP_VALUES.value)


def _numbers(name: str, texts: list[str]) -> tuple[float, ...]:
    try:
        return tuple(map(float, texts))
    except ValueError:
        raise ValueError(f"--{name}={','.join(texts)} must be numbers, split by commas") from None
