"""Flags of a full training, and what they mean.

They are defined by `define` rather than on import: half of them are called what flags of other
commands are called, and a process may have both modules.
"""

import dataclasses
import typing
from typing import Any

from absl import flags

from mnasnet import (
    model_flags,  # noqa: F401, for the flags that it defines
    search_results,
)
from mnasnet.block_args import encode
from mnasnet.exporting import flags as export_flags  # noqa: F401, as well
from mnasnet.search_results import Found
from mnasnet.training import overrides as training_overrides
from mnasnet.training.config import TrainingConfig

MODES = ("train_and_eval", "train", "eval", "export_only")
# These say the whole network, so one of them puts aside what a file says.
_NETWORK = ("model_name", "blocks", "stem_filters", "head_filters")


def define() -> None:
    """Defines the flags; once in a process."""
    flags.DEFINE_enum(
        "mode",
        "train_and_eval",
        list(MODES),
        "train_and_eval, train, eval (follows a training, in a process beside it), or export_only",
    )
    flags.DEFINE_string(
        "model_dir", None, "folder of checkpoints and summaries; started again, training goes on"
    )
    flags.DEFINE_string("config_file", None, "YAML file of settings; names are those of the flags")
    flags.DEFINE_string(
        "params_override", None, "more settings, over --config_file: key=value,key=value or YAML"
    )
    flags.DEFINE_string("from_search", None, "train a network of the search in this workdir")
    flags.DEFINE_integer("rank", None, "with --from_search: which of the best; by default 1")
    flags.DEFINE_integer("trial", None, "with --from_search: the network of this trial")
    flags.DEFINE_integer(
        "top_k", None, "with --from_search: the best so many, one after another, and a table"
    )
    flags.DEFINE_bool("export_moving_average", True, "export averages rather than weights")
    flags.DEFINE_bool("post_quantize", True, "export the 8-bit weights of the dynamic range too")
    for name, official in (
        ("image_size", "input_image_size"),
        ("num_classes", "num_label_classes"),
    ):
        flags.DEFINE_alias(official, name)
    _define_settings()
    flags.DEFINE_bool("use_tpu", None, "as --strategy=tpu")
    for name, why in training_overrides.WITHOUT_EFFECT.items():
        flags.DEFINE_string(name, None, f"accepted without effect: {why}")
    for name, allowed in training_overrides.ONLY.items():
        flags.DEFINE_string(name, None, f"accepted where it is {allowed!r}")


def given_settings() -> dict[str, Any]:
    """What files and flags together say, in the official order of precedence.

    Raises:
      ValueError: for unknown keys, and a file that cannot be read.
    """
    values = flags.FLAGS
    given = {name: value for name in _setting_names() if (value := values[name].value) is not None}
    return training_overrides.given_settings(
        config_file=values["config_file"].value,
        params_override=values["params_override"].value,
        flags=given | _network_given(given, found_by_search()),
    )


def settings_from_flags() -> TrainingConfig:
    """The configuration of `given_settings`; a network of a search comes with what it was made for.

    Raises:
      ValueError: as `given_settings`, and for values out of range.
    """
    found = found_by_search()
    config = TrainingConfig(**given_settings())
    if not found:
        return config
    architecture = found[0].architecture
    left_open = {
        name: getattr(architecture, name)
        for name in ("image_size", "dropout_rate")
        if getattr(config, name) is None
    }
    return dataclasses.replace(config, **left_open)


def found_by_search() -> list[Found] | None:
    """The networks that --from_search means, None without it.

    Raises:
      ValueError: for a workdir without results, or flags that do not go together.
    """
    values = {name: flags.FLAGS[name].value for name in ("from_search", "rank", "trial", "top_k")}
    workdir = values.pop("from_search")
    chosen = {name: value for name, value in values.items() if value is not None}
    if workdir is None:
        if chosen:
            raise ValueError(f"--{next(iter(chosen))} goes with --from_search")
        return None
    for name in ("model_name", "blocks"):
        if flags.FLAGS[name].value is not None:
            raise ValueError(f"--from_search and --{name} name two networks, give one of them")
    if len(chosen) > 1:
        raise ValueError(f"--{' and --'.join(chosen)} choose different networks, give one of them")
    if "trial" in chosen:
        return [search_results.of_trial(workdir, chosen["trial"])]
    if "top_k" in chosen:
        best = search_results.read_top(workdir)
        if not 1 <= chosen["top_k"] <= len(best):
            raise ValueError(
                f"top_k is {chosen['top_k']}, the search in {workdir!r} has {len(best)} networks"
            )
        return best[: chosen["top_k"]]
    return [search_results.at_rank(workdir, chosen.get("rank", 1))]


def network_settings(found: Found) -> dict[str, Any]:
    """The settings that name a network of a search."""
    architecture = found.architecture
    return {
        "model_name": None,
        "blocks": encode(architecture.blocks),
        "stem_filters": architecture.stem_filters,
        "head_filters": architecture.head_filters,
    }


def _define_settings() -> None:
    hints = typing.get_type_hints(TrainingConfig)
    for name, field in TrainingConfig.__dataclass_fields__.items():
        if name in flags.FLAGS:  # those that name a network
            continue
        kind = (typing.get_args(hints[name]) or (hints[name],))[0]
        default = "" if field.default is None else f"; by default {field.default}"
        text = f"{field.metadata['help']}{default}"
        define_flag = {
            bool: flags.DEFINE_bool,
            int: flags.DEFINE_integer,
            float: flags.DEFINE_float,
            str: flags.DEFINE_string,
        }[kind]
        # None tells a flag that was not given, which leaves a file its word.
        define_flag(name, None, text)


def _setting_names() -> list[str]:
    extra = ["use_tpu", *training_overrides.WITHOUT_EFFECT, *training_overrides.ONLY]
    return [*TrainingConfig.__dataclass_fields__, *extra]


def _network_given(given: dict[str, Any], found: list[Found] | None) -> dict[str, Any]:
    """What flags say of the network; nothing is left of another that a file names."""
    if found:
        return network_settings(found[0])
    if "model_name" in given or "blocks" in given:
        return {name: given.get(name) for name in _NETWORK}
    return {}
