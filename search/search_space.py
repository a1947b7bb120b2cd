"""Search spaces: what may be decided, and which network each set of decisions means.

The spaces by name. `search.spaces.decisions` says what a space is; each has a module of its own.
"""

from collections.abc import Callable

from mnasnet.architectures import Architecture, get_architecture
from search.spaces.accel_nasbench import accel_nasbench_space
from search.spaces.cell_space import accel_nasbench_cell_space
from search.spaces.decisions import Decision, Network, SearchSpace
from search.spaces.mnasnet_space import mnasnet_space

__all__ = ["SPACES", "Decision", "Network", "SearchSpace", "get_space", "mnasnet_space"]

SPACES: dict[str, Callable[[Architecture | None], SearchSpace]] = {
    "mnasnet": mnasnet_space,
    "accel_nasbench": accel_nasbench_space,
    "accel_nasbench_cell": accel_nasbench_cell_space,
}


def get_space(name: str, reference: str | Architecture | None = None) -> SearchSpace:
    """The search space of that name.

    Args:
      name: a key of SPACES.
      reference: the network around which it is laid, or the name of one; by default the space's
        own: MobileNetV2 of 'mnasnet', none of the others.

    Raises:
      ValueError: for an unknown space or reference, which lists those there are, or a reference
        where the space takes none.
    """
    if name not in SPACES:
        raise ValueError(f"unknown search space {name!r}, known are {', '.join(SPACES)}")
    if isinstance(reference, str):
        reference = get_architecture(reference)
    return SPACES[name](reference)
