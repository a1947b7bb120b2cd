"""Times .tflite networks on this machine with TFLite's own benchmark_model, as on a phone."""

import os
import subprocess
import tempfile
from collections.abc import Sequence

from tflite_bench.benchmark_tool import BenchmarkTool, Output, ToolConfig, arguments, read_output
from tflite_bench.device_errors import ToolError
from tflite_bench.host import cpu_model
from tflite_bench.measurement import Measurement, MeasurementError
from tflite_bench.op_profile import Profile, parse_profile
from tflite_bench.series import Series
from tflite_bench.tflite_file import quantization_of

_TIMING = ToolConfig()


class HostToolClock:
    """A clock on this machine, by the official binary; it tells wall time.

    Attributes:
      config: how networks are timed.
      device: the model of the CPU.
    """

    def __init__(
        self, tool: BenchmarkTool, config: ToolConfig = _TIMING, cpu_mask: int | None = None
    ):
        """Args: the binary, how networks are timed, and the cores to run on (by default all).

        Raises:
          ValueError: for cores none of which this machine has.
        """
        cores = os.sysconf("SC_NPROCESSORS_CONF")
        if cpu_mask is not None and not cpu_mask & (1 << cores) - 1:
            raise ValueError(
                f"the cores --cpu_mask={cpu_mask:x} are not there, this machine's {cores} are "
                f"{(1 << cores) - 1:x}"
            )
        self.config, self.device = config, cpu_model()
        self._tool = tool
        self._pinned = [] if cpu_mask is None else ["taskset", f"{cpu_mask:x}"]

    def measure(self, tflite: bytes) -> Measurement:
        """The latency of one network.

        Raises:
          MeasurementError: where the tool cannot load or run it, or it is too slow to be timed.
          DeviceError: where the tool fails, or the machine is too busy for repeats to agree.
        """
        return self.measure_interleaved([tflite])[0]

    def measure_interleaved(
        self, tflites: Sequence[bytes], names: Sequence[str] | None = None
    ) -> list[Measurement]:
        """The latencies of several networks, their repeats in turn, so that drift hits all alike.

        Args:
          tflites: contents of .tflite files.
          names: what errors call them.

        Raises:
          MeasurementError: as `measure`, for the first network that fails.
          DeviceError: as `measure`.
        """
        names = names or ["the network"] * len(tflites)
        series = [Series(tflite, self.config, quantization_of(tflite)) for tflite in tflites]
        with tempfile.TemporaryDirectory(prefix="tflite_bench_") as folder:
            graphs = [os.path.join(folder, f"{place}.tflite") for place in range(len(tflites))]
            for graph, tflite in zip(graphs, tflites, strict=True):
                with open(graph, "wb") as file:
                    file.write(tflite)
            waiting = list(zip(series, graphs, names, strict=True))
            while waiting:
                for one, graph, name in waiting:
                    try:
                        one.repeat(lambda graph=graph: self._run(graph))
                    except MeasurementError as error:
                        raise MeasurementError(f"{name}: {error}") from error
                waiting = [item for item in waiting if not item[0].settled]
        return [
            one.measurement(
                device=self.device,
                tool_version=self._tool.sha256[:12],
                tool_sha256=self._tool.sha256,
            )
            for one in series
        ]

    def profile(self, tflite: bytes) -> Profile:
        """Where the time of one network goes; errors as `measure`."""
        with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
            file.write(tflite)
            file.flush()
            output = self._run(file.name, profile=True)
        read_output(output, self.config)
        return parse_profile(output.stdout)

    def _run(self, graph: str, *, profile: bool = False) -> Output:
        command = [*self._pinned, self._tool.path, *arguments(self.config, graph, profile=profile)]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=self.config.limit_seconds,
            )
        except subprocess.TimeoutExpired as error:
            raise MeasurementError(
                f"the network is too slow or hangs: not done in {self.config.limit_seconds:g} s"
            ) from error
        except OSError as error:
            raise ToolError(f"{command[0]} cannot be run: {error.strerror or error}") from error
        if done.returncode != 0 and "taskset:" in done.stderr:
            raise ToolError(
                f"the cores --cpu_mask={self._pinned[1]} may not be used here: name others"
            )
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return Output(status, done.stdout, done.stderr)
