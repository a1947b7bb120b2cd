"""A stand-in for the adb program, for what loopback phones cannot show.

`install` writes a program that answers from a JSON script; it knows `devices`, `push` and the
command of Adb.shell with its marker, and runs nothing.
"""

import json
import os
import sys

_PROGRAM = r"""
import json, pathlib, re, sys

script = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text())
arguments = sys.argv[1:]
if arguments == ["devices"]:
    print("* daemon started successfully")
    print("List of devices attached")
    for serial, state in script["devices"].items():
        print(f"{serial}\t{state}")
    print()
    sys.exit(0)
if arguments[0] != "-s":
    sys.exit(0)
serial, verb = arguments[1:3]
if serial not in script["devices"]:
    sys.exit(f"error: device '{serial}' not found")
state = script["devices"][serial]
if state == "unauthorized":
    sys.exit("error: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\n"
             "Try 'adb kill-server' if that seems wrong.\n"
             "Otherwise check for a confirmation dialog on your device.")
if state != "device":
    sys.exit(f"error: device {state}")
if verb == "push":
    sys.exit(script.get("push", 0))
line = arguments[3]
marker = re.search(r"echo (__end_\w+=)\$status$", line)[1]
for part, answer in script["shell"].items():
    if part in line:
        break
else:
    answer = {}
print(answer.get("stdout", ""), end="")
if not answer.get("cut"):
    print(f"\n{marker}{answer.get('status', 0)}")
print(answer.get("stderr", ""), end="", file=sys.stderr)
sys.exit(answer.get("exit", 0))
"""


def install(folder, devices, shell=None, push=0):
    """Writes the program; its path.

    Args:
      folder: where to.
      devices: serial -> state, as `adb devices` has them.
      shell: part of a command line -> what the phone says to it: stdout, stderr, status, exit (of
        adb itself), cut (the connection drops: no marker).
      push: the exit status or complaint of `adb push`.
    """
    path = folder / "adb.py"
    path.write_text(f"#!{sys.executable}\n{_PROGRAM}")
    os.chmod(path, 0o755)
    path.with_suffix(".json").write_text(
        json.dumps({"devices": devices, "shell": shell or {}, "push": push})
    )
    return str(path)


PIXEL_2 = """ro.product.manufacturer=Google
ro.product.model=Pixel 2
ro.serialno=FA79X1
ro.build.version.release=11
ro.build.version.sdk=30
ro.product.cpu.abi=arm64-v8a
ro.product.cpu.abilist=arm64-v8a,armeabi-v7a,armeabi
cpu0=1900800
cpu1=1900800
cpu2=1900800
cpu3=1900800
cpu4=2457600
cpu5=2457600
cpu6=2457600
cpu7=2457600
online=0-7
"""

STATE = """Current Battery Service state:
  level: 87
  temperature: 283
Thermal Status: 0
low_power: 0
storage
Filesystem     1K-blocks     Used Available Use% Mounted on
/dev/block/dm-5 52428800 20971520  31457280  41% /data
"""
