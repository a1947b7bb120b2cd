"""A latency table of a search space, in one command (and its check in another):

    python -m search.latency_table build --output=FILE --search_space=... --device=...
    python -m search.latency_table check --table=FILE --search_space=... --device=...

Both take --benchmark_model=PATH. `build` lists the distinct operators of the space, chooses few
networks that have them all, and times each as a whole and, by TFLite's operator profile, in its
parts; a few random networks give a factor between sums and wholes. Stopped, the same command goes
on. `check` times random networks of the space, prints predicted beside measured, and writes the
error into the table, which `search.main --latency=table:FILE` takes unless it is too large.
"""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from absl import flags

from mnasnet.architectures import Architecture
from search import search_flags
from search.latency_tables.build import ProfilingClock, build
from search.latency_tables.check import (
    WORST_TO_MEAN,
    Checked,
    check,
    mean_error,
    spoilt_rows,
    suspects,
    worst_error,
)
from search.latency_tables.flags import MAX_TABLE_ERROR
from search.latency_tables.table_file import LatencyTable, Subject, read_table
from search.quantities import counted
from search.timing.untrained import untrained_tflites
from tflite_bench import command_line
from tflite_bench.command_line import (
    SurroundingsError,
    UsageError,
    check_writable,
    usage_errors,
    writes_to,
)
from tflite_bench.device_errors import DeviceError, DeviceFlagError
from tflite_bench.device_flags import BENCHMARK_MODEL, device_config
from tflite_bench.devices import host_clock, phone_shelf
from tflite_bench.text_table import print_table

_COMMANDS = ("build", "check")
_MOST_NAMED = 5


def define() -> None:
    """Defines the flags. A function, since other commands have flags of the same names."""
    flags.DEFINE_string("output", None, "file of the table to build")
    flags.DEFINE_string("table", None, "file of the table to check")
    flags.DEFINE_integer(
        "num_classes", 1000, "of the classifier; a search takes a table for its data's classes only"
    )
    flags.DEFINE_integer("profiles", 3, "operator profiles of each network that build times")
    flags.DEFINE_integer(
        "calibration_networks",
        5,
        "random networks that build times in the end, for a factor between sums and networks",
    )
    flags.DEFINE_integer("check_networks", 20, "random networks that check times")


def main(command: str) -> None:
    """Runs one of the commands."""
    if command not in _COMMANDS:
        raise UsageError(
            f"the command is {command!r}, must be build or check: python -m search.latency_table "
            "build --help"
        )
    given = flags.FLAGS
    name = {"build": "output", "check": "table"}[command]
    with usage_errors():
        if not given[name].value:
            raise ValueError(f"--{name} is missing: name the file of the table, --{name}=FILE")
        for flag in ("num_classes", "profiles", "check_networks"):
            if given[flag].value < 1:
                raise ValueError(f"--{flag} is {given[flag].value}, must be 1 or more")
        if given.calibration_networks < 0:
            raise ValueError(
                f"--calibration_networks is {given.calibration_networks}, must be >= 0"
            )
        if not MAX_TABLE_ERROR.value > 0:
            raise ValueError(f"--max_table_error is {MAX_TABLE_ERROR.value}, must be over 0")
        path = Path(given[name].value)
        if not path.parent.is_dir():
            raise ValueError(f"--{name}={path}: there is no folder {path.parent}")
        if path.is_dir():
            raise ValueError(f"--{name}={path} is a folder, name a file")
        space = search_flags.search_space()
        quantizations = given.latency_quantization
        if len(quantizations) != 1:
            raise ValueError(
                f"--latency_quantization={','.join(quantizations)}, a table is of one of them"
            )
        size, (quantization,) = given.latency_image_size, quantizations
        subject = Subject.of(space, size, given.num_classes, quantization)
    check_writable(name, path, path.parent)
    try:
        (_build if command == "build" else _check)(space, subject, path)
    except KeyboardInterrupt:
        print(f"\nStopped{_kept(command, path)}", file=sys.stderr)
        raise
    except (DeviceError, OSError) as error:
        raise SurroundingsError(f"{error}{_kept(command, path)}") from error


def _kept(command: str, path: Path) -> str:
    kept = command == "build" and path.exists()
    return f"; {path} keeps what is timed, the same command goes on" if kept else ""


def _build(space, subject: Subject, path: Path) -> None:
    clock = _clock()
    with _told_in_one_line():
        table = build(
            space,
            subject,
            clock,
            _converter(subject),
            path,
            profiles=flags.FLAGS.profiles,
            calibration=flags.FLAGS.calibration_networks,
            say=_say,
            write=_write,
        )
    slowest = sorted(table.rows, key=lambda row: -row.ms)[:_MOST_NAMED]
    print("\nThe slowest operators:")
    print_table(
        ["operator", "ms", "spread", "samples"],
        [
            [str(row.operator), f"{row.ms:.4f}", f"{row.spread:.0%}", str(len(row.samples_ms))]
            for row in slowest
        ],
    )
    print(
        f"Factor between sums and networks: {table.factor:.3f}, from "
        f"{counted(len(table.calibration), 'random network')}."
    )
    if table.check is None:
        print(
            f"{path} is complete; now check it: python -m search.latency_table check --table={path}"
        )
    else:
        print(f"{path} is complete and checked.")


def _check(space, subject: Subject, path: Path) -> None:
    with usage_errors():
        table = read_table(path)
        table.subject.check(subject, str(path))
        if not table.complete:
            raise ValueError(
                f"the table {path} has {len(table.rows)} of {table.num_operators} operators: build "
                "it to the end first"
            )
        complaints = spoilt_rows(table, space)
        if complaints:
            raise ValueError(
                f"the table {path} has {counted(len(complaints), 'spoilt row')}: "
                f"{'; '.join(complaints[:_MOST_NAMED])}"
            )
    clock = _clock()
    given = flags.FLAGS
    with _told_in_one_line():
        table, checked = check(
            table, space, clock, _converter(subject), path, given.check_networks, given.seed, _say
        )
    with writes_to("table", path):
        table.write(path)
    _print_checked(table, checked)
    limit, mean, worst = MAX_TABLE_ERROR.value, mean_error(checked), worst_error(checked)
    if mean > limit or worst > WORST_TO_MEAN * limit:
        raise UsageError(
            f"the table {path} is refused: mean error {mean:.1%}, worst {worst:.1%}, allowed are "
            f"{limit:.1%} and {WORST_TO_MEAN * limit:.1%}; the likely rows: "
            f"{'; '.join(suspects(table, space, checked))}"
        )


def _print_checked(table: LatencyTable, checked: list[Checked]) -> None:
    print_table(
        ["network", "predicted ms", "measured ms", "error", "spread"],
        [
            [
                str(number),
                f"{one.predicted_ms:.3f}",
                f"{one.measured_ms:.3f}",
                f"{one.error:+.1%}",
                f"{one.spread:.1%}",
            ]
            for number, one in enumerate(checked, 1)
        ],
    )
    tau = table.check["kendall_tau"]
    print(
        f"{counted(len(checked), 'random network')} on {table.device['device']}: mean error "
        f"{mean_error(checked):.1%}, worst {worst_error(checked):.1%}, Kendall tau "
        f"{'unknown' if tau is None else format(tau, '.3f')}"
    )
    print(
        f"All together took {table.check['common_factor']:.3f} times as long as predicted; beside "
        f"that the mean error is {table.check['error_beside_it']:.1%}"
    )


def _write(table: LatencyTable, path: Path) -> None:
    with writes_to("output", path):
        table.write(path)


def _clock() -> ProfilingClock:
    with usage_errors(), _flags_of_devices():
        if not BENCHMARK_MODEL.value:
            raise ValueError(
                "a table needs --benchmark_model=PATH, TFLite's binary for the device: LiteRT in "
                "this process does not tell operators apart"
            )
        config = device_config()
        if not config.on_phones:
            return host_clock(config)
        # One phone, so that rows can be added up.
        return phone_shelf(config, on_event=_tell).phones[0]


def _converter(subject: Subject) -> Callable[[Architecture], bytes]:
    def convert(architecture: Architecture) -> bytes:
        (tflite,) = untrained_tflites(
            architecture,
            image_size=subject.image_size,
            num_classes=subject.num_classes,
            quantizations=(subject.quantization,),
        )
        return tflite

    return convert


@contextlib.contextmanager
def _flags_of_devices() -> Iterator[None]:
    """A flag that does not do is the user's mistake at first; later, the surroundings failed."""
    try:
        yield
    except DeviceFlagError as error:
        raise UsageError(str(error)) from error


@contextlib.contextmanager
def _told_in_one_line() -> Iterator[None]:
    """One line where a network of the space cannot be timed, which a table cannot do without.

    And where a table, or its device, is another. Not so an OSError, which is of no argument here.
    """
    from tflite_bench.convert import ConversionError
    from tflite_bench.measurement import MeasurementError

    try:
        yield
    except (ConversionError, MeasurementError) as error:
        raise UsageError(f"a network of the space cannot be timed: {error}") from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def _tell(event) -> None:
    """What keeps a phone from being measured on, for whoever waits for it."""
    if event.kind != "found":
        print(event.message, file=sys.stderr, flush=True)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    # Not at import: other commands have flags of these names too.
    define()
    named = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else ""
    rest = sys.argv[2:] if named else sys.argv[1:]
    command_line.run(functools.partial(main, named), [sys.argv[0], *rest])
