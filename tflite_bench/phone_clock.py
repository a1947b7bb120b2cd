"""Times .tflite networks on one phone, with TFLite's benchmark_model."""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator

from tflite_bench import thermal
from tflite_bench.adb import Adb
from tflite_bench.benchmark_tool import BenchmarkTool, Output, ToolConfig, arguments, read_output
from tflite_bench.device_errors import (
    CommandTimeoutError,
    DeviceError,
    TooHotError,
    UnfitError,
)
from tflite_bench.measurement import Measurement, MeasurementError, PhoneConditions
from tflite_bench.op_profile import Profile, parse_profile
from tflite_bench.phone import Phone, read_phone
from tflite_bench.phone_lock import phone_lock
from tflite_bench.series import Series
from tflite_bench.tflite_file import quantization_of

_TIMING, _LIMITS = ToolConfig(), thermal.Limits()
_FOLDER = f"{thermal.STORAGE}/tflite_bench"
_TOOL = f"{_FOLDER}/benchmark_model"
# From Android 13 on a shell may ask the scheduler to keep the cores at their best.
_TASK_PROFILES_SDK = 33
# Removes what a client that died left: its networks, and a tool that may still be running. The
# tool's process is known by the file in which it wrote its number.
_CLEAN = f"""
mkdir -p {_FOLDER} && cd {_FOLDER} || exit 1
if [ -f pid ]; then
  pid=$(cat pid)
  grep -q {_TOOL} /proc/$pid/cmdline 2>/dev/null && kill -9 $pid
fi
rm -f pid *.tflite
"""
# exec: the phone's `timeout` must end the tool, not a shell around it.
_RUN = f'echo $$ > {_FOLDER}/pid; exec "$@"'
_RUN_BOOSTED = f"settaskprofile $$ MaxPerformance >/dev/null 2>&1; {_RUN}"


class PhoneClock:
    """A clock on one phone: the network is pinned to its big cores, and the phone kept cool.

    Attributes:
      phone: what the phone is.
      cpu_mask: the cores that networks run on.
      config: how they are timed.
      limits: of the phone's state.
    """

    def __init__(
        self,
        adb: Adb,
        serial: str,
        tool: BenchmarkTool,
        config: ToolConfig = _TIMING,
        limits: thermal.Limits = _LIMITS,
        cpu_mask: int | None = None,
        on_pause: Callable[[str], None] = lambda message: None,
    ):
        """Asks the phone what it is.

        Args:
          adb: to reach it.
          serial: of the phone.
          tool: the benchmark_model for it.
          config: how networks are timed.
          limits: where the phone is too hot or too full.
          cpu_mask: the cores to run networks on; by default the fastest kind.
          on_pause: is told in one line when and why a measurement waits.

        Raises:
          UnfitFlagError: where the phone cannot run the tool or has not got the cores.
          DeviceError: where it cannot be reached.
        """
        self.phone: Phone = read_phone(adb, serial)
        tool.check_abi(self.phone.abis, serial)
        self.cpu_mask = self.phone.cpu_mask(config.num_threads) if cpu_mask is None else cpu_mask
        self.phone.check_mask(self.cpu_mask)
        self.config, self.limits = config, limits
        self._adb, self._tool, self._on_pause = adb, tool, on_pause

    @property
    def device(self) -> str:
        """Model and serial."""
        return f"{self.phone.model} ({self.phone.serial})"

    def state(self) -> thermal.State:
        """How the phone is doing; DeviceError where it cannot be reached."""
        return thermal.read_state(self._adb, self.phone.serial)

    def measure(self, tflite: bytes) -> Measurement:
        """The latency of one network.

        Args:
          tflite: content of a .tflite file.

        Raises:
          MeasurementError: where the tool cannot load or run it, or it is too slow to be timed.
          DeviceError: for whatever else keeps it from being timed, of the kind that says what.
        """
        quantization = quantization_of(tflite)
        with phone_lock(self.phone.hardware_serial, self._on_pause):
            before = self._cool_down()
            series = Series(tflite, self.config, quantization)
            with self._on_phone(tflite) as graph:
                series.repeat(lambda: self._run(graph))
                while not series.settled:
                    self._cool_down()
                    series.repeat(lambda: self._run(graph))
            after = self.state()
        return series.measurement(
            device=self.phone.model,
            tool_version=self._tool.sha256[:12],
            tool_sha256=self._tool.sha256,
            phone=PhoneConditions(
                serial=self.phone.serial,
                hardware_serial=self.phone.hardware_serial,
                model=self.phone.model,
                android=self.phone.android,
                abi=self.phone.abis[0],
                cpu_mask=f"{self.cpu_mask:x}",
                temperature_c=(before.temperature_c, after.temperature_c),
                thermal_status=(before.thermal_status, after.thermal_status),
            ),
        )

    def profile(self, tflite: bytes) -> Profile:
        """Where the time of one network goes.

        Raises:
          MeasurementError: as `measure`.
          DeviceError: as `measure`.
        """
        with phone_lock(self.phone.hardware_serial, self._on_pause):
            self._cool_down()
            with self._on_phone(tflite) as graph:
                output = self._run(graph, profile=True)
        read_output(output, self.config)
        return parse_profile(output.stdout)

    def _cool_down(self) -> thermal.State:
        """Waits until the phone is cool enough; how it is then."""
        deadline = time.monotonic() + self.limits.cooldown_seconds
        told = False
        while True:
            state = self.state()
            reason = thermal.unfit(state, self.limits)
            if reason:
                raise UnfitError(f"phone {self.phone.serial}: {reason}")
            reason = thermal.too_hot(state, self.limits)
            if reason is None:
                return state
            if time.monotonic() >= deadline:
                raise TooHotError(
                    f"phone {self.phone.serial} is still too hot after "
                    f"{self.limits.cooldown_seconds:g} s: {reason}"
                )
            if not told:
                self._on_pause(f"phone {self.phone.serial} cools down: {reason}")
                told = True
            time.sleep(self.limits.poll_seconds)

    @contextlib.contextmanager
    def _on_phone(self, tflite: bytes) -> Iterator[str]:
        """Tool and network are on the phone meanwhile; yields the network's path there."""
        serial = self.phone.serial
        self._adb.shell(serial, ["sh", "-c", _CLEAN])
        graph = os.path.join(_FOLDER, f"{hashlib.sha256(tflite).hexdigest()[:16]}.tflite")
        try:
            self._adb.push(serial, self._tool.content, _TOOL, executable=True)
            self._adb.push(serial, tflite, graph)
            yield graph
        finally:
            # What cannot be removed now, from a phone that is gone, is when it is next cleaned.
            with contextlib.suppress(DeviceError):
                self._adb.remove(serial, [graph, f"{_FOLDER}/pid"])

    def _run(self, graph: str, *, profile: bool = False) -> Output:
        script = _RUN_BOOSTED if self.phone.sdk >= _TASK_PROFILES_SDK else _RUN
        command = ["sh", "-c", script, "sh", "taskset", f"{self.cpu_mask:x}", _TOOL]
        command += arguments(self.config, graph, profile=profile)
        try:
            result = self._adb.shell(
                self.phone.serial, command, timeout_s=self.config.limit_seconds
            )
        except CommandTimeoutError as error:
            raise MeasurementError(
                f"the network is too slow or hangs: not done in {self.config.limit_seconds:g} s"
            ) from error
        if "taskset:" in result.stderr + result.stdout and result.status != 0:
            raise UnfitError(
                f"phone {self.phone.serial} does not run on the cores {self.cpu_mask:x}, they may "
                "be switched off: name others with --cpu_mask"
            )
        return Output(result.status, result.stdout, result.stderr)
