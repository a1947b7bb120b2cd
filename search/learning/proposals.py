"""Local search under what the rewards may be: from promising networks to more promising new ones.

Differs from NASNet's controller, whose proposals are samples of its policy: here samples, and the
best networks so far, are where walks begin. A walk goes from a network to the best of those that
differ from it in one decision, never back, and remembers the best network by its way that was
never evaluated. Each proposal has a walk and a reward function of its own, a sample from the reward
model's posterior (Thompson sampling), so a batch spreads over all that may be best.
"""

import numpy as np

from search.learning.product_functions import ProductFunctions
from search.learning.trial_memory import TrialMemory


def best_starts(functions: ProductFunctions, tokens: np.ndarray) -> np.ndarray:
    """The best of tokens [m, T] under each function: [n, T]."""
    return tokens[functions.values(tokens).argmax(axis=1)]


def walk(
    functions: ProductFunctions, starts: np.ndarray, reach: np.ndarray, memory: TrialMemory
) -> np.ndarray:
    """Walks uphill and on, each under its own function.

    Args:
      functions: n of them.
      starts: tokens [n, T].
      reach: int [n], how many steps away each walk proposes; farther only what is the only new one.
      memory: knows what was evaluated.

    Returns:
      Tokens [k, T], k <= n: new networks, all different; fewer than n where walks met only what was
      known or proposed by walks before them.
    """
    num_choices = memory.num_choices
    decision = np.repeat(np.arange(len(num_choices)), num_choices)  # [C]: of each choice
    choice = np.arange(len(decision)) - functions.first[decision]
    walkers, tokens = np.arange(len(functions)), starts.copy()
    terms, keys = functions.terms(tokens), memory.keys_of(tokens)
    found = [_found(tokens, keys, terms.sum(axis=1), memory.knows(keys))]
    visited = [keys]
    steps = int(reach.max(initial=0))
    for _ in range(steps):
        values = functions.neighbours(terms, tokens)
        changed = choice != tokens[:, decision]
        next_keys = memory.keys_after(keys, tokens)
        known = memory.knows(next_keys) | ~changed
        best_new = np.where(known, -np.inf, values).argmax(axis=1)
        neighbour = _with_choice(tokens, decision[best_new], choice[best_new])
        at = walkers, best_new
        found.append(_found(neighbour, next_keys[at], values[at], known[at]))

        back = ~changed | np.any([next_keys == key[:, None] for key in visited], axis=0)
        best = np.where(back, -np.inf, values).argmax(axis=1)
        stuck = back[walkers, best]
        best[stuck] = (functions.first[0] + tokens[:, 0])[stuck]  # stays
        old = functions.first[decision[best]] + tokens[walkers, decision[best]]
        terms = functions.moved(terms, old, best)
        tokens = _with_choice(tokens, decision[best], choice[best])
        keys = next_keys[walkers, best]
        visited.append(keys)
    far = np.arange(steps + 1) > reach[:, None]
    return _one_each(far, *(np.stack(parts, axis=1) for parts in zip(*found, strict=True)))


def _found(tokens, keys, values, known):
    """Tokens, keys, and values, -inf for networks that are no proposals."""
    return tokens, keys, np.where(known, -np.inf, values)


def _with_choice(tokens, decisions, choices):
    changed = tokens.copy()
    changed[np.arange(len(tokens)), decisions] = choices
    return changed


def _one_each(far, tokens, keys, values):
    """The best network of each walk [n, S, T] that no walk before it proposed; far ones last."""
    taken: set[int] = set()
    proposed = []
    for i, order in enumerate(np.lexsort((-values, far))):
        for place in order:
            key = int(keys[i, place])
            if np.isfinite(values[i, place]) and key not in taken:
                taken.add(key)
                proposed.append(tokens[i, place])
                break
    return np.array(proposed, np.int32).reshape(-1, tokens.shape[2])
