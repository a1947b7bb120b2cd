"""Published accuracies and latencies: what a front of fully trained networks looks like.

ImageNet top-1 after full training at 224 px and milliseconds on a Pixel 1 (one big core), as the
official MnasNet code's README and the MnasNet paper (tables 1 and 4) give them.
"""

import dataclasses

import numpy as np

DATASET, DEVICE, IMAGE_SIZE = "imagenet", "pixel1", 224


@dataclasses.dataclass(frozen=True)
class Published:
    """A published network: top-1 in [0, 1], measured milliseconds."""

    name: str
    accuracy: float
    latency_ms: float


# MnasNet-A1 at five depth multipliers, fastest first.
A1_FAMILY = (
    Published("A1 ×0.35", 0.641, 22.0),
    Published("A1 ×0.5", 0.689, 32.0),
    Published("A1 ×0.75", 0.733, 61.0),
    Published("mnasnet-a1", 0.752, 78.0),
    Published("A1 ×1.4", 0.772, 135.0),
)
MOBILENET_V2 = Published("mobilenet-v2", 0.720, 75.0)


def family_curve(points: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """MnasNet-A1's widths joined by straight lines over logarithms: (top-1, milliseconds).

    Between two of them one percent of latency buys a constant percentage of accuracy.
    """
    latencies = np.array([network.latency_ms for network in A1_FAMILY])
    accuracies = np.array([network.accuracy for network in A1_FAMILY])
    # The published networks themselves are among the points: a slope's best one is a corner.
    grid = np.union1d(np.geomspace(latencies[0], latencies[-1], points), latencies)
    grid = np.clip(grid, latencies[0], latencies[-1])
    return np.exp(np.interp(np.log(grid), np.log(latencies), np.log(accuracies))), grid
