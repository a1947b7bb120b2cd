"""Settings of a training from several places, in the official code's order of precedence.

Defaults, then a YAML file (--config_file), then --params_override, then single flags: each later
one wins. A key that nobody knows is an error, so a slip of the pen trains nothing.
"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

from absl import logging

from mnasnet import storage
from mnasnet.training.config import TrainingConfig

OFFICIAL_NAMES = {"input_image_size": "image_size", "num_label_classes": "num_classes"}

# Keys of the official configuration that have nothing left to say here, and why.
WITHOUT_EFFECT = {
    "skip_host_call": "the official code never read it",
    "transpose_input": "it served the first TPUs",
    "use_keras": "it only changed the names of variables; checkpoints of both kinds are read",
    "eval_after_training": "the official code never read it",
    "add_summaries": "summaries are always written",
    "eval_master": "the official code never read it",
}
# Keys of which one value has an equal here.
ONLY = {
    "data_format": "channels_last",
    "quantized_training": False,
    "quantization_delay_epochs": 0,
}
_KNOWN = {field.name: field for field in dataclasses.fields(TrainingConfig)}
_TYPES = typing.get_type_hints(TrainingConfig)


def given_settings(
    *, config_file: str | None, params_override: str | None, flags: Mapping[str, Any]
) -> dict[str, Any]:
    """What all places together say, by our names; what none of them says is not in it.

    Args:
      config_file: path of a YAML file, or None.
      params_override: 'key=value,key=value', YAML in braces, or the path of a YAML file; or None.
      flags: those that were given, by name.

    Raises:
      ValueError: for an unknown key, a value of the wrong type, or a file that cannot be read; the
        message names the flag.
    """
    settings: dict[str, Any] = {}
    if config_file is not None:
        settings |= checked(_read_yaml(config_file, "config_file"), config_file)
    if params_override is not None:
        settings |= checked(_parse_override(params_override), "params_override")
    return settings | checked(flags, "flags")


def parse_yaml(text: str, source: str) -> Any:
    """What a YAML text says; ValueError, with the source's name, where it is none."""
    import yaml  # --help does without it

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{source} is no YAML: {reason}") from error


def checked(settings: Any, source: str) -> dict[str, Any]:
    """Settings under our names, with values of the right types.

    Args:
      settings: what was read; must be a mapping, or None for an empty file.
      source: what messages call it.

    Raises:
      ValueError: as `given_settings`.
    """
    if settings is None:
        return {}
    if not isinstance(settings, Mapping):
        raise ValueError(f"{source} holds {settings!r}, must hold keys and values")
    found = {}
    for key, value in settings.items():
        if key == "use_tpu":
            found |= {"strategy": "tpu"} if value else {}
        elif key in WITHOUT_EFFECT:
            logging.info("%s in %s has no effect: %s", key, source, WITHOUT_EFFECT[key])
        elif key in ONLY:
            if value is not None and str(value).lower() != str(ONLY[key]).lower():
                raise ValueError(f"{key} is {value!r} in {source}, must be {ONLY[key]!r} here")
        else:
            name = OFFICIAL_NAMES.get(key, key)
            if name not in _KNOWN:
                raise ValueError(
                    f"unknown key {key!r} in {source}, known are {', '.join(sorted(_KNOWN))}"
                )
            found[name] = _converted(name, value, source)
    return found


def _converted(name: str, value: Any, source: str) -> Any:
    allowed = typing.get_args(_TYPES[name]) or (_TYPES[name],)
    if value is None and type(None) in allowed:
        return None
    wanted = allowed[0]
    if typing.get_origin(wanted) is tuple:
        parts = value.replace(",", " ").split() if isinstance(value, str) else value
        if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
            return tuple(parts)
    elif wanted is float:
        # YAML takes 1e-5 for a text, its numbers have a point.
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        try:
            return float(value) if isinstance(value, str) else _refuse(name, value, wanted, source)
        except ValueError:
            _refuse(name, value, wanted, source)
    elif isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return value
    elif wanted is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return _refuse(name, value, wanted, source)


def _refuse(name: str, value: Any, wanted: Any, source: str) -> typing.NoReturn:
    kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    kind = kinds.get(wanted, "a list of block strings")
    raise ValueError(f"{name} is {value!r} in {source}, must be {kind}")


def _read_yaml(path: str, flag: str) -> Any:
    try:
        text = storage.read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text in UTF-8"
        raise ValueError(f"--{flag} {path!r} cannot be read: {reason}") from error
    return parse_yaml(text, path)


def _parse_override(text: str) -> Any:
    text = text.strip()
    if text.endswith((".yaml", ".yml")):
        return _read_yaml(text, "params_override")
    if text.startswith("{"):
        return parse_yaml(text, "params_override")
    settings = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise ValueError(
                f"params_override has {part!r}, must be key=value, with commas between several"
            )
        settings[key.strip()] = parse_yaml(value, "params_override")
    return settings
