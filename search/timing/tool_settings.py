"""What the latencies of TFLite's benchmark_model depend on."""

import dataclasses

from tflite_bench.benchmark_tool import load_tool
from tflite_bench.devices import DeviceConfig


def tool_settings(device: DeviceConfig) -> dict:
    """The binary and how it times, JSON-able; ValueError where the binary is none."""
    timing = dataclasses.asdict(device.tool)
    # How often it is tried changes no number, only whether there is one.
    del timing["max_tries"]
    return {"tool": timing, "tool_sha256": load_tool(device.benchmark_model).sha256}


def tool_in_words(device: DeviceConfig) -> str:
    """Such as '1 thread on xnnpack'."""
    threads = device.tool.num_threads
    return f"{threads} thread{'s' if threads > 1 else ''} on {device.tool.delegate}"
