import dataclasses
import hashlib
import json
import math

import pytest

from tflite_bench.measurement import MeasurementError, from_repeats

FIELDS = {
    "tflite": b"network",
    "runs": 50,
    "warmup_runs": 10,
    "num_threads": 1,
    "clock": "cpu",
    "device": "some CPU",
    "tool": "some tool",
    "tool_version": "1.0",
    "quantization": "none",
}


def test_latency_is_the_median_of_the_repeats_and_spread_their_range_over_it():
    measurement = from_repeats([2.0, 1.0, 4.0], **FIELDS)
    assert measurement.latency_ms == 2.0
    assert measurement.spread == (4.0 - 1.0) / 2.0
    assert measurement.repeats_ms == (2.0, 1.0, 4.0)


def test_one_repeat_has_no_spread():
    assert from_repeats([3.0], **FIELDS).spread == 0.0


def test_the_network_is_known_by_its_checksum():
    measurement = from_repeats([1.0], **FIELDS)
    assert measurement.model_sha256 == hashlib.sha256(b"network").hexdigest()


def test_it_survives_json():
    as_dict = dataclasses.asdict(from_repeats([2.0, 1.0, 4.0], **FIELDS))
    read = json.loads(json.dumps(as_dict))
    assert read == {**as_dict, "repeats_ms": [2.0, 1.0, 4.0], "discarded_ms": [], "raw": []}
    assert read["latency_ms"] == 2.0


@pytest.mark.parametrize("repeats", [[], [0.0], [1.0, 0.0], [-1.0], [math.nan], [1.0, math.inf]])
def test_what_is_not_a_positive_number_is_no_measurement(repeats):
    with pytest.raises(MeasurementError, match="must be over 0"):
        from_repeats(repeats, **FIELDS)


def test_a_latency_of_zero_cannot_be_put_into_a_measurement():
    measurement = from_repeats([1.0], **FIELDS)
    with pytest.raises(MeasurementError, match=r"says 0\.0 ms"):
        dataclasses.replace(measurement, latency_ms=0.0)


def test_an_unknown_clock_is_refused():
    with pytest.raises(ValueError, match="clock is 'sun', must be one of cpu, wall"):
        from_repeats([1.0], **{**FIELDS, "clock": "sun"})
