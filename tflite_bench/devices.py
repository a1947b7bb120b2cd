"""From a choice of device to a clock on it."""

import dataclasses
from collections.abc import Callable, Mapping

from tflite_bench.adb import Adb
from tflite_bench.benchmark_tool import ToolConfig, load_tool
from tflite_bench.host import HostClock, HostConfig
from tflite_bench.host_tool import HostToolClock
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.shelf import PhoneShelf
from tflite_bench.shelf_config import Event, ShelfConfig
from tflite_bench.thermal import Limits


@dataclasses.dataclass(frozen=True)
class DeviceConfig:
    """What to measure on, and how.

    Attributes:
      on_phones: rather than on this machine.
      benchmark_model: path of TFLite's binary; needed for phones, in place of LiteRT here.
      adb: path of the adb program, None to look for one.
      cpu_mask: bit mask of the cores that run the network; None for a phone's biggest ones.
      tool: how benchmark_model times a network.
      host: how LiteRT in this process times a network.
      limits: of a phone's state.
      shelf: which phones.
    """

    on_phones: bool = False
    benchmark_model: str | None = None
    adb: str | None = None
    cpu_mask: int | None = None
    tool: ToolConfig = dataclasses.field(default_factory=ToolConfig)
    host: HostConfig = dataclasses.field(default_factory=HostConfig)
    limits: Limits = dataclasses.field(default_factory=Limits)
    shelf: ShelfConfig = dataclasses.field(default_factory=ShelfConfig)


def host_clock(config: DeviceConfig) -> HostClock | HostToolClock:
    """The clock on this machine: LiteRT's interpreter, or the official binary where one is given.

    Raises:
      ValueError: where the binary is none, or none of the cores is there.
    """
    if config.benchmark_model is None:
        return HostClock(config.host)
    return HostToolClock(load_tool(config.benchmark_model), config.tool, config.cpu_mask)


def phone_shelf(
    config: DeviceConfig,
    *,
    reference: bytes | None = None,
    first_ms: Mapping[str, float] | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> PhoneShelf:
    """The clock on the phones.

    Args:
      config: which phones, and how.
      reference: see PhoneShelf.
      first_ms: see PhoneShelf.
      on_event: see PhoneShelf.

    Raises:
      ValueError: where the binary is none, or for phones of several models that may not be mixed.
      DeviceFlagError: where phone, cores, model or adb that are named are not there.
      DeviceError: where there is no adb, or no phone that can be used; it says why.
    """
    tool = load_tool(config.benchmark_model)
    adb = Adb.of_flag(config.adb)

    def clock(serial: str, on_pause: Callable[[str], None]) -> PhoneClock:
        return PhoneClock(
            adb, serial, tool, config.tool, config.limits, config.cpu_mask, on_pause=on_pause
        )

    return PhoneShelf(adb, clock, config.shelf, reference, first_ms, on_event)
