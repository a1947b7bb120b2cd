"""A network's layers, parameters, multiply-adds and latency, as a table or as JSON.

    python -m mnasnet.describe --model_name=mnasnet-a1 --depth_multiplier=0.5
    python -m mnasnet.describe --blocks=r1_k3_s11_e1_i32_o16_noskip,r2_k3_s22_e6_i16_o24 --json

    python -m mnasnet.describe --model_name=mnasnet-a1 --device=auto --benchmark_model=PATH

Counts come from the block arguments alone, so nothing is built. With --device the network is also
timed, untrained, as float32 TFLite: on this machine, or on a phone by TFLite's benchmark_model.
"""

import dataclasses
import itertools
import json
import sys

from absl import flags

from mnasnet.architectures import Architecture
from mnasnet.block_args import encode
from mnasnet.latency_estimate import ESTIMATE_NOTE, pixel1_latency_ms
from mnasnet.layer_args import expand_blocks
from mnasnet.model_flags import architecture_from_flags, size_arguments
from mnasnet.stats import LayerStats, ModelStats, count
from tflite_bench import command_line
from tflite_bench.device_flags import DEVICE, device_config

_JSON = flags.DEFINE_bool("json", False, "print JSON instead of a table")

# Columns of a line where no terminal says how many there are, and of the table at its narrowest.
_PLAIN_WIDTH = 100
_NARROWEST = 80


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table: a layer of a block, or an operation of stem or head.

    Attributes:
      name: 'stem', 'block_3', 'head'.
      operation: such as 'mbconv6 5x5 /2 se', where /2 is the stride.
      skip: the path beside it: 'identity', 'pool' or '' for none.
      stats: of its operations together.
    """

    name: str
    operation: str
    skip: str
    stats: ModelStats


def table_rows(
    architecture: Architecture, stats: ModelStats, depth_multiplier: float | None = None
) -> list[Row]:
    """The lines of the table.

    Args:
      architecture: the network.
      stats: of it, as `count` gives them for the same depth multiplier.
      depth_multiplier: as for `count`.
    """
    layers = expand_blocks(architecture, depth_multiplier)
    blocks = [block for block in architecture.blocks for _ in range(block.num_repeat)]
    labels = {}
    for number, (block, layer) in enumerate(zip(blocks, layers, strict=True)):
        op = f"mbconv{block.expand_ratio}" if block.conv_op == "mbconv" else block.conv_op
        se = " se" if layer.squeeze_filters else ""
        skip = "" if layer.skip == "none" else layer.skip
        labels[f"block_{number}"] = f"{op} {_kernel(layer.kernel_size, layer.stride)}{se}", skip
    rows = []
    for name, group in itertools.groupby(stats.layers, lambda row: row.name.partition("/")[0]):
        if name in labels:
            rows.append(Row(name, *labels[name], ModelStats.of(group)))
        else:
            rows += [Row(name, _operation(row), "", ModelStats.of([row])) for row in group]
    return rows


def _operation(row: LayerStats) -> str:
    op = row.op.replace("_", " ")
    return f"{op} {_kernel(row.kernel, row.stride)}" if row.kernel else op


def _kernel(size: int, stride: int) -> str:
    return f"{size}x{size}" + (f" /{stride}" if stride > 1 else "")


def print_table(
    architecture: Architecture,
    stats: ModelStats,
    depth_multiplier: float | None = None,
    measurement=None,
    file=None,
) -> None:
    """Prints the table and the totals: coloured on a terminal, in plain columns elsewhere.

    Args:
      architecture: the network.
      stats: of it.
      depth_multiplier: as for `count`.
      measurement: a `tflite_bench.measurement.Measurement` to show, or None.
      file: where to; stdout by default.
    """
    from rich.console import Console
    from rich.table import Table

    file = sys.stdout if file is None else file
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=_PLAIN_WIDTH)
    # Cells that may not wrap would be cut short: let a narrow terminal break the lines instead.
    console.width = max(console.width, _NARROWEST)

    image_size = stats.layers[0].input_shape[0]
    classes = stats.layers[-1].output_shape[2]
    multiplier = "" if depth_multiplier is None else f", depth multiplier {depth_multiplier:g}"
    title = f"{architecture.name}{multiplier}, {image_size} px, {classes} classes"

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold underline")
    for heading in ("layer", "operation", "skip"):
        table.add_column(heading, no_wrap=True)
    for heading in ("output", "params", "MAdds (M)", "est. ms"):
        table.add_column(heading, no_wrap=True, justify="right")
    before = None
    for row in table_rows(architecture, stats, depth_multiplier):
        cells = (
            row.operation,
            row.skip,
            "x".join(map(str, row.stats.layers[-1].output_shape)),
            f"{row.stats.params:,}",
            f"{row.stats.multiply_adds / 1e6:.2f}",
            f"{pixel1_latency_ms(row.stats):.2f}",
        )
        # A layer that repeats the one before it steps back.
        table.add_row(row.name, *cells, style="dim" if cells == before else None)
        before = cells

    totals = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    totals.add_column(no_wrap=True)
    totals.add_column(no_wrap=True, justify="right", style="bold")
    totals.add_column()
    for line in _totals(architecture, stats, measurement):
        totals.add_row(*line)
    with console.capture() as captured:
        console.print(title, "", table, "", totals, sep="\n")
    for line in captured.get().splitlines():
        print(line.rstrip(), file=file)


def _totals(
    architecture: Architecture, stats: ModelStats, measurement
) -> list[tuple[str, str, str]]:
    """(what, how much, remark) of the lines under the table."""
    parts = ", ".join(
        f"{name} {sum(row.multiply_adds for row in stats.layers if row.op in ops) / 1e6:.1f} M"
        for name, ops in (
            ("conv", ("conv", "se")),
            ("depthwise", ("depthwise",)),
            ("dense", ("dense",)),
        )
    )
    lines = [
        ("blocks", f"{len(architecture.blocks)}", " ".join(encode(architecture.blocks))),
        ("parameters", f"{stats.params:,}", f"and {stats.non_trainable_params:,} not trainable"),
        ("multiply-adds", f"{stats.multiply_adds:,}", parts),
        ("Pixel 1", f"{pixel1_latency_ms(stats):.1f} ms", ESTIMATE_NOTE),
    ]
    if measurement is not None:
        remark = (
            f"measured, {measurement.clock} time, spread {measurement.spread:.1%} over "
            f"{measurement.runs} runs; {measurement.device}, "
            f"{measurement.tool} {measurement.tool_version}"
        )
        where = "this machine" if measurement.phone is None else measurement.phone.serial
        lines.append((where, f"{measurement.latency_ms:.2f} ms", remark))
    return lines


def as_json(
    architecture: Architecture,
    stats: ModelStats,
    depth_multiplier: float | None = None,
    measurement=None,
) -> dict:
    """The same as a dict for JSON.

    `latency_ms` is the device's where one measured it, else the estimate; `latency` says which.
    """
    estimate = pixel1_latency_ms(stats)
    return {
        "name": architecture.name,
        "blocks": list(encode(architecture.blocks)),
        "stem_filters": architecture.stem_filters,
        "head_filters": architecture.head_filters,
        "depth_multiplier": depth_multiplier,
        "image_size": stats.layers[0].input_shape[0],
        "num_classes": stats.layers[-1].output_shape[2],
        "params": stats.params,
        "non_trainable_params": stats.non_trainable_params,
        "multiply_adds": stats.multiply_adds,
        "latency_ms": estimate if measurement is None else measurement.latency_ms,
        "latency": _clock_name(measurement),
        "pixel1_estimate_ms": estimate,
        "pixel1_estimate_note": ESTIMATE_NOTE,
        "measurement": None if measurement is None else dataclasses.asdict(measurement),
        "layers": [dataclasses.asdict(layer) for layer in stats.layers],
    }


def _clock_name(measurement) -> str:
    if measurement is None:
        return "estimate:pixel1"
    return "host" if measurement.phone is None else "phone"


def _measure(architecture: Architecture, sizes: dict):
    """Measurement of the untrained network on the device that the flags name."""
    # TensorFlow takes seconds to import: only who asks for a clock waits for it.
    from mnasnet.model import build_model
    from tflite_bench.convert import ConversionError, to_tflite
    from tflite_bench.devices import host_clock, phone_shelf
    from tflite_bench.measurement import MeasurementError

    with command_line.usage_errors():
        config = device_config()
        clock = phone_shelf(config, on_event=_tell) if config.on_phones else host_clock(config)
    try:
        return clock.measure(to_tflite(build_model(architecture, **sizes)))
    except (ConversionError, MeasurementError) as error:
        raise command_line.SurroundingsError(str(error)) from error


def _tell(event) -> None:
    """What keeps a phone from being measured on, for whoever waits for it."""
    if event.kind != "found":
        print(event.message, file=sys.stderr)


def main() -> None:
    with command_line.usage_errors():
        architecture = architecture_from_flags()
        sizes = size_arguments()
        stats = count(architecture, **sizes)
    measurement = _measure(architecture, sizes) if DEVICE.value else None
    multiplier = sizes.get("depth_multiplier")
    if _JSON.value:
        print(json.dumps(as_json(architecture, stats, multiplier, measurement), indent=2))
    else:
        print_table(architecture, stats, multiplier, measurement)


if __name__ == "__main__":
    command_line.run(main)
