"""Latency as the search asks for it: by estimate, and on this machine; phones have their own."""

import dataclasses
import hashlib
from importlib import metadata

import pytest

from mnasnet.latency_estimate import ESTIMATE_NOTE, UnknownOperation, pixel1_latency_ms
from mnasnet.stats import LayerStats, ModelStats, count
from search.latency import EstimatedLatency, LatencyConfig, make_latency
from search.search_space import get_space
from search.timing.measured import MeasuredLatency
from tflite_bench.devices import DeviceConfig
from tflite_bench.host import HostConfig, cpu_model

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
        ({"kind": "phone"}, "--latency=phone needs phones: --device=auto"),
        ({"quantization": "int8", "also": ("none", "int8")}, "each may be named once"),
    ],
)
def test_a_latency_that_there_is_not_is_refused(fields, told):
    with pytest.raises(ValueError, match=told):
        LatencyConfig(**fields)


def test_an_estimate_is_told_from_a_clock():
    assert ESTIMATE.is_estimate
    assert not LatencyConfig(kind="host").is_estimate


def test_a_search_timed_here_depends_on_this_machine_and_how_it_times():
    latency = make_latency(LatencyConfig(image_size=32), SPACE.architecture, None, num_classes=10)
    assert isinstance(latency, MeasuredLatency)
    assert latency.settings == {
        "kind": "host",
        "image_size": 32,
        "quantization": "none",
        "num_classes": 10,
        "device": cpu_model(),
        "tool_version": metadata.version("ai-edge-litert"),
        "host": dataclasses.asdict(HostConfig()),
    }
    assert latency.description == (
        f"TFLite on the host ({cpu_model()}), 1 thread, median CPU time of an inference, 32 px, "
        "float32"
    )


def test_the_official_binary_here_is_named_with_its_checksum(tmp_path):
    path = tmp_path / "benchmark_model"
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little"))
    device = DeviceConfig(benchmark_model=str(path), cpu_mask=0x2)
    config = LatencyConfig(image_size=32, device=device)
    latency = make_latency(config, SPACE.architecture, None, num_classes=10)
    assert latency.settings["tool_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (latency.settings["cpu_mask"], latency.settings["tool"]["runs"]) == ("2", 50)
    assert "max_tries" not in latency.settings["tool"]
    assert "cores 2), 1 thread on xnnpack, median wall time" in latency.description
