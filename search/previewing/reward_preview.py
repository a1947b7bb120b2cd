"""Everything that a preview of a reward draws on, and what follows from it."""

import dataclasses

import numpy as np

from search.previewing.latencies import SpaceLatencies
from search.previewing.reward_aim import Aim, aim_of
from search.reward import NAMED, RewardConfig, named_reward, reward
from search.sweeping.exploration import Pool


@dataclasses.dataclass(frozen=True)
class Mark:
    """A network to show beside the space: milliseconds, and top-1 where it can be compared."""

    name: str
    latency_ms: float
    accuracy: float | None = None


@dataclasses.dataclass(frozen=True)
class Explored:
    """Accuracies of a space that are known before a search.

    Attributes:
      sample: the random networks.
      pool: those, the best networks of some rewards, and the children of their front.
      proven: by reward, the best network of the space; its name is empty.
      note: what kind of accuracies they are.
    """

    sample: Pool
    pool: Pool
    proven: dict[RewardConfig, Mark]
    note: str


@dataclasses.dataclass(frozen=True)
class Preview:
    """A reward and the space that it is to be searched in.

    Attributes:
      reward_name: of the flag.
      config: the reward.
      space_name: of the search space.
      num_networks: how many the space holds.
      max_latency_ms: slower networks are infeasible; None for no limit.
      latencies: of the space; None where nothing was timed.
      marks: published networks by the same latency as the space's.
      explored: accuracies of the space; None where they take training.
      published: published networks of full training, with their measured milliseconds; empty where
        they do not compare.
      published_curve: (top-1, milliseconds) of the line through some of them, or None.
      notes: what else a reader should know of the numbers.
    """

    reward_name: str
    config: RewardConfig
    space_name: str
    num_networks: int
    max_latency_ms: float | None = None
    latencies: SpaceLatencies | None = None
    marks: tuple[Mark, ...] = ()
    explored: Explored | None = None
    published: tuple[Mark, ...] = ()
    published_curve: tuple[np.ndarray, np.ndarray] | None = None
    notes: tuple[str, ...] = ()

    @property
    def target_ms(self) -> float:
        """T of the reward."""
        return self.config.target_latency_ms

    @property
    def aim(self) -> Aim:
        """What the reward aims at."""
        return aim_of(self.config)

    @property
    def share_within(self) -> float | None:
        """Share of random networks that meet the target; None where no latency is known."""
        return self.latencies.share_within(self.target_ms) if self.latencies else None

    @property
    def accuracy_at_target(self) -> float:
        """Top-1 at which prices in points are told: near the target where known, else 75 %."""
        if self.explored:
            pool = self.explored.pool
            front = pool.front()
            return float(np.interp(self.target_ms, pool.latency_ms[front], pool.accuracy[front]))
        if self.published_curve:
            accuracies, latencies = self.published_curve
            return float(np.interp(self.target_ms, latencies, accuracies))
        return 0.75

    @property
    def known_front(self) -> Pool | None:
        """What networks are known to reach, to find a reward's best one on; None for nothing."""
        if self.explored:
            return self.explored.pool
        if self.published_curve:
            accuracies, latencies = self.published_curve
            return Pool(np.zeros((len(latencies), 0), np.int32), accuracies, latencies)
        return None

    def landing(self, config: RewardConfig) -> Mark | None:
        """The best network for a reward: proven, or among those that are known, or None."""
        if self.explored and config in self.explored.proven:
            return self.explored.proven[config]
        known = self.known_front
        if known is None:
            return None
        if self.max_latency_ms is not None and (known.latency_ms <= self.max_latency_ms).any():
            kept = known.latency_ms <= self.max_latency_ms
            known = Pool(known.tokens[kept], known.accuracy[kept], known.latency_ms[kept])
        position = known.best(config)
        return Mark("", float(known.latency_ms[position]), float(known.accuracy[position]))

    def rewards(self) -> list[tuple[str, RewardConfig]]:
        """See `rewards_beside`."""
        return rewards_beside(self.reward_name, self.config)


def rewards_beside(name: str, config: RewardConfig) -> list[tuple[str, RewardConfig]]:
    """(name, reward): a reward first, then the named ones that differ from it, at its target."""
    target = config.target_latency_ms
    others = [(other, named_reward(other, target)) for other in NAMED]
    own = [other for other, named in others if _ranks_alike(named, config)]
    first = own[0] if own else f"{name}, changed"
    return [
        (first, config),
        *((o, named) for o, named in others if not _ranks_alike(named, config)),
    ]


def _ranks_alike(a: RewardConfig, b: RewardConfig) -> bool:
    """Whether they are the same but for what infeasible networks get."""
    return dataclasses.replace(a, infeasible_reward=None) == dataclasses.replace(
        b, infeasible_reward=None
    )


def landings_by_target(
    preview: Preview, config: RewardConfig, targets_ms: np.ndarray
) -> np.ndarray:
    """Milliseconds of a reward's best known network for each target, float64 [N]."""
    found = []
    for target in targets_ms:
        landed = preview.landing(dataclasses.replace(config, target_latency_ms=float(target)))
        found.append(landed.latency_ms)
    return np.array(found)


def best_of_sample(explored: Explored, config: RewardConfig) -> float:
    """The highest reward of the random networks."""
    sample = explored.sample
    return float(np.max(reward(sample.accuracy, sample.latency_ms, config)))
