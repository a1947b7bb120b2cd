"""Latency by estimate, as the search asks for it."""

import pytest

from mnasnet.latency_estimate import ESTIMATE_NOTE, UnknownOperation, pixel1_latency_ms
from mnasnet.stats import LayerStats, ModelStats, count
from search.latency import EstimatedLatency, LatencyConfig, make_latency
from search.search_space import get_space

SPACE = get_space("accel_nasbench")
ESTIMATE = LatencyConfig(kind="estimate:pixel1", image_size=160)
SMALLEST = SPACE.decode([0] * 28)
LARGEST = SPACE.decode([len(decision.choices) - 1 for decision in SPACE.decisions])


def stats_of(network):
    return count(SPACE.architecture(network), image_size=160)


def estimated(count_of=stats_of):
    return make_latency(ESTIMATE, SPACE.architecture, count_of, num_classes=1000)


def test_an_estimate_is_that_of_the_phone_and_says_so():
    latency = estimated()
    assert isinstance(latency, EstimatedLatency)
    evaluation = latency.measure(SMALLEST)
    assert evaluation.value == pixel1_latency_ms(stats_of(SMALLEST))
    assert evaluation.record == {"kind": "estimate:pixel1", "note": ESTIMATE_NOTE}
    assert "mean error 2.9 %" in latency.description
    assert "160 px" in latency.description


def test_many_networks_are_estimated_as_one_at_a_time():
    latency = estimated()
    networks = [SMALLEST, LARGEST, SMALLEST]
    assert latency.measure_all(networks) == [latency.measure(network) for network in networks]
    assert latency.measure_all([]) == []


def test_an_operation_without_a_price_is_named():
    attention = LayerStats("block_3/attention", "attention", 0, 1, (7, 7, 8), (7, 7, 8))
    latency = estimated(lambda network: ModelStats.of([attention]))
    with pytest.raises(UnknownOperation) as refusal:
        latency.measure(SMALLEST)
    assert str(refusal.value) == (
        "the Pixel 1 estimate knows no operation 'attention' (block_3/attention), known are conv, "
        "depthwise, se, pool, global_pool, dense"
    )


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "estimate:pixel9"}, "unknown latency 'estimate:pixel9', known are host,"),
        ({"kind": "estimate:pixel1", "quantization": "int8"}, "estimate:pixel1 knows 'none' only"),
        ({"image_size": 0}, "latency_image_size is 0"),
    ],
)
def test_a_latency_that_there_is_not_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        LatencyConfig(**fields)


def test_an_estimate_is_told_from_a_clock():
    assert ESTIMATE.is_estimate
    assert not LatencyConfig(kind="host").is_estimate
