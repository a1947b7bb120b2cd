"""The phones that are attached, told before a search asks them anything."""

from tflite_bench.adb import Adb
from tflite_bench.device_errors import DeviceError
from tflite_bench.devices import DeviceConfig
from tflite_bench.phone_table import look, print_rows


def print_phones(device: DeviceConfig) -> None:
    """Prints the phones that are attached as a table, or why there are none."""
    try:
        rows = look(
            Adb.of_flag(device.adb),
            device.limits,
            mask=device.cpu_mask,
            num_threads=device.tool.num_threads,
        )
    except DeviceError as error:
        print(f"Phones    none: {error}")
        return
    if not rows:
        print("Phones    none: no phone is attached")
        return
    print(f"Phones    {len(rows)}")
    print_rows(rows)
