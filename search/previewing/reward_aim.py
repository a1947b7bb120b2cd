"""What a reward asks of a network, from its formula alone: what latency costs, where it aims.

A search ends where no change of latency is worth its price. Write a front as accuracy A(L); then
A (L/T)^w is highest where one percent of latency buys exactly |w| percent of accuracy,
d ln A / d ln L = |w|. With one exponent on both sides of T that condition does not contain T.
"""

import dataclasses
import enum
import sys

import numpy as np

from search.reward import RewardConfig, reward


class Aim(enum.Enum):
    """What decides the latency of the network that a reward likes best."""

    ACCURACY = "accuracy alone"
    SLOPE = "the exponent alone"
    TARGET = "the target"
    AWAY = "away from the target"


def aim_of(config: RewardConfig) -> Aim:
    """What a reward aims at.

    ACCURACY: latency costs nothing. SLOPE: one exponent on both sides, (L/T)^w is L^w times a
    constant, so the target changes no ranking. TARGET: going over it costs more than staying under
    it earns. AWAY: the other way round, so the best network is rather far from the target.
    """
    if config.form == "absolute":
        return Aim.TARGET if config.beta else Aim.ACCURACY
    if config.alpha == config.beta:
        return Aim.SLOPE if config.beta else Aim.ACCURACY
    return Aim.TARGET if config.alpha > config.beta else Aim.AWAY


def break_even_accuracy(accuracy, from_ms, to_ms, config: RewardConfig):
    """The accuracy at which another latency has the same reward.

    Args:
      accuracy: top-1 in [0, 1], of a network of `from_ms`; a float or an array.
      from_ms: milliseconds over 0.
      to_ms: of the other network.
      config: the reward.

    Returns:
      Top-1, which is over 1 or under 0 where no network can make up for the latency.
    """
    return accuracy_for(reward(accuracy, from_ms, _uncut(config)), to_ms, config)


def accuracy_for(level, latency_ms, config: RewardConfig):
    """The top-1 that a reward takes at a latency: the inverse of `search.reward.reward`.

    Args:
      level: the reward, a float or an array.
      latency_ms: over 0, a float or an array.
      config: the reward's.

    Returns:
      Top-1, which is over 1 or under 0 where no network gets that reward.
    """
    # At any latency the reward is a straight line over accuracy, so two points invert it.
    zeros = np.zeros_like(np.asarray(latency_ms, np.float64))
    at_zero, at_one = (reward(a, latency_ms, _uncut(config)) for a in (zeros, zeros + 1))
    return (level - at_zero) / (at_one - at_zero)


def _uncut(config: RewardConfig) -> RewardConfig:
    """The reward without what infeasible networks get, at which the absolute form is cut off."""
    return dataclasses.replace(config, infeasible_reward=-sys.float_info.max)


@dataclasses.dataclass(frozen=True)
class Slope:
    """What a front has to look like at a latency for the best network to be there.

    Attributes:
      accuracy: top-1 of the network there.
      latency_ms: where.
      gain: top-1 that 10 % more latency has to buy at most; a front that gains more leads on to
        slower networks.
      loss: top-1 that 10 % less latency has to cost at least; a front that loses less leads to
        faster ones. Negative where being faster costs reward too.
    """

    accuracy: float
    latency_ms: float
    gain: float
    loss: float


def slope_at(accuracy: float, latency_ms: float, config: RewardConfig) -> Slope:
    """The slopes of the curve of equal reward through a point, to both sides."""
    more, less = latency_ms * 1.1, latency_ms / 1.1
    return Slope(
        accuracy=accuracy,
        latency_ms=latency_ms,
        gain=break_even_accuracy(accuracy, latency_ms, more, config) - accuracy,
        loss=accuracy - break_even_accuracy(accuracy, latency_ms, less, config),
    )


def cost_of_doubling(accuracy: float, from_ms: float, config: RewardConfig) -> tuple[float, float]:
    """What twice the latency costs: (reward lost, top-1 that makes up for it).

    Args:
      accuracy: top-1 of the network.
      from_ms: its latency; the other one's is twice that.
      config: the reward.
    """
    before, after = (reward(accuracy, ms, config) for ms in (from_ms, 2 * from_ms))
    return before - after, break_even_accuracy(accuracy, from_ms, 2 * from_ms, config) - accuracy


def elasticity(accuracy: np.ndarray, latency_ms: np.ndarray, from_ms: float, to_ms: float) -> float:
    """How many percent of accuracy one percent of latency buys between two points of a line.

    Args:
      accuracy: top-1 over 0 of the line's points, [N].
      latency_ms: of the same, increasing.
      from_ms: one end, within the line.
      to_ms: the other one, not the same.
    """
    ends = np.log([from_ms, to_ms])
    gained = np.diff(np.interp(ends, np.log(latency_ms), np.log(accuracy)))
    return float(gained[0] / np.diff(ends)[0])
