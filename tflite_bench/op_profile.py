"""Reads where the time goes from what benchmark_model prints with operator profiling."""

import dataclasses
import re
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Operator:
    """One operator of a network.

    Attributes:
      type: what it does, in the words of who executes it: 'CONV_2D' in TFLite's own kernels,
        'Convolution (NHWC, F32) GEMM' in XNNPACK.
      name: such as 'Delegate/Convolution (NHWC, F32) GEMM:2'.
      ms: mean over the runs.
    """

    type: str
    name: str
    ms: float


@dataclasses.dataclass(frozen=True)
class Profile:
    """What a network spends.

    Attributes:
      operators: in the order in which they run.
      peak_memory_mb: of the process, None where the tool does not say.
      network_memory_mb: how much of it came with the network, None where the tool does not say.
    """

    operators: tuple[Operator, ...]
    peak_memory_mb: float | None
    network_memory_mb: float | None

    def by_type(self) -> dict[str, tuple[int, float]]:
        """Type -> (operators, ms), the slowest first."""
        sums: dict[str, tuple[int, float]] = {}
        for operator in self.operators:
            count, ms = sums.get(operator.type, (0, 0.0))
            sums[operator.type] = count + 1, ms + operator.ms
        return dict(sorted(sums.items(), key=lambda item: -item[1][1]))


# Under the headline of the runs, not that of the initialization.
_REGULAR = "Operator-wise Profiling Info for Regular Benchmark Runs:"
_RUN_ORDER, _NEXT_PART = "Run Order", "Top by Computation Time"
_ROW = re.compile(r"\s*(?P<type>.*?)\t\s*[\d.]+\t\s*(?P<ms>[\d.]+)\t.*\t(?P<name>[^\t]*)")
_OVERALL = re.compile(r"Overall peak memory footprint \(MB\).*: ([\d.]+)")
_DELTA = re.compile(r"Memory footprint delta from the start of the tool \(MB\):.* overall=([\d.]+)")


def parse_profile(text: str) -> Profile:
    """The operators and the memory in what benchmark_model printed.

    Args:
      text: its standard output, which must be whole.

    Raises:
      ValueError: where it has no profile, or lines of it are missing.
    """
    _, found, regular = text.partition(_REGULAR)
    order, next_part, _ = regular.partition(_NEXT_PART)
    if not found or _RUN_ORDER not in order or not next_part:
        raise ValueError("benchmark_model printed no profile of operators, or not all of it")
    operators = tuple(
        Operator(match["type"].strip(), match["name"].strip(), float(match["ms"]))
        for match in map(_ROW.fullmatch, order.splitlines())
        if match
    )
    observed = re.search(r"^(\d+) nodes observed", regular, re.MULTILINE)
    if observed is None or int(observed[1]) != len(operators) or not operators:
        raise ValueError(
            f"benchmark_model printed {len(operators)} operators and says it observed "
            f"{observed[1] if observed else 'none'}"
        )
    peak, delta = _OVERALL.search(text), _DELTA.search(text)
    return Profile(
        operators,
        float(peak[1]) if peak else None,
        float(delta[1]) if delta else None,
    )


def side_by_side(
    names: Sequence[str], profiles: Sequence[Profile]
) -> tuple[list[str], list[list[str]]]:
    """(heads, rows) of a table of types of operators, one column group a network, as text."""
    types = [profile.by_type() for profile in profiles]
    totals = [sum(ms for _, ms in sums.values()) for sums in types]
    heads = ["operator"]
    for name in names:
        heads += [name, "ms", "%"]
    every = {type_ for sums in types for type_ in sums}
    slowest_first = sorted(every, key=lambda t: -max(sums.get(t, (0, 0.0))[1] for sums in types))
    rows = []
    for type_ in slowest_first:
        row = [type_]
        for sums, total in zip(types, totals, strict=True):
            count, ms = sums.get(type_, (0, 0.0))
            row += [f"{count} x", f"{ms:.3f}", f"{100 * ms / total:.1f}" if total else ""]
        rows.append(row)
    rows.append(["all operators"])
    rows.append(["peak memory (MB)"])
    for profile, total in zip(profiles, totals, strict=True):
        rows[-2] += [f"{len(profile.operators)} x", f"{total:.3f}", "100.0"]
        peak = "?" if profile.peak_memory_mb is None else f"{profile.peak_memory_mb:.1f}"
        rows[-1] += ["", peak, ""]
    return heads, rows
