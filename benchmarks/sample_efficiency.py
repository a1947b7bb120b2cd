"""How many evaluations the controller needs, part by part, beside random search and evolution.

  python -m benchmarks.sample_efficiency --objective=table --seeds=10
  python -m benchmarks.sample_efficiency --objective=surrogate --surrogate_data=DIR [--noise=0.26]

Objectives:
  table      exact tables of 3^8 = 6,561 networks, another one for each seed: effects of single
             choices and of pairs, saturating, and a part without structure, so that the best
             networks differ by little; scaled as published tables are.
  surrogate  a ridge regression on one-hot and pairwise features (alpha 1) of the networks in a
             checkout of Accel-NASBench, times the Pixel-1 estimate: acc * (ms / 60)^-0.07, over 28
             decisions. With --noise, the accuracy that the search sees has a Gaussian error of that
             many points; what is printed is without it.

Prints the best reward after 100, 200, 500, 2,000 evaluations, mean over seeds, repeats counted as
evaluations, and CPU-seconds for the whole search.
"""

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import tarfile
import time
from collections.abc import Callable

import numpy as np

from mnasnet.architectures import from_blocks
from mnasnet.latency_estimate import pixel1_latency_ms
from mnasnet.stats import count
from search.controller import PAPER_CONTROLLER, Controller, ControllerConfig
from search.ppo import PAPER_PPO, PPOConfig, PPOLearner
from search.search_space import Decision, SearchSpace

CHECKPOINTS = (100, 200, 500, 2000)

Evaluate = Callable[[np.ndarray], np.ndarray]  # tokens [n, T] -> rewards [n]


@dataclasses.dataclass(frozen=True)
class Objective:
    """What is searched: the exact reward, and the one that the search sees."""

    num_choices: tuple[int, ...]
    exact: Evaluate
    seen: Evaluate


def table(seed: int) -> Objective:
    """One of the tables that the module describes; its best network has 93.127."""
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
    return Objective((3,) * 8, *[lambda tokens: accuracy[tokens @ place]] * 2)


FILTERS, STRIDES = (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 2, 1, 2, 1)
FIELDS = {"e": (1, 4, 6), "k": (3, 5), "l": (1, 2, 3), "se": (False, True)}


class Surrogate:
    """Accuracy of a published space from a fit to published networks, and an estimated latency."""

    def __init__(self, data: pathlib.Path):
        self.decisions = {
            f"block{b}_{f}": (1, 2, 3, 4) if (b, f) == (5, "l") else choices
            for b in range(7)
            for f, choices in FIELDS.items()
        }
        self.num_choices = tuple(map(len, self.decisions.values()))
        self._starts = np.cumsum((0, *self.num_choices[:-1]))
        self._fit(data)
        self._blocks = [self._block_latencies(b) for b in range(7)]
        self._base = self._latency([(1, 3, 1, False)] * 7)

    def objective(self, seed: int, noise: float) -> Objective:
        """The reward, with an error of `noise` points on the accuracy that the search sees."""
        rng = np.random.default_rng([seed, 7])

        def reward(tokens, error=0.0):
            onehot = self._onehot(tokens)
            points = self._level + onehot @ self._single
            points = points + ((onehot @ self._pairs) * onehot).sum(axis=1) + error
            ms = self._base + sum(
                table[tuple(tokens[:, 4 * b : 4 * b + 4].T)] for b, table in enumerate(self._blocks)
            )
            return points / 100 * (ms / 60) ** -0.07

        return Objective(
            self.num_choices,
            reward,
            lambda tokens: reward(tokens, rng.normal(0, noise, len(tokens)) if noise else 0.0),
        )

    def _fit(self, data):
        from sklearn.linear_model import Ridge

        split = data / "configs/data_splits/default_split/train_paths.json"
        names = {os.path.basename(path) for path in json.loads(split.read_text())}
        tokens, points = [], []
        with tarfile.open(data / "anb_dataset/anb_dataset_jsons.tar.gz") as archive:
            for member in archive:
                if os.path.basename(member.name) not in names:
                    continue
                record = json.load(archive.extractfile(member))
                chosen = record["architecture"]
                tokens.append([c.index(chosen[name]) for name, c in self.decisions.items()])
                points.append(record["metrics"]["val_top1"])
        onehot = self._onehot(np.array(tokens))
        owner = np.repeat(np.arange(28), self.num_choices)
        rows, columns = np.nonzero(owner[:, None] < owner)
        features = np.concatenate([onehot, onehot[:, rows] * onehot[:, columns]], axis=1)
        ridge = Ridge(alpha=1).fit(features, points)
        width = onehot.shape[1]
        self._level, self._single = ridge.intercept_, ridge.coef_[:width]
        self._pairs = np.zeros((width, width))
        self._pairs[rows, columns] = ridge.coef_[width:]

    def _onehot(self, tokens):
        onehot = np.zeros((len(tokens), sum(self.num_choices)))
        onehot[np.arange(len(tokens))[:, None], self._starts + tokens] = 1
        return onehot

    def _block_latencies(self, position):
        """What each choice of one block adds to the network of all first choices, in ms."""
        choices = list(self.decisions.values())[4 * position : 4 * position + 4]
        plain = [(1, 3, 1, False)] * 7
        added = np.zeros([len(c) for c in choices])
        for place in np.ndindex(added.shape):
            values = tuple(c[i] for c, i in zip(choices, place, strict=True))
            changed = [*plain[:position], values, *plain[position + 1 :]]
            added[place] = self._latency(changed) - self._latency(plain)
        return added

    def _latency(self, blocks):
        strings, filters = [], 32
        for (e, k, layers, se), stride, out in zip(blocks, STRIDES, FILTERS, strict=True):
            string = f"r{layers}_k{k}_s{stride}{stride}_e{e}_i{filters}_o{out}"
            strings.append(string + ("_se0.25" if se else ""))
            filters = out
        return pixel1_latency_ms(count(from_blocks(strings, stem_filters=32, head_filters=1280)))


def random_search(objective: Objective, trials: int, batch: int, seed: int) -> np.ndarray:
    """Tokens [trials, T], uniform."""
    num_choices = objective.num_choices
    return np.random.default_rng(seed).integers(num_choices, size=(trials, len(num_choices)))


def evolution(objective: Objective, trials: int, batch: int, seed: int) -> np.ndarray:
    """Tokens [trials, T] of regularized evolution (arXiv 1802.01548), tuned.

    Population 50, tournaments of 25; a child that is known already is mutated anew.
    """
    rng = np.random.default_rng(seed)
    num_choices = np.array(objective.num_choices)
    population, told = [], []
    known = set()
    while len(told) < trials:
        tokens = rng.integers(num_choices)
        if len(population) == 50:
            rivals = [population[i] for i in rng.choice(50, 25, replace=False)]
            parent = max(rivals, key=lambda rival: rival[1])[0]
            for _ in range(50):
                tokens = parent.copy()
                place = rng.integers(len(tokens))
                tokens[place] += rng.integers(1, num_choices[place])
                tokens[place] %= num_choices[place]
                if tuple(tokens) not in known:
                    break
        known.add(tuple(tokens))
        told.append(tokens)
        population = [*population[-49:], (tokens, float(objective.seen(tokens[None])[0]))]
    return np.array(told)


def controller_search(controller_config, ppo_config):
    """The search by a controller of these settings, as a function like the two above."""

    def search(objective: Objective, trials: int, batch: int, seed: int) -> np.ndarray:
        decisions = [Decision(f"d{i}", range(n)) for i, n in enumerate(objective.num_choices)]
        controller = Controller(SearchSpace(decisions), controller_config, seed)
        learner = PPOLearner(controller, ppo_config)
        told = []
        while len(told) * batch < trials:
            proposed = controller.sample(batch)
            learner.step(proposed, objective.seen(proposed.tokens))
            told.append(proposed.tokens)
        return np.concatenate(told)[:trials]

    return search


# "Recipe" is what helped PPO before there was a reward model: a higher learning rate, rank
# advantages, known networks drawn anew, a uniform mixture, the best networks imitated.
RECIPE = (ControllerConfig(candidates=0), PPOConfig(imagined_rounds=0))
METHODS = {
    "random": random_search,
    "evolution": evolution,
    "PPO, paper-like": controller_search(PAPER_CONTROLLER, PAPER_PPO),
    "PPO, recipe": controller_search(*RECIPE),
    "recipe + choice": controller_search(ControllerConfig(), RECIPE[1]),
    "recipe + imagination": controller_search(ControllerConfig(candidates=1), PPOConfig()),
    "default (both)": controller_search(ControllerConfig(), PPOConfig()),
    "default, no elite": controller_search(ControllerConfig(), PPOConfig(elite_size=0)),
    "default, 5 rounds": controller_search(ControllerConfig(), PPOConfig(imagined_rounds=5)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objective", choices=("table", "surrogate"), default="table")
    parser.add_argument("--surrogate_data", type=pathlib.Path)
    parser.add_argument("--noise", type=float, default=0.0, help="points of accuracy")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of: {', '.join(METHODS)}")
    parser.add_argument("--max_trials", type=int, help="200 for the tables, else 2000")
    parser.add_argument("--batch_size", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    args = parser.parse_args()
    if args.objective == "surrogate":
        if args.surrogate_data is None:
            parser.error("--objective=surrogate needs --surrogate_data")
        surrogate = Surrogate(args.surrogate_data)
    trials = args.max_trials or (200 if args.objective == "table" else 2000)
    checkpoints = [count for count in CHECKPOINTS if count <= trials]
    print("| method | " + " | ".join(map(str, checkpoints)) + " | sd | CPU-s |", flush=True)
    print("|---" * (len(checkpoints) + 3) + "|")
    for name in METHODS:
        if name not in args.methods:
            continue
        curves, started = [], time.process_time()
        for seed in range(args.seeds):
            if args.objective == "table":
                objective = table(seed)
            else:
                objective = surrogate.objective(seed, args.noise)
            tokens = METHODS[name](objective, trials, args.batch_size, seed)
            curves.append(np.maximum.accumulate(objective.exact(tokens)))
        seconds = (time.process_time() - started) / args.seeds
        best = np.array(curves)[:, np.array(checkpoints) - 1]
        figures = " | ".join(f"{figure:.4f}" for figure in best.mean(axis=0))
        print(f"| {name} | {figures} | {best[:, -1].std():.4f} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
