"""What a reward asks for, before it is paid for: python -m search.preview --flagfile=flags/X.flags

Shows curves of equal reward over accuracy and latency, latencies of random networks of the space
with the target among them, what a doubling of latency costs, and where the best network will be as
far as that can be known. Opens no data set and trains nothing. Where latency needs a clock a few
networks are timed. Takes the flags of search.main; writes one page, which opens offline.
"""

import textwrap
from pathlib import Path

import numpy as np
from absl import flags
from rich.console import Console

from mnasnet.architectures import get_architecture
from search import search_flags
from search.previewing.maker import (
    PreviewConfig,
    SpacePricer,
    explore,
    num_classes_of,
    published_marks,
)
from search.previewing.reward_preview import Preview, rewards_beside
from search.quantities import magnitude
from search.reporting import preview_words as words
from search.reporting.preview_page import preview_page
from search.reporting.preview_warnings import warnings
from search.search_space import SearchSpace
from search.surrogate.regression import Surrogate, SurrogateAccuracy, has_tokens_of, load_surrogate
from search.tables import write_atomically
from tflite_bench import command_line
from tflite_bench.command_line import UsageError, usage_errors

_OUTPUT = flags.DEFINE_string("output", "preview.html", "page to write")
_NETWORKS = flags.DEFINE_integer(
    "preview_networks", PreviewConfig.networks, "random networks of the space to price"
)
_TIMED = flags.DEFINE_integer(
    "preview_timed",
    PreviewConfig.timed,
    "networks to time, to scale the others by, where --latency needs a clock; 0 for none",
)

_LANDMARKS = ("mnasnet-a1", "mobilenet-v2")
# Columns of a line where no terminal says how many there are.
_PLAIN_WIDTH = 100


def main() -> None:
    """Prints a preview and writes its page."""
    output = Path(_OUTPUT.value)
    with usage_errors():
        if not output.parent.is_dir():
            raise ValueError(f"--output={output}: there is no folder {output.parent}")
        if output.is_dir():
            raise ValueError(f"--output={output} is a folder, name a file in it")
        preview = preview_of_flags()
    print_summary(preview)
    try:
        write_atomically(output, preview_page(preview))
    except OSError as error:
        raise UsageError(f"--output={output} cannot be written ({error})") from error
    print(f"\n{output}")


def preview_of_flags() -> Preview:
    """The preview of the search that the flags describe; ValueError for a flag out of range."""
    search = search_flags.search_config()
    search_flags.proxy_config()  # a preview says what is wrong with the rest of the flags, too
    latency, name = search_flags.latency_config(), flags.FLAGS.reward
    space = search_flags.search_space()
    # A search on a surrogate has no landmarks of its own accord; latencies compare all the same.
    landmarks = search_flags.landmarks() or [get_architecture(name) for name in _LANDMARKS]
    looked = PreviewConfig(_NETWORKS.value, _TIMED.value, search.seed)
    surrogate = _surrogate(space) if search_flags.ACCURACY.value == "surrogate" else None
    # A surrogate's networks are ImageNet's, whatever data set the flags name.
    dataset = "imagenet" if surrogate else search_flags.DATASET.value
    num_classes, note = num_classes_of(dataset)
    pricer = SpacePricer(space, latency, num_classes)
    tokens = space.sample_uniform(np.random.default_rng(looked.seed), looked.networks)
    latencies = pricer.latencies(tokens, looked.timed)
    found = {} if surrogate else published_marks(dataset, latency)
    if surrogate and latencies and has_tokens_of(space):
        found["explored"] = explore(
            space,
            tokens,
            surrogate,
            pricer,
            latencies.scale.factor if latencies.scale else 1.0,
            [config for _, config in rewards_beside(name, search.reward)],
            max_latency_ms=search.max_latency_ms,
            seed=looked.seed,
        )
    return Preview(
        reward_name=name,
        config=search.reward,
        space_name=space.name,
        num_networks=space.size,
        max_latency_ms=search.max_latency_ms,
        latencies=latencies,
        marks=pricer.marks(landmarks, latencies),
        notes=(note,) if note else (),
        **found,
    )


def _surrogate(space: SearchSpace) -> Surrogate:
    if not search_flags.SURROGATE_DATA.value:
        raise ValueError(
            "--accuracy=surrogate needs --surrogate_data=DIR, the folder of a checkout of "
            "Accel-NASBench"
        )
    surrogate = load_surrogate(search_flags.SURROGATE_DATA.value)
    SurrogateAccuracy(surrogate).check_space(space)
    return surrogate


def print_summary(preview: Preview, file=None) -> None:
    """Prints what the page says in words."""
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console = Console(file=file, highlight=False, width=_PLAIN_WIDTH)
    console.print(f"[bold]{preview.reward_name}[/]: {words.formula(preview.config)}")
    networks = magnitude(preview.num_networks)
    console.print(f"over the space {preview.space_name}, {networks} networks\n")
    for warning in warnings(preview):
        console.print(f"[bold red]Warning[/]  {warning}\n")
    for heading, text in words.statements(preview):
        console.print(f"[bold]{heading}[/]")
        indent = {"initial_indent": "  ", "subsequent_indent": "  "}
        console.print(textwrap.fill(text, console.width, **indent), markup=False)


if __name__ == "__main__":
    command_line.run(main)
