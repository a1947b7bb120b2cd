"""Each step of a converted network is known to belong to an operator of it."""

import pytest

from mnasnet.architectures import from_blocks
from search.latency_tables.attribution import match_steps, steps_of
from search.latency_tables.operators import operators_of
from search.timing.untrained import untrained_tflites
from tflite_bench.op_profile import Operator, Profile

pytestmark = pytest.mark.tensorflow

# Every operation, every skip, with and without squeeze-and-excitation.
NETWORK = from_blocks(
    (
        "r2_k3_s22_e3_i8_o16_se0.25",
        "r1_k5_s11_e1_i16_o24_pool_dconv",
        "r1_k3_s22_e1_i24_o24_se0.25_noskip_conv",
    ),
    name="candidate",
    stem_filters=8,
    head_filters=32,
)


@pytest.fixture(scope="module")
def tflites():
    quantizations = ("none", "float16", "int8")
    files = untrained_tflites(NETWORK, image_size=32, num_classes=10, quantizations=quantizations)
    return dict(zip(quantizations, files, strict=True))


@pytest.mark.parametrize("quantization", ["none", "float16", "int8"])
def test_every_step_of_a_converted_network_is_of_one_of_its_operators(tflites, quantization):
    steps = steps_of(tflites[quantization])
    places = [place for place, _ in operators_of(NETWORK, 32, 10)]
    executed = tuple(Operator(type_, name, 1.0) for type_, name in steps)
    ms = match_steps(steps, Profile(executed, None, None), places)
    assert sum(ms.values()) == len(steps)
    if quantization == "none":
        # Images are normalised by one convolution and enter by another; se is mean, two
        # convolutions, sigmoid and product; a pooling skip that adds channels pools and pads.
        several = {"stem": 2, "block_0/se": 5, "block_1/se": 5, "block_3/se": 5, "block_2/pool": 2}
        assert ms == dict.fromkeys(places, 1.0) | several
