"""What a phone is: model, binaries that it runs, cores; and which of them to measure on."""

import dataclasses
import re
from collections.abc import Mapping

from tflite_bench.adb import Adb
from tflite_bench.device_errors import DeviceError, UnfitError, UnfitFlagError

# One round trip for all. What a phone lacks prints an empty value.
_SCRIPT = """
for name in ro.product.manufacturer ro.product.model ro.serialno ro.build.version.release \
    ro.build.version.sdk ro.product.cpu.abi ro.product.cpu.abilist; do
  echo "$name=$(getprop $name)"
done
for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
  echo "${cpu##*/}=$(cat $cpu/cpufreq/cpuinfo_max_freq 2>/dev/null)"
done
echo "online=$(cat /sys/devices/system/cpu/online 2>/dev/null)"
"""


@dataclasses.dataclass(frozen=True)
class Phone:
    """A phone's identity, which does not change while it is attached.

    Attributes:
      serial: what adb calls it.
      hardware_serial: what it calls itself: the same by cable and by network.
      model: such as 'Google Pixel'.
      android: release, such as '10'.
      sdk: level of its programming interface, such as 29.
      abis: binary formats that it runs, the preferred one first: 'arm64-v8a', ...
      max_khz: core number -> highest frequency in kHz; None where the phone does not say.
    """

    serial: str
    hardware_serial: str
    model: str
    android: str
    sdk: int
    abis: tuple[str, ...]
    max_khz: Mapping[int, int | None]

    @property
    def names(self) -> tuple[str, str]:
        """The model with its maker, and without."""
        return self.model, self.model.partition(" ")[2]

    def cpu_mask(self, num_threads: int = 1) -> int:
        """The biggest cores as a bit mask for taskset: 0xf0 is cores 4 to 7.

        The fastest kind of core, and where it has fewer cores than threads the next kind as well.

        Raises:
          UnfitError: where the phone does not say which cores are big.
        """
        if not self.max_khz or None in self.max_khz.values():
            raise UnfitError(
                f"phone {self.serial} does not say which of its cores are big: name some with "
                "--cpu_mask"
            )
        mask = 0
        for khz in sorted(set(self.max_khz.values()), reverse=True):
            mask |= sum(1 << core for core, max_khz in self.max_khz.items() if max_khz == khz)
            if mask.bit_count() >= num_threads:
                break
        return mask

    def check_mask(self, mask: int) -> None:
        """Raises UnfitFlagError for a mask of cores that the phone has not got."""
        known = sum(1 << core for core in self.max_khz)
        if mask & ~known or mask <= 0:
            raise UnfitFlagError(
                f"--cpu_mask={mask:x} names cores that phone {self.serial} has not got, its "
                f"{len(self.max_khz)} cores are {known:x}"
            )


def read_phone(adb: Adb, serial: str) -> Phone:
    """Asks a phone what it is.

    Raises:
      DeviceError: where it cannot be reached.
    """
    result = adb.shell(serial, ["sh", "-c", _SCRIPT])
    values = {}
    for line in result.stdout.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals:
            values[key] = value.strip()
    abis = values.get("ro.product.cpu.abilist") or values.get("ro.product.cpu.abi") or ""
    sdk = values.get("ro.build.version.sdk", "")
    if not abis or not sdk.isdigit():
        raise DeviceError(f"{serial} does not answer as an Android phone does")
    maker, model = (values.get(f"ro.product.{key}", "") for key in ("manufacturer", "model"))
    if not model.lower().startswith(maker.lower()):
        model = f"{maker} {model}"
    return Phone(
        serial=serial,
        hardware_serial=values.get("ro.serialno") or serial,
        model=model,
        android=values.get("ro.build.version.release", ""),
        sdk=int(sdk),
        abis=tuple(abis.split(",")),
        max_khz={
            int(key[3:]): int(value) if value.isdigit() else None
            for key, value in sorted(values.items())
            if re.fullmatch(r"cpu\d+", key)
        },
    )
