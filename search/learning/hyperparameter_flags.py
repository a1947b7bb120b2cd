"""The flags of the algorithms' hyperparameters."""

import dataclasses

from absl import flags

from search.hyperparameters import (
    PAPER_CONTROLLER,
    PAPER_EVOLUTION,
    PAPER_PPO,
    ControllerConfig,
    EvolutionConfig,
    PPOConfig,
)

_CONFIGS = {
    "controller": (ControllerConfig(), PAPER_CONTROLLER),
    "ppo": (PPOConfig(), PAPER_PPO),
    "evolution": (EvolutionConfig(), PAPER_EVOLUTION),
}

_HYPERPARAMETERS = flags.DEFINE_enum(
    "hyperparameters",
    "default",
    ["default", "paper"],
    "of the algorithms: ours, for few networks, or the published ones; each of the flags below "
    "replaces one (search/hyperparameters.py explains them); reinforce is NASNet's but for "
    "--controller_units, --controller_uniform_mixture, --ppo_learning_rate, --ppo_baseline_decay",
)
_HYPERPARAMETER_FLAGS = {
    (prefix, field.name): {
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
    }[field.type](
        f"{prefix}_{field.name}",
        None,
        f"{field.default!r} by default, {getattr(paper, field.name)!r} in the paper's setting",
    )
    for prefix, (config, paper) in _CONFIGS.items()
    for field in dataclasses.fields(config)
}


def hyperparameters(prefix: str) -> ControllerConfig | PPOConfig | EvolutionConfig:
    """Those of 'controller', 'ppo' or 'evolution'; ValueError for a value out of range."""
    default, paper = _CONFIGS[prefix]
    given = {
        name: flag.value
        for (of, name), flag in _HYPERPARAMETER_FLAGS.items()
        if of == prefix and flag.value is not None
    }
    return dataclasses.replace(paper if _HYPERPARAMETERS.value == "paper" else default, **given)
