"""What each part of the controller gives, on exact tables, beside random search and evolution.

  python -m benchmarks.sample_efficiency --seeds=10

A table holds 3^8 = 6,561 networks, another one for each seed: effects of single choices and of
pairs, saturating, and a part without structure, so that the best networks differ by little; scaled
as published tables are. Prints the best reward after 100 and 200 evaluations, mean over seeds,
repeats counted as evaluations, and CPU-seconds for a whole search. Published data and real spaces
are what `python -m search.compare` is for.
"""

import argparse
import itertools
import time
from collections.abc import Callable

import numpy as np

from search.hyperparameters import PAPER_CONTROLLER, PAPER_PPO, ControllerConfig, PPOConfig
from search.learning.algorithms import PPO, Algorithm, RandomSearch
from search.learning.evolution import Evolution
from search.search_space import Decision, SearchSpace

CHECKPOINTS = (100, 200)
SPACE = SearchSpace([Decision(f"d{place}", range(3)) for place in range(8)])


def table(seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Tokens [n, 8] -> rewards [n] of one of the tables; the best network of each has 93.127."""
    rng = np.random.default_rng(1000 + seed)
    tokens = np.array(list(itertools.product(range(3), repeat=8)))
    effects = np.sort(rng.gamma(2, 0.5, (8, 3)) * rng.uniform(0.5, 1.5, (8, 1)), axis=1)
    effects[:, 0] = 0
    score = sum(effects[t][tokens[:, t]] for t in range(8))
    for t, u in itertools.combinations(range(8), 2):
        pair = rng.normal(0, 0.3 if u == t + 1 else 0.15, (3, 3))
        score = score + pair[tokens[:, t], tokens[:, u]]
    accuracy = -np.exp(-1.1 * (score - score.mean()) / score.std())
    accuracy += rng.normal(0, 0.06 * accuracy.std(), len(accuracy)) + rng.normal(0, 0.05, 6561)
    bests = [accuracy[rng.choice(6561, 200, replace=False)].max() for _ in range(200)]
    # the best of 200 random networks is 0.167 points below the best of all, in the mean
    scale = 0.167 / (accuracy.max() - np.mean(bests))
    accuracy = 93.127 + (accuracy - accuracy.max()) * scale
    place = 3 ** np.arange(8)[::-1]
    return lambda tokens: accuracy[tokens @ place]


def best_so_far(algorithm: Algorithm, rewards_of, trials: int, batch_size: int) -> np.ndarray:
    """The best reward after each of so many evaluations, [trials]."""
    rewards = []
    while len(rewards) < trials:
        batch = algorithm.sample(batch_size)
        told = rewards_of(batch.tokens)
        algorithm.step(batch, told.astype(np.float32))
        rewards.extend(told)
    return np.maximum.accumulate(rewards[:trials])


# "Recipe" is what helped PPO before there was a reward model: a higher learning rate, rank
# advantages, known networks drawn anew, a uniform mixture, the best networks imitated.
_NO_MODEL, _NO_IMAGINATION = ControllerConfig(candidates=0), PPOConfig(imagined_rounds=0)
METHODS = {
    "random": lambda seed: RandomSearch(SPACE, seed=seed),
    "evolution, tuned": lambda seed: Evolution(SPACE, seed=seed),
    "PPO, paper-like": lambda seed: PPO(
        SPACE, controller=PAPER_CONTROLLER, ppo=PAPER_PPO, seed=seed
    ),
    "PPO, recipe": lambda seed: PPO(SPACE, controller=_NO_MODEL, ppo=_NO_IMAGINATION, seed=seed),
    "recipe + walks": lambda seed: PPO(SPACE, ppo=_NO_IMAGINATION, seed=seed),
    "default: + imagination": lambda seed: PPO(SPACE, seed=seed),
    "default without imitation": lambda seed: PPO(SPACE, ppo=PPOConfig(elite_size=0), seed=seed),
    "default without walks, choice only": lambda seed: PPO(
        SPACE, controller=ControllerConfig(local_share=0, walk_steps=0), seed=seed
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    print("| method | " + " | ".join(map(str, CHECKPOINTS)) + " | sd | CPU-s |", flush=True)
    print("|---" * (len(CHECKPOINTS) + 3) + "|")
    for name, make in METHODS.items():
        started = time.process_time()
        curves = [
            best_so_far(make(seed), table(seed), CHECKPOINTS[-1], args.batch_size)
            for seed in range(args.seeds)
        ]
        seconds = (time.process_time() - started) / args.seeds
        best = np.array(curves)[:, np.array(CHECKPOINTS) - 1]
        figures = " | ".join(f"{figure:.3f}" for figure in best.mean(axis=0))
        print(f"| {name} | {figures} | {best[:, -1].std():.3f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
