"""The reward: one number from accuracy and latency. Pure functions, on floats or arrays."""

import dataclasses

import numpy as np

FORMS = ("mnasnet", "absolute")

# Named choices of (form, alpha, beta), as flags offer them.
NAMED = {
    # MnasNet, section 3: alpha = beta, from "twice the latency for 5 % relative accuracy".
    "soft": ("mnasnet", -0.07, -0.07),
    # MnasNet, section 3: latency counts only where it is over the target, and then hard.
    "hard": ("mnasnet", 0.0, -1.0),
    # Soft below the target and steeper above: unlike soft it aims at the target, without a cliff.
    "two_slope": ("mnasnet", -0.07, -0.3),
    # TuNAS (arXiv 2008.06120), eq. 2: accuracy + beta * |latency / target - 1|.
    "absolute": ("absolute", 0.0, -0.1),
}


@dataclasses.dataclass(frozen=True)
class RewardConfig:
    """How accuracy and latency become a reward.

    Attributes:
      target_latency_ms: T in the formulas.
      alpha: exponent w where the latency is at most the target.
      beta: exponent w where it is over the target; in the absolute form the factor beta.
      form: 'mnasnet' or 'absolute'.
      infeasible_reward: what a network gets that cannot be measured; no measured network gets less.
        By default 0 in the MnasNet form and -1 in the absolute form, which is cut off there.

    Raises:
      ValueError: for a target that is not positive, a positive exponent, an unknown form.
    """

    target_latency_ms: float
    alpha: float = -0.07
    beta: float = -0.07
    form: str = "mnasnet"
    infeasible_reward: float | None = None

    def __post_init__(self):
        if not 0 < self.target_latency_ms < float("inf"):
            raise ValueError(f"target_latency_ms is {self.target_latency_ms}, must be over 0")
        for name in ("alpha", "beta"):
            if not -float("inf") < getattr(self, name) <= 0:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, must be 0 or less: slower is no better"
                )
        if self.form not in FORMS:
            raise ValueError(f"reward form {self.form!r}, must be one of {', '.join(FORMS)}")
        if self.infeasible_reward is None:
            object.__setattr__(self, "infeasible_reward", 0.0 if self.form == "mnasnet" else -1.0)
        if not -float("inf") < self.infeasible_reward <= 0:
            raise ValueError(f"infeasible_reward is {self.infeasible_reward}, must be 0 or less")


def named_reward(
    name: str,
    target_latency_ms: float,
    alpha: float | None = None,
    beta: float | None = None,
    infeasible_reward: float | None = None,
) -> RewardConfig:
    """The RewardConfig of a name in NAMED, with alpha or beta replaced where given."""
    if name not in NAMED:
        raise ValueError(f"unknown reward {name!r}, known are {', '.join(NAMED)}")
    form, named_alpha, named_beta = NAMED[name]
    return RewardConfig(
        target_latency_ms=target_latency_ms,
        alpha=named_alpha if alpha is None else alpha,
        beta=named_beta if beta is None else beta,
        form=form,
        infeasible_reward=infeasible_reward,
    )


def reward(accuracy, latency_ms, config: RewardConfig):
    """The reward of measured networks.

    MnasNet, eq. 2 and 3: ACC * (LAT / T) ** w with w = alpha where LAT <= T, else beta.
    Absolute form (TuNAS, eq. 2): ACC + beta * |LAT / T - 1|. Differs from TuNAS: never below the
    infeasible reward, so that no network gains by failing.

    Args:
      accuracy: top-1 in [0, 1], a float or an array.
      latency_ms: over 0, of the same shape.
      config: target, exponents and form.

    Returns:
      A float for floats, else an array of their shape.

    Raises:
      ValueError: for an accuracy outside [0, 1] or a latency that is not over 0; NaN is neither.
    """
    accuracies = np.asarray(accuracy, np.float64)
    latencies = np.asarray(latency_ms, np.float64)
    if not np.all((accuracies >= 0) & (accuracies <= 1)):
        raise ValueError(f"accuracy is {accuracy}, must be top-1 in [0, 1]")
    if not np.all((latencies > 0) & np.isfinite(latencies)):
        raise ValueError(f"latency_ms is {latency_ms}, must be over 0")
    ratio = latencies / config.target_latency_ms
    if config.form == "absolute":
        value = accuracies + config.beta * np.abs(ratio - 1)
        value = np.maximum(value, config.infeasible_reward)
    else:
        value = accuracies * ratio ** np.where(ratio <= 1, config.alpha, config.beta)
    return value if value.ndim else float(value)
