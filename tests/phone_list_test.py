"""What a dry run says of the phones, on a scripted adb."""

import scripted_adb

from search.timing.phone_list import print_phones
from tflite_bench.devices import DeviceConfig


def told(capsys, adb, **fields):
    print_phones(DeviceConfig(on_phones=True, adb=adb, **fields))
    return capsys.readouterr().out


def test_the_phones_that_are_attached_stand_in_a_table(tmp_path, capsys):
    answers = {
        "getprop": {"stdout": scripted_adb.PIXEL_2},
        "dumpsys": {"stdout": scripted_adb.STATE},
    }
    adb = scripted_adb.install(tmp_path, {"FA79X1": "device", "B": "unauthorized"}, answers)
    headline, _, first, second = told(capsys, adb).splitlines()
    assert headline == "Phones    2"
    assert "Google Pixel 2" in first
    assert first.endswith("fit")
    assert "phone B is unauthorised" in second


def test_cores_that_a_phone_has_not_got_stand_in_its_row(tmp_path, capsys):
    answers = {
        "getprop": {"stdout": scripted_adb.PIXEL_2},
        "dumpsys": {"stdout": scripted_adb.STATE},
    }
    adb = scripted_adb.install(tmp_path, {"FA79X1": "device"}, answers)
    assert "--cpu_mask=300 names cores" in told(capsys, adb, cpu_mask=0x300)


def test_no_phone_and_no_adb_are_said_in_a_line(tmp_path, capsys):
    adb = scripted_adb.install(tmp_path, {})
    assert told(capsys, adb) == "Phones    none: no phone is attached\n"
    line = told(capsys, str(tmp_path / "no_adb"))
    assert line.startswith("Phones    none: --adb=")
    assert line.count("\n") == 1
