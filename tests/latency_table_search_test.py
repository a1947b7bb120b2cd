"""A search by a latency table: its error is stated, and a table that does not do is refused."""

import csv
import json
import subprocess
import sys

import pytest
from phone_lab import ROOT

from search.latency import LatencyConfig, make_latency
from search.latency_tables.flags import table_of
from search.latency_tables.listing import SpaceOperators
from search.latency_tables.table_file import LatencyTable, Row, Subject
from search.search_space import get_space

SPACE = get_space("accel_nasbench")
SIZE = 32


def made_up_table(mean_error=0.03, num_classes=10):
    """Each operator takes as many microseconds as it writes channels."""
    subject = Subject.of(SPACE, SIZE, num_classes, "none")
    operators = SpaceOperators(SPACE, SIZE, num_classes).examples
    rows = [Row(o, o.output_filters / 1e3, (o.output_filters / 1e3,)) for o in sorted(operators)]
    table = LatencyTable(subject, {"device": "Made-up phone"}, len(rows), rows=tuple(rows))
    check = {"mean_error": mean_error, "worst_error": 0.07, "kendall_tau": 0.9}
    return table.checked(check | {"networks": [{}] * 8})


@pytest.fixture
def path(tmp_path):
    made_up_table().write(tmp_path / "table.json")
    return tmp_path / "table.json"


def config(path, **fields):
    kind = f"table:{path}"
    return LatencyConfig(
        kind=kind, image_size=SIZE, table=table_of(kind, SPACE, SIZE, "none"), **fields
    )


@pytest.fixture(autouse=True)
def parsed_flags(monkeypatch):
    """Flags at their defaults, as without a command line."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()


def test_a_table_is_an_evaluator_that_needs_no_clock(path):
    table = config(path)
    assert not table.needs_clock
    latency = make_latency(table, SPACE.architecture, None, num_classes=10)
    note = "on 8 random networks mean error 3.0%, worst 7.0%, Kendall tau 0.90"
    assert note in latency.description
    smallest = SPACE.decode([0] * 28)
    found = latency.measure(smallest)
    # Expand ratio 1, one layer a block: the stem, in each block the depthwise convolution of what
    # enters and the projection to what leaves, then head, its mean, and 10 classes. Nothing is
    # added, since no block keeps its filters.
    filters = (32, 16, 24, 40, 80, 112, 192, 320)
    entering, leaving = sum(filters[:-1]), sum(filters[1:])
    assert found.value == pytest.approx((32 + entering + leaving + 1280 + 1280 + 10) / 1e3)
    assert note in found.record["note"]


def test_a_table_of_other_classes_is_refused_when_the_data_is_known(path):
    with pytest.raises(ValueError, match="is for 10 classes, the data has 1000"):
        make_latency(config(path), SPACE.architecture, None, num_classes=1000)


def test_a_table_is_of_one_quantization(path):
    with pytest.raises(ValueError, match="'none,int8', a table is of one of them"):
        config(path, also=("int8",))


def test_other_kinds_have_no_table():
    assert table_of("estimate:pixel1", SPACE, 224, "none") is None
    with pytest.raises(ValueError, match=r"unknown latency 'table', known are .*table:FILE"):
        LatencyConfig(kind="table")


def test_a_table_that_is_too_far_off_is_refused(path):
    made_up_table(mean_error=0.3).write(path)
    with pytest.raises(ValueError, match=r"mean error of 30.0%, --max_table_error=0.1 allows"):
        config(path)


def search(workdir, *arguments):
    return subprocess.run(
        [
            sys.executable,
            *("-m", "search.main", f"--workdir={workdir}", "--search_space=accel_nasbench"),
            *(f"--latency_image_size={SIZE}", "--references=", "--max_trials=2", "--batch_size=2"),
            *("--proxy_image_size=8", "--proxy_epochs=1", "--algorithm=random"),
            *arguments,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda text: text[: len(text) // 2], "is no whole latency table"),
        (
            lambda text: text.replace('"mean_error": 0.03', '"mean_error": 0.01'),
            "was edited after its check",
        ),
        (lambda text: text.replace('"ms": 0.08', '"ms": 0.09', 1), "was edited after its check"),
        (lambda text: json.dumps(json.loads(text) | {"check": None}), "was never checked"),
        (
            lambda text: text.replace('"accel_nasbench"', '"mnasnet"'),
            "is of another space: mnasnet",
        ),
    ],
)
def test_a_search_refuses_a_table_that_does_not_do(path, spoil, complaint):
    text = path.read_text()
    assert spoil(text) != text
    path.write_text(spoil(text))
    workdir = path.parent / "search"
    done = search(workdir, f"--latency=table:{path}")
    assert done.returncode == 2, done.stderr
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
    assert not workdir.exists()


@pytest.mark.tensorflow
def test_every_trial_of_a_search_by_a_table_says_how_far_the_table_is_off(path, tmp_path):
    done = search(tmp_path / "search", f"--latency=table:{path}")
    assert done.returncode == 0, done.stderr
    note = "on 8 random networks mean error 3.0%, worst 7.0%, Kendall tau 0.90"
    assert note in done.stdout
    assert note in (tmp_path / "search" / "report.html").read_text()
    with open(tmp_path / "search" / "trials.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    latency = make_latency(config(path), SPACE.architecture, None, num_classes=10)
    for row in rows:
        found = latency.measure(tuple(row["network"].split()))
        assert float(row["latency_ms"]) == pytest.approx(found.value)
