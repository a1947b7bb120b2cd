"""Latency tables: operators by hand, their sums, resuming, checking, and what is refused."""

import dataclasses
import json

import numpy as np
import pytest

from mnasnet.architectures import from_blocks
from mnasnet.block_args import BlockArgs, decode, encode
from search.evaluators import Infeasible
from search.latency_tables.attribution import ProfileMismatch, match_steps
from search.latency_tables.build import build, unused_networks
from search.latency_tables.check import check, mean_error, spoilt_rows, suspects, worst_error
from search.latency_tables.listing import SpaceOperators
from search.latency_tables.operators import Operator, operators_of
from search.latency_tables.table_file import LatencyTable, Row, Subject, Timed, read_table
from search.latency_tables.table_latency import TableLatency, load_checked
from search.optimum.block_latency import block_latency
from search.search_space import Decision, SearchSpace, get_space
from tflite_bench.device_errors import PhoneGoneError
from tflite_bench.measurement import from_repeats
from tflite_bench.op_profile import Operator as Step
from tflite_bench.op_profile import Profile

SIZE, CLASSES = 33, 10
DECISIONS = [
    Decision("block_0/kernel_size", (3, 5)),
    Decision("block_0/filters", (16, 24)),
    Decision("block_1/se_ratio", (0.0, 0.25)),
]


def to_strings(values):
    kernel_size, filters, se_ratio = values
    first = BlockArgs(1, kernel_size, (2, 2), 3, 8, filters, 0.0)
    second = BlockArgs(2, 3, (1, 1), 1, filters, filters, se_ratio, "pool", "dconv")
    return encode([first, second])


SKELETON = from_blocks(to_strings((3, 16, 0.0)), name="small", stem_filters=8, head_filters=64)


def small_space(name="small", decisions=DECISIONS):
    return SearchSpace(decisions, to_strings, name=name, skeleton=SKELETON)


SPACE = small_space()
SUBJECT = Subject.of(SPACE, SIZE, CLASSES, "none")


def true_ms(operator):
    """A cost that differs from operator to operator."""
    work = operator.image_size**2 * operator.output_filters * (1 + operator.kernel**2)
    return 0.01 + 1e-6 * work * (operator.squeeze_filters + 1)


class Clock:
    """A device on which latency is the sum of `true_ms`; profiling makes everything slower.

    A "file" is the network's strings, as JSON. `fails_at` is the measurement that fails.
    """

    def __init__(self, fails_at=None, device="Made-up phone", true=true_ms):
        self.measured, self.fails_at = [], fails_at
        self.device, self._true = device, true

    def operators(self, tflite):
        architecture = SPACE.architecture(json.loads(tflite))
        return operators_of(architecture, SIZE, CLASSES)

    def measure(self, tflite):
        self.measured.append(tuple(json.loads(tflite)))
        if len(self.measured) == self.fails_at:
            raise PhoneGoneError("the phone went away")
        total = sum(self._true(operator) for _, operator in self.operators(tflite))
        return from_repeats(
            [total],
            tflite=tflite,
            runs=50,
            warmup_runs=10,
            num_threads=1,
            clock="wall",
            device=self.device,
            tool="benchmark_model",
            tool_version="c0ffee",
            quantization="none",
            raw=("pages",),
        )

    def profile(self, tflite):
        steps = [
            Step("CONV_2D", place, 1.3 * self._true(operator))
            for place, operator in self.operators(tflite)
        ]
        return Profile(tuple(steps), None, None)


def convert(architecture):
    return json.dumps(encode(architecture.blocks)).encode()


def attribute(tflite, profile, places):
    assert [step.name for step in profile.operators] == list(places)
    return {step.name: step.ms for step in profile.operators}


def built(path, clock=None, subject=SUBJECT, calibration=2):
    clock = clock or Clock()
    return build(
        SPACE,
        subject,
        clock,
        convert,
        path,
        3,
        calibration,
        say=lambda line: None,
        attribute=attribute,
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.json"


@pytest.fixture
def checked_path(path):
    table, _ = check(built(path), SPACE, Clock(), convert, path, networks=4, seed=0)
    table.write(path)
    return path


def test_the_operators_of_a_network_are_those_that_one_lists_by_hand():
    network = from_blocks(
        (
            "r1_k5_s22_e3_i8_o16_se0.25",
            "r2_k3_s11_e1_i16_o24_pool_dconv",
            "r1_k3_s11_e1_i24_o24_conv",
        ),
        name="by hand",
        stem_filters=8,
        head_filters=64,
    )
    # 33 px -> 17 behind the stem -> 9 behind the first block. SE has a quarter of the 8 filters
    # that enter. A pooling skip may add channels; the last block's sum is with its own input.
    assert operators_of(network, image_size=33, num_classes=10) == (
        ("stem", Operator("stem", 3, 2, 33, 3, 8)),
        ("block_0/expand", Operator("conv", 1, 1, 17, 8, 24)),
        ("block_0/depthwise", Operator("depthwise", 5, 2, 17, 24, 24)),
        ("block_0/se", Operator("se", 0, 1, 9, 24, 24, 2)),
        ("block_0/project", Operator("conv", 1, 1, 9, 24, 16)),
        ("block_1/depthwise", Operator("depthwise", 3, 1, 9, 16, 16)),
        ("block_1/project", Operator("conv", 1, 1, 9, 16, 24)),
        ("block_1/pool", Operator("pool", 3, 1, 9, 16, 24)),
        ("block_1/add", Operator("add", 0, 1, 9, 24, 24)),
        ("block_2/depthwise", Operator("depthwise", 3, 1, 9, 24, 24)),
        ("block_2/project", Operator("conv", 1, 1, 9, 24, 24)),
        ("block_2/pool", Operator("pool", 3, 1, 9, 24, 24)),
        ("block_2/add", Operator("add", 0, 1, 9, 24, 24)),
        ("block_3/conv", Operator("conv", 3, 1, 9, 24, 24)),
        ("block_3/add", Operator("add", 0, 1, 9, 24, 24)),
        ("head/conv", Operator("conv", 1, 1, 9, 24, 64)),
        ("head/pool", Operator("global_pool", 0, 1, 9, 64, 64)),
        ("head/dense", Operator("dense", 0, 1, 1, 64, 10)),
    )


def test_the_distinct_operators_of_a_space_are_those_that_one_counts_by_hand():
    # stem 1; first block: expand 1, depthwise 2 (kernels), project 2 (filters); second: of each of
    # two numbers of filters depthwise, project, pool, add, and se: 5 * 2; head conv 2, pool, dense.
    # The first block projects 24 to 24 filters as the second does, and at 9 px too: one less.
    found = SpaceOperators(SPACE, SIZE, CLASSES)
    assert len(found.examples) == 1 + 1 + 2 + 2 + 10 + 2 + 1 + 1 - 1
    for operator, tokens in found.examples.items():
        assert operator in found.of(tokens)
    everything = {tuple(t) for t in np.ndindex(2, 2, 2)}
    assert set().union(*map(found.of, everything)) == set(found.examples)


@pytest.mark.parametrize(("name", "number"), [("accel_nasbench", 175), ("mnasnet", 862)])
def test_every_operator_of_a_registered_space_is_listed(name, number):
    space = get_space(name)
    found = SpaceOperators(space, 224, 1000)
    assert len(found.examples) == number
    sample = space.sample_uniform(np.random.default_rng(7), 300)
    assert set().union(*map(found.of, sample)) <= set(found.examples)


def test_few_networks_have_all_operators_of_a_space():
    found = SpaceOperators(get_space("accel_nasbench"), 224, 1000)
    networks = found.covering()
    assert set().union(*map(found.of, networks)) == set(found.examples)
    # 6 is the least: the se and the projections of a block come in 6 kinds.
    assert 6 <= len(networks) <= 9
    assert found.covering(found.examples) == []


def test_a_space_of_something_else_than_networks_is_refused():
    with pytest.raises(ValueError, match="the points of the space 'custom' are no networks"):
        Subject.of(SearchSpace(DECISIONS), SIZE, CLASSES, "none")


STEPS = [
    ("CONV_2D", "candidate/normalize/BiasAdd;candidate/normalize/Conv2D1"),
    ("CONV_2D", "candidate/stem/relu/Relu;candidate/stem/conv/Conv2D"),
    ("DEPTHWISE_CONV_2D", "candidate/block_0/depthwise/relu/Relu"),
    ("MEAN", "candidate/block_0/se/Mean"),
    ("DEQUANTIZE", "candidate/block_0/se/Conv2D"),
    ("CONV_2D", "candidate/block_0/se/Relu"),
    ("FULLY_CONNECTED", "head/logits"),
]
PLACES = ["stem", "block_0/depthwise", "block_0/se", "head/dense"]
EXECUTED = [
    ("Convolution (NHWC, F32) GEMM", 1.0),
    ("Convolution (NHWC, F32) IGEMM", 2.0),
    ("Convolution (NHWC, F32) DWConv", 4.0),
    ("Global Average Pooling (NWC, F32)", 8.0),
    ("Convert (NC, F32, QD8)", 16.0),
    ("Convolution (NHWC, F32) GEMM", 32.0),
    ("Fully Connected (NC, F32) GEMM", 64.0),
]


def profile(executed):
    return Profile(tuple(Step(type_, type_, ms) for type_, ms in executed), None, None)


def test_what_xnnpack_executes_is_matched_to_operators_and_conversions_to_what_follows():
    assert match_steps(STEPS, profile(EXECUTED), PLACES) == {
        "stem": 1.0 + 2.0,
        "block_0/depthwise": 4.0,
        "block_0/se": 8.0 + 16.0 + 32.0,
        "head/dense": 64.0,
    }


def test_the_words_of_tflites_own_kernels_are_understood_too():
    own = [(type_, 1.0) for type_, _ in STEPS]
    assert match_steps(STEPS, profile(own), PLACES)["block_0/se"] == 3.0


@pytest.mark.parametrize(
    ("executed", "complaint"),
    [
        (EXECUTED[:-1], "ends after 5 of the network's 6 steps"),
        ([*EXECUTED, EXECUTED[-1]], "step 6 of the profile is 'Fully Connected .*has nothing"),
        (EXECUTED[::-1], "step 1 of the profile is 'Convolution|step 2 of the profile"),
        ([("TfLiteGpuDelegateV2", 1.0)], "step 0 .* 'TfLiteGpuDelegateV2', the network has CONV"),
    ],
)
def test_a_profile_of_other_steps_is_refused(executed, complaint):
    with pytest.raises(ProfileMismatch, match=complaint):
        match_steps(STEPS, profile(executed), PLACES)


def test_steps_of_no_operator_and_operators_of_no_step_are_refused():
    with pytest.raises(ProfileMismatch, match="'candidate/block_0/se/Mean' is no operator"):
        match_steps(STEPS, profile(EXECUTED), PLACES[:2])
    with pytest.raises(ProfileMismatch, match="no step of the profile is of block_1/add"):
        match_steps(STEPS, profile(EXECUTED), [*PLACES, "block_1/add"])


def test_proportions_come_from_profiles_and_the_sum_from_the_clock():
    # Medians 2 and 6, in proportion 1 to 3, of 4 ms; one profile met a burst of other work.
    timed = Timed(("n",), 4.0, {"a": [2.0, 2.0, 90.0], "b": [6.0, 6.1, 5.0]}, {})
    assert timed.shares_ms() == pytest.approx({"a": 1.0, "b": 3.0})


def test_the_rows_of_a_table_are_the_operators_latencies_and_networks_their_sums(path):
    table = built(path)
    assert table.complete
    assert {row.operator for row in table.rows} == set(
        SpaceOperators(SPACE, SIZE, CLASSES).examples
    )
    for row in table.rows:
        assert row.ms == pytest.approx(true_ms(row.operator))
    assert read_table(path) == table
    assert "raw" not in table.networks[0].measurement


def test_sums_are_scaled_by_what_a_few_whole_networks_take(path):
    class Slower(Clock):
        """Whole networks take 1.25 of the sum of their operators, but for those of the rows."""

        def measure(self, tflite):
            measurement = super().measure(tflite)
            slower = 1.25 if len(self.measured) > rows_from else 1.0
            return dataclasses.replace(measurement, latency_ms=slower * measurement.latency_ms)

    rows_from = len(built(path).networks)
    path.unlink()
    table = built(path, Slower(), calibration=3)
    assert len(table.calibration) == 3
    assert table.factor == pytest.approx(1.25)
    network = SPACE.architecture(to_strings((3, 16, 0.25)))
    assert table.predict(network) == pytest.approx(1.25 * table.sum_ms(network))
    assert table.rows[0].ms == pytest.approx(true_ms(table.rows[0].operator))
    # None of them is checked on.
    clock = Clock()
    check(table, SPACE, clock, convert, path, networks=2, seed=0)
    assert not {one.network for one in table.calibration}.intersection(clock.measured)


def test_a_build_that_stopped_goes_on_where_it_was(path):
    whole = built(path)
    needed = len(whole.networks)
    assert needed >= 2
    path.unlink()

    stopped = Clock(fails_at=2)
    with pytest.raises(PhoneGoneError):
        built(path, stopped)
    assert len(read_table(path).networks) == 1
    assert not read_table(path).complete
    again = Clock()
    table = built(path, again)
    assert table.complete
    assert stopped.measured[0] not in again.measured
    assert {row.operator for row in table.rows} == {row.operator for row in whole.rows}
    # Stopped among the last networks, which give the factor: the first of them is kept.
    path.unlink()
    with pytest.raises(PhoneGoneError):
        built(path, Clock(fails_at=needed + 2))
    assert len(read_table(path).calibration) == 1
    last = Clock()
    table = built(path, last)
    assert len(last.measured) == 1
    # A third time there is nothing left to do.
    idle = Clock()
    assert built(path, idle) == table
    assert idle.measured == []


def test_a_build_goes_on_only_with_its_own_table_on_its_own_device(path):
    with pytest.raises(PhoneGoneError):
        built(path, Clock(fails_at=2))
    with pytest.raises(ValueError, match="timed with device Made-up phone, here it is Another"):
        built(path, Clock(device="Another"))
    with pytest.raises(ValueError, match="of another image_size: 33, wanted is 65"):
        built(path, subject=dataclasses.replace(SUBJECT, image_size=65))
    path.write_text(path.read_text()[:-100])
    with pytest.raises(ValueError, match="is no whole latency table"):
        built(path)


def test_a_space_of_fewer_networks_than_tokens_gives_some_of_them_twice():
    # Eight tokens, two networks: the last two decisions change nothing.
    space = SearchSpace(DECISIONS, lambda values: to_strings((values[0], 16, 0.0)), name="few")
    a, b = (space.decode(tokens) for tokens in ([0, 0, 0], [1, 0, 0]))
    found = unused_networks(space, {a}, 3, np.random.default_rng(0))
    assert len(found) == 3
    assert found[0] == b
    assert set(found) <= {a, b}


def test_a_check_of_a_sound_table_finds_no_error(path):
    clock = Clock()
    table, checked = check(built(path), SPACE, clock, convert, path, networks=4, seed=0)
    assert len(clock.measured) == len(checked) == 4
    assert mean_error(checked) == pytest.approx(0, abs=1e-9)
    assert worst_error(checked) == pytest.approx(0, abs=1e-9)
    assert table.check["kendall_tau"] == pytest.approx(1.0)
    assert [tuple(one["network"]) for one in table.check["networks"]] == clock.measured
    assert spoilt_rows(table, SPACE) == []


def test_a_device_that_is_slower_than_it_was_is_told_from_wrong_rows(path):
    slower = Clock(true=lambda operator: 1.25 * true_ms(operator))
    table, checked = check(built(path), SPACE, slower, convert, path, networks=4, seed=0)
    # Predicted is 1 / 1.25 of what is measured.
    assert mean_error(checked) == pytest.approx(0.2)
    assert table.check["common_factor"] == pytest.approx(1.25)
    assert table.check["error_beside_it"] == pytest.approx(0, abs=1e-9)


def test_a_check_times_what_the_table_was_not_made_of(path):
    table, clock = built(path), Clock()
    check(table, SPACE, clock, convert, path, networks=4, seed=3)
    assert not {timed.network for timed in table.networks}.intersection(clock.measured)


def test_a_check_on_another_device_is_refused(path):
    with pytest.raises(ValueError, match="timed with device Made-up phone, here it is Another"):
        check(built(path), SPACE, Clock(device="Another"), convert, path, networks=4, seed=0)


def test_a_row_that_was_edited_is_named(path):
    built(path)
    content = json.loads(path.read_text())
    row = next(row for row in content["rows"] if row["operator"]["op"] == "se")
    row["ms"] *= 3
    path.write_text(json.dumps(content))
    (complaint,) = spoilt_rows(read_table(path), SPACE)
    # `se` of 16 filters comes first in order: 9 px, a quarter of 16 is 4.
    assert complaint.startswith("se 9x9x16 to 16 by way of 4 is ")
    del content["rows"][0]
    path.write_text(json.dumps(content))
    assert any("is missing" in line for line in spoilt_rows(read_table(path), SPACE))
    del content["networks"][0]["profiles_ms"]["block_0/expand"]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"measurements of r1_k.* are not whole: KeyError"):
        spoilt_rows(read_table(path), SPACE)


def test_an_operator_that_was_mistimed_shows_in_the_error_and_among_the_suspects(path):
    culprit = Operator("depthwise", 5, 2, 17, 24, 24)

    def mistimed(operator):
        return true_ms(operator) * (30 if operator == culprit else 1)

    table = built(path, Clock(true=mistimed))
    assert spoilt_rows(table, SPACE) == []  # its own measurements say so
    table, checked = check(table, SPACE, Clock(), convert, path, networks=8, seed=0)
    assert mean_error(checked) > 0.1
    assert suspects(table, SPACE, checked)[0] == str(culprit)


def test_a_search_gets_sums_with_their_error_stated(checked_path):
    table = load_checked(str(checked_path), SPACE, SIZE, "none", 0.1)
    latency = TableLatency(table, SPACE.architecture, CLASSES)
    networks = [SPACE.decode(tokens) for tokens in np.ndindex(2, 2, 2)]
    for network, found in zip(networks, latency.measure_all(networks), strict=True):
        operators = operators_of(SPACE.architecture(network), SIZE, CLASSES)
        assert found.value == pytest.approx(sum(true_ms(operator) for _, operator in operators))
        assert "on 4 random networks mean error 0.0%" in found.record["note"]
    assert "Made-up phone" in latency.description
    assert "mean error 0.0%" in latency.description
    assert latency.settings["kind"].startswith("table:")


def test_a_network_with_an_operator_that_is_not_in_the_table_is_infeasible(checked_path):
    table = load_checked(str(checked_path), SPACE, SIZE, "none", 0.1)
    latency = TableLatency(table, SPACE.architecture, CLASSES)
    wider = [
        string.replace("o16", "o17").replace("i16", "i17") for string in to_strings((3, 16, 0))
    ]
    assert decode(wider)[0].output_filters == 17
    with pytest.raises(Infeasible, match="no operator conv 1x1 9x9x24 to 17"):
        latency.measure(tuple(wider))


def other(**changes):
    decisions = [
        dataclasses.replace(DECISIONS[0], choices=(3, 7)),
        *DECISIONS[1:],
    ]
    return {"space": SPACE, "image_size": SIZE, "quantization": "none", "max_error": 0.1} | {
        "other space": {"space": small_space("another")},
        "other decisions": {"space": small_space(decisions=decisions)},
    }.get(changes.get("what"), changes)


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        (other(what="other space"), "is of another space: small, wanted is another"),
        (other(what="other decisions"), "is of another decisions: others"),
        (other(image_size=224), "is of another image_size: 33, wanted is 224"),
        (other(quantization="int8"), "is of another quantization: none, wanted is int8"),
    ],
)
def test_a_table_of_something_else_is_refused(checked_path, wanted, complaint):
    with pytest.raises(ValueError, match=complaint):
        load_checked(str(checked_path), **wanted)


def test_a_table_for_other_classes_is_refused(checked_path):
    table = load_checked(str(checked_path), SPACE, SIZE, "none", 0.1)
    with pytest.raises(ValueError, match="is for 10 classes, the data has 1000"):
        TableLatency(table, SPACE.architecture, 1000)


def test_a_table_that_is_gone_cut_unfinished_unchecked_or_edited_is_refused(path):
    def refused(complaint):
        with pytest.raises(ValueError, match=complaint) as caught:
            load_checked(str(path), SPACE, SIZE, "none", 0.1)
        assert "\n" not in str(caught.value)

    refused("cannot be read: No such file")
    with pytest.raises(PhoneGoneError):
        built(path, Clock(fails_at=2))
    refused(r"has \d+ of 19 operators")
    table = built(path)
    refused("was never checked: run python -m search.latency_table check --table=")
    check(table, SPACE, Clock(), convert, path, networks=4, seed=0)[0].write(path)
    whole = path.read_text()
    for length in range(0, len(whole) - 2, len(whole) // 50):
        path.write_text(whole[:length])
        refused("is no whole latency table")
    content = json.loads(whole)
    content["rows"][3]["ms"] *= 1.001
    path.write_text(json.dumps(content))
    refused("was edited after its check")
    content = json.loads(whole)
    content["check"]["mean_error"] /= 2
    content["check"]["worst_error"] = 0.01
    path.write_text(json.dumps(content))
    refused("was edited after its check")
    for spoilt in ("[]", "null", '{"format": "x", "version": 1}', '{"format": 3}'):
        path.write_text(spoilt)
        refused("is no whole latency table")


def test_a_table_whose_error_is_over_the_limit_is_refused(checked_path):
    table = read_table(checked_path)
    table.checked(table.check | {"mean_error": 0.15}).write(checked_path)
    with pytest.raises(ValueError, match=r"mean error of 15.0%, --max_table_error=0.1 allows"):
        load_checked(str(checked_path), SPACE, SIZE, "none", 0.1)
    assert load_checked(str(checked_path), SPACE, SIZE, "none", 0.2).complete


def test_the_optimum_can_be_proven_with_a_table_where_blocks_add_up():
    space = get_space("accel_nasbench")
    subject = Subject.of(space, 224, 1000, "none")
    operators = SpaceOperators(space, 224, 1000).examples
    rows = tuple(Row(operator, true_ms(operator), (true_ms(operator),)) for operator in operators)
    check_found = {"mean_error": 0.0, "worst_error": 0.0, "kendall_tau": 1.0, "networks": []}
    table = LatencyTable(
        subject, {"device": "Made-up phone"}, len(rows), rows=rows, check=check_found
    )
    latency = TableLatency(table, space.architecture, 1000)
    found = block_latency(space, latency)
    rng = np.random.default_rng(0)
    timed = [latency.measure(space.decode(t)).value for t in space.sample_uniform(rng, 50)]
    assert found.fastest_ms <= min(timed) < max(timed) <= found.slowest_ms
    first = found.network([0] * 7)
    assert latency.measure(space.decode(first)).value == pytest.approx(
        found.base_ms + sum(added[0] for added in found.added_ms)
    )
