"""A cell-like space: one choice for all blocks (MnasNet, section 4.1 and table 5).

The paper sets its factorized space, where each block decides for itself, against spaces that search
one cell and stack it. Here the stacked cell is a block: the decisions of Accel-NASBench's blocks
are taken once and hold for all seven. Each point is a point of Accel-NASBench's space too.
"""

from mnasnet.architectures import Architecture
from search.spaces.accel_nasbench import accel_nasbench_space
from search.spaces.decisions import Decision, Network, SearchSpace

NAME = "accel_nasbench_cell"


def accel_nasbench_cell_space(reference: Architecture | None = None) -> SearchSpace:
    """Accel-NASBench's space with every block alike: 4 decisions, 36 networks.

    Raises:
      ValueError: for a reference, since there is nothing that could be laid around it.
    """
    if reference is not None:
        raise ValueError(
            f"the space {NAME!r} is that of its data and takes no reference, got {reference.name!r}"
        )
    factorized = accel_nasbench_space()
    allowed: dict[str, list[tuple]] = {}
    for decision in factorized.decisions:
        allowed.setdefault(decision.name.partition("/")[2], []).append(decision.choices)
    decisions = [
        # What all blocks allow: the sixth allows more layers than the others.
        Decision(f"cell/{field}", [c for c in choices[0] if all(c in of for of in choices)])
        for field, choices in allowed.items()
    ]
    blocks = len(factorized.decisions) // len(decisions)

    def to_strings(values: tuple) -> Network:
        tokens = [
            decision.choices.index(value)
            for decision, value in zip(factorized.decisions, values * blocks, strict=True)
        ]
        return factorized.decode(tokens)

    def to_values(strings: Network) -> tuple:
        values = factorized.values(factorized.encode(strings))
        cell = values[: len(decisions)]
        if values != cell * blocks:
            raise ValueError(f"the blocks are not alike, in the space {NAME!r} they are")
        return cell

    return SearchSpace(
        decisions,
        to_strings,
        to_values,
        name=NAME,
        skeleton=factorized.skeleton,
    )
