"""Latency on a phone from arithmetic: no clock, no device, the same number every time.

The phone is a Pixel 1, one thread on a big core, float32 TFLite, as in the MnasNet paper.

    ms = 0.16 P + 0.5 D + 2.4 A + 1.07 W,  all in millions:

    P  multiply-adds that are not depthwise: stem, 1x1 and full convolutions, squeeze-and-
       excitation, classifier
    D  depthwise multiply-adds
    A  elements that depthwise layers read and write; squeeze-and-excitation reads and writes its
       input once more
    W  weights, each read from memory once an image (4 bytes in 1.07 ns are 3.7 GB/s)

P, A and W are a least-squares fit of the relative error to the 25 published latencies of MnasNet-A1
(depth multiplier 0.35 to 1.4, 96 to 224 px): mean error 2.9 % (1.8 % at 128 px and above); 3.5 %
(2.1 %) when each latency is predicted by a fit to the other 24. All 25 have the same kernels, so
they cannot tell D from A; D's price is the one at which 5x5 kernels cost a quarter more than 3x3 on
A1 with one type of layer throughout, as in the paper's table 6 (63 -> 78 ms, 116 -> 146 ms).
Networks that it was not fitted to: mnasnet-small 22.1 ms (published 23.2), MobileNetV2 73.4 (75).

Not checked against a phone: conv blocks (priced as other convolutions), squeeze-and-excitation
behind them, pooling skips (an average pooling reads and writes as a depthwise layer does).
"""

import math

from mnasnet.stats import ModelStats

# What every output that shows an estimate says beside it.
ESTIMATE_NOTE = (
    "analytic estimate (Pixel 1, one big core, float32), mean error 2.9 % over the 25 published "
    "MnasNet-A1 latencies"
)

MS_PER_MILLION_MULTIPLY_ADDS = 0.16
MS_PER_MILLION_DEPTHWISE_MULTIPLY_ADDS = 0.5
MS_PER_MILLION_ELEMENTS_MOVED = 2.4
MS_PER_MILLION_WEIGHTS = 1.07

_OPS = ("conv", "depthwise", "se", "pool", "global_pool", "dense")


class UnknownOperation(ValueError):
    """An operation that the formula has no price for; the message names it."""


def pixel1_latency_ms(stats: ModelStats) -> float:
    """Estimated milliseconds for one image on a Pixel 1; see the module for formula and error.

    Args:
      stats: of the network, at the image size that it shall run at (`mnasnet.stats.count`).

    Raises:
      UnknownOperation: for an operation that the formula does not price.
    """
    multiply_adds, depthwise_multiply_adds, elements_moved = cost_drivers(stats)
    return (
        MS_PER_MILLION_MULTIPLY_ADDS * multiply_adds
        + MS_PER_MILLION_DEPTHWISE_MULTIPLY_ADDS * depthwise_multiply_adds
        + MS_PER_MILLION_ELEMENTS_MOVED * elements_moved
        + MS_PER_MILLION_WEIGHTS * stats.params
    ) / 1e6


def cost_drivers(stats: ModelStats) -> tuple[int, int, int]:
    """(P, D, A) of the formula, in units rather than millions; UnknownOperation as above."""
    depthwise = elements_moved = 0
    for layer in stats.layers:
        if layer.op not in _OPS:
            raise UnknownOperation(
                f"the Pixel 1 estimate knows no operation {layer.op!r} ({layer.name}), "
                f"known are {', '.join(_OPS)}"
            )
        if layer.op == "depthwise":
            depthwise += layer.multiply_adds
        if layer.op in ("depthwise", "pool"):
            elements_moved += math.prod(layer.input_shape) + math.prod(layer.output_shape)
        elif layer.op == "se":
            elements_moved += 2 * math.prod(layer.input_shape)
    return stats.multiply_adds - depthwise, depthwise, elements_moved
