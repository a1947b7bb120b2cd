"""TFLite's benchmark_model as a program: the binary, its arguments, and what its end means.

Where it runs, here or on a phone, is its caller's business.
"""

import dataclasses
import hashlib
import os
import re

from tflite_bench.benchmark_model import LatencyStats, UselessResultError, parse_output
from tflite_bench.device_errors import ToolError, UnfitFlagError
from tflite_bench.measurement import MeasurementError

# The field e_machine of an ELF file -> Android's names of the binary formats.
_ABIS = {3: "x86", 40: "armeabi-v7a", 62: "x86_64", 183: "arm64-v8a", 243: "riscv64"}
# The phone's shell and loader about a binary that they cannot start.
_NOT_RUNNABLE = (126, 127)
_WRONG_FLAG = re.compile(
    r"Unconsumed cmdline flags|[Uu]nknown command line flag|Unrecognized.*flag"
)


@dataclasses.dataclass(frozen=True)
class ToolConfig:
    """How a network is timed with benchmark_model.

    Attributes:
      num_threads: for the interpreter.
      warmup_runs: untimed inferences in each repeat, at least.
      runs: timed inferences in each repeat, at least.
      min_seconds: timed inferences of a repeat go on for at least so long.
      max_seconds: a repeat whose inferences take longer than this is not finished: the network is
        too slow to be timed.
      repeats: that must agree.
      max_tries: repeats, at most, to get there.
      max_spread: how far those that agree lie apart, (largest - smallest) / median.
      use_xnnpack: XNNPACK, TFLite's optimized kernels.
      use_gpu: the GPU in place of the cores.
    """

    num_threads: int = 1
    warmup_runs: int = 10
    runs: int = 50
    min_seconds: float = 1.0
    max_seconds: float = 150.0
    repeats: int = 3
    max_tries: int = 9
    max_spread: float = 0.05
    use_xnnpack: bool = True
    use_gpu: bool = False

    def __post_init__(self):
        for field in ("num_threads", "warmup_runs", "runs", "repeats"):
            value = getattr(self, field)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{field} is {value!r}, must be a whole number >= 1")
        if self.max_tries < self.repeats:
            raise ValueError(
                f"max_tries is {self.max_tries!r}, must be at least {self.repeats}, the repeats"
            )
        if not 0 <= self.min_seconds <= self.max_seconds:
            raise ValueError(
                f"min_seconds is {self.min_seconds!r} and max_seconds {self.max_seconds!r}, "
                "must be 0 <= min_seconds <= max_seconds"
            )
        if not self.max_spread > 0:
            raise ValueError(f"max_spread is {self.max_spread!r}, must be over 0, 0.05 is 5 %")

    @property
    def delegate(self) -> str:
        """What executes the operators."""
        return "gpu" if self.use_gpu else "xnnpack" if self.use_xnnpack else "none"

    @property
    def limit_seconds(self) -> float:
        """After so long a repeat is ended from outside: warm-up, runs, and loading the network."""
        return 2 * self.max_seconds + 30


@dataclasses.dataclass(frozen=True)
class BenchmarkTool:
    """A benchmark_model binary.

    Attributes:
      path: on this machine.
      content: of the file.
      sha256: of the file.
      abi: Android's name of the machine that it is built for, 'unknown' for an uncommon one.
    """

    path: str
    content: bytes = dataclasses.field(repr=False)
    sha256: str
    abi: str

    def check_abi(self, abis: tuple[str, ...], serial: str) -> None:
        """Raises UnfitFlagError where a phone of these ABIs cannot run the binary."""
        if self.abi not in abis:
            raise UnfitFlagError(
                f"{self.path} is built for {self.abi}, phone {serial} runs {', '.join(abis)}: give "
                f"the benchmark_model for {abis[0]}"
            )


def load_tool(path: str | None) -> BenchmarkTool:
    """Reads a benchmark_model binary.

    Raises:
      ValueError: where there is none, or it is no program for Android or Linux.
    """
    if not path:
        raise ValueError(
            "no benchmark_model given: name TFLite's binary with --benchmark_model=PATH"
        )
    if not os.path.isfile(path):
        raise ValueError(f"--benchmark_model={path} is no file")
    with open(path, "rb") as file:
        content = file.read()
    if len(content) < 20 or content[:4] != b"\x7fELF":
        raise ValueError(f"--benchmark_model={path} is no binary for Android or Linux (not ELF)")
    byte_order = "little" if content[5] == 1 else "big"
    abi = _ABIS.get(int.from_bytes(content[18:20], byte_order), "unknown")
    return BenchmarkTool(path, content, hashlib.sha256(content).hexdigest(), abi)


@dataclasses.dataclass(frozen=True)
class Output:
    """How one run of the tool ended.

    Attributes:
      status: exit status, 128 + signal where a signal ended it.
      stdout: what it printed.
      stderr: the same of standard error.
    """

    status: int
    stdout: str
    stderr: str


def arguments(config: ToolConfig, graph: str, *, profile: bool = False) -> list[str]:
    """The tool's arguments to time the file `graph`, with `profile` also each operator."""
    given = [
        f"--graph={graph}",
        f"--num_threads={config.num_threads}",
        f"--warmup_runs={config.warmup_runs}",
        f"--num_runs={config.runs}",
        f"--min_secs={config.min_seconds:g}",
        f"--max_secs={config.max_seconds:g}",
    ]
    if config.use_gpu:
        given.append("--use_gpu=true")
    else:
        given.append(f"--use_xnnpack={'true' if config.use_xnnpack else 'false'}")
    if profile:
        given += [
            "--enable_op_profiling=true",
            "--report_peak_memory_footprint=true",
            # A network of more operators than that would be profiled in part.
            "--max_profiling_buffer_entries=16384",
        ]
    return given


def read_output(output: Output, config: ToolConfig) -> LatencyStats:
    """The latency that one run of the tool found.

    Raises:
      MeasurementError: where it is the network that the tool cannot load, run or time.
      ToolError: where the tool is at fault, whatever the network.
    """
    both = f"{output.stdout}\n{output.stderr}"
    wrong_flag = next((line for line in both.splitlines() if _WRONG_FLAG.search(line)), None)
    if wrong_flag:
        raise ToolError(f"this benchmark_model lacks a flag, it says {wrong_flag.strip()!r}")
    if output.status in _NOT_RUNNABLE or "CANNOT LINK EXECUTABLE" in both:
        raise ToolError(f"benchmark_model does not start: {_reason(output)}")
    if output.status >= 128:
        raise MeasurementError(
            f"benchmark_model crashes on the network, signal {output.status - 128}: "
            f"{_reason(output)}"
        )
    if output.status != 0:
        if "STARTING!" in both or "Benchmarking failed" in both:
            raise MeasurementError(f"benchmark_model refuses the network: {_reason(output)}")
        raise ToolError(
            f"benchmark_model does not start, exit status {output.status}: {_reason(output)}"
        )
    if config.use_gpu and "applied GPU delegate" not in both:
        raise MeasurementError("the network does not run on the GPU: it fell back on the cores")
    try:
        return parse_output(output.stdout, min_runs=config.runs)
    except UselessResultError as error:
        raise MeasurementError(
            f"{error}, in at most {config.max_seconds:g} s"
            if "were asked for" in str(error)
            else str(error)
        ) from error
    except ValueError as error:
        raise ToolError(str(error)) from error


def _reason(output: Output) -> str:
    """The first complaint in what the tool printed."""
    lines = [line.strip() for line in f"{output.stderr}\n{output.stdout}".splitlines()]
    complaints = [
        line.removeprefix("ERROR: ")
        for line in lines
        if line.startswith("ERROR") and "Benchmarking failed" not in line
    ]
    return (complaints or [line for line in lines if line] or ["it printed nothing"])[0]
