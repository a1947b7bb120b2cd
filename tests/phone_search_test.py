"""A search with phones as its clock, on phones that are made up; see phone_search_lab_test."""

import dataclasses
import io
import re
import threading
import types
import typing

import pytest
from absl import flags
from phone_lab import ROOT

from search import latency as latency_module
from search import search_flags
from search.evaluators import Infeasible
from search.latency import LatencyConfig, make_latency, make_timer
from search.loop import SearchConfig, run_search, search_settings
from search.progress import Progress
from search.report import write_report
from search.reward import RewardConfig, reward
from search.search_space import get_space
from search.timing import measured, phone_timer
from search.timing.phone_journal import PhoneJournal
from search.timing.phone_timer import SeveralModels
from search.trials import Measured, Trial, TrialStore
from search.workdir import SettingsMismatch, Workdir, check_settings
from tflite_bench.command_line import SurroundingsError
from tflite_bench.device_errors import DeviceError, NoPhoneError, UnauthorizedError
from tflite_bench.devices import DeviceConfig
from tflite_bench.measurement import MeasurementError, PhoneConditions, from_repeats
from tflite_bench.shelf_config import Event

SPACE = get_space("mnasnet", "mobilenet-v2")
REWARD = RewardConfig(target_latency_ms=75.0)


@pytest.fixture
def tool(tmp_path):
    """A file that looks like a program for a phone."""
    path = tmp_path / "benchmark_model"
    path.write_bytes(b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little"))
    return str(path)


def timed(ms, *, model="Google Pixel", serial="A", drift=0.0, uncorrected_ms=None, hot=31.0):
    """A measurement as a shelf of phones gives it."""
    return from_repeats(
        [ms],
        tflite=b"",
        runs=50,
        warmup_runs=10,
        num_threads=1,
        clock="wall",
        device=model,
        tool="benchmark_model",
        tool_version="1",
        quantization="none",
        phone=PhoneConditions(
            serial, f"HW-{serial}", model, "11", "arm64-v8a", "f0", (30.0, hot), (0, 0), drift,
            uncorrected_ms,
        ),
    )  # fmt: skip


class FakeShelf:
    """Phones that are scripted: model -> answers, latencies in ms or errors to raise, in turn."""

    opened: typing.ClassVar[list["FakeShelf"]] = []

    def __init__(self, scripts, config, reference, first_ms, on_event):
        self.config, self.reference, self.given_first_ms = config, reference, dict(first_ms or {})
        self.models = [config.shelf.roster.device_model or model for model in scripts]
        if config.shelf.roster.device_model is None and not config.shelf.roster.mix_models:
            self.models = self.models[:1]
        self.device, self.scripts = self.models[0], scripts
        self.first_ms = {f"HW-{self.device}": 9.0}
        self.on_event = on_event
        FakeShelf.opened.append(self)

    @property
    def phones(self):
        return [
            types.SimpleNamespace(
                cpu_mask=0xF0,
                phone=types.SimpleNamespace(
                    model=model, serial=f"S-{model}", names=(model, model.partition(" ")[2])
                ),
            )
            for model in self.models
        ]

    def measure(self, tflite):
        del tflite
        answers = self.scripts[self.device]
        answer = answers.pop(0) if answers else 10.0
        if isinstance(answer, Exception):
            raise answer
        return timed(answer, model=self.device)


@pytest.fixture
def phones(monkeypatch):
    """Puts scripted phones in the place of real ones, and networks of three bytes."""

    def attach(**scripts):
        scripts = {model.replace("_", " "): answers for model, answers in scripts.items()}

        def shelf(config, *, reference=None, first_ms=None, on_event=lambda event: None):
            return FakeShelf(scripts, config, reference, first_ms, on_event)

        monkeypatch.setattr(phone_timer, "phone_shelf", shelf)

    def tflites(architecture, *, image_size, num_classes, quantizations):
        return [quantization.encode() for quantization in quantizations]

    monkeypatch.setattr(measured, "untrained_tflites", tflites)
    monkeypatch.setattr(latency_module, "untrained_tflites", tflites)
    monkeypatch.setattr(FakeShelf, "opened", [])
    return attach


def on_phones(tool, *, mix_models=False, **fields):
    config = DeviceConfig(on_phones=True, benchmark_model=tool)
    if mix_models:
        roster = dataclasses.replace(config.shelf.roster, mix_models=True)
        shelf = dataclasses.replace(config.shelf, roster=roster)
        config = dataclasses.replace(config, shelf=shelf)
    return LatencyConfig(kind="phone", device=config, **fields)


def evaluator(config, journal=None):
    timer = make_timer(config, num_classes=10, journal=journal)
    return make_latency(config, SPACE.architecture, None, 10, timer)


NETWORK = SPACE.decode([0] * len(SPACE.decisions))


def searched(latency, max_trials=4, **fields):
    config = SearchConfig(reward=REWARD, max_trials=max_trials, batch_size=2, algorithm="random")
    return run_search(SPACE, lambda network: 0.7, latency, config, **fields)


def test_a_latency_from_a_phone_has_its_whole_provenance(phones, tool):
    phones(Google_Pixel=[76.5])
    evaluation = evaluator(on_phones(tool)).measure(NETWORK)
    assert evaluation.value == 76.5
    assert evaluation.record["kind"] == "phone"
    assert evaluation.record["phone"]["temperature_c"] == (30.0, 31.0)
    assert evaluation.record["repeats_ms"] == (76.5,)


def test_a_search_depends_on_the_phones_model_and_tool_and_not_on_which_phone_it_is(phones, tool):
    phones(Google_Pixel=[])
    latency = evaluator(on_phones(tool))
    told = {name: latency.settings[name] for name in ("kind", "device", "cpu_mask", "reference")}
    assert told == {
        "kind": "phone",
        "device": "Google Pixel",
        "cpu_mask": {"Google Pixel": "f0"},
        "reference": "mnasnet-small",
    }
    assert len(latency.settings["tool_sha256"]) == 64
    assert "S-Google Pixel" not in str(latency.settings)
    assert latency.description == (
        "TFLite's benchmark_model on 1 x Google Pixel, 1 thread on xnnpack, median wall time of an "
        "inference, 224 px, float32"
    )


def test_a_search_does_not_go_on_with_phones_of_another_model(phones, tool):
    config = SearchConfig(reward=REWARD)
    store = TrialStore(":memory:")
    phones(Google_Pixel=[])
    check_settings(store, search_settings(SPACE, None, evaluator(on_phones(tool)), config))
    phones(Google_Pixel=[])
    check_settings(store, search_settings(SPACE, None, evaluator(on_phones(tool)), config))
    phones(Google_Pixel_2=[])
    other = search_settings(SPACE, None, evaluator(on_phones(tool)), config)
    with pytest.raises(SettingsMismatch, match="device is 'Google Pixel' there, 'Google Pixel 2'"):
        check_settings(store, other)


@pytest.mark.parametrize(
    "error",
    [
        NoPhoneError("no phone is attached: plug one in"),
        UnauthorizedError("phone A is unauthorised: unlock it"),
        DeviceError("no phone can be used: phone A ...; phone B ..."),
        ValueError("phones of several models are not mixed, choose one with --device_model"),
    ],
)
def test_what_speaks_against_phones_at_the_start_is_told_as_it_is(monkeypatch, tool, error):
    def shelf(config, **fields):
        raise error

    monkeypatch.setattr(phone_timer, "phone_shelf", shelf)
    with pytest.raises(type(error)) as refusal:
        evaluator(on_phones(tool))
    assert refusal.value is error


def test_a_network_that_the_tool_refuses_is_infeasible(phones, tool):
    phones(Google_Pixel=[MeasurementError("benchmark_model refuses the network: custom op")])
    with pytest.raises(Infeasible, match="refuses the network: custom op"):
        evaluator(on_phones(tool)).measure(NETWORK)


def test_a_phone_that_fails_ends_the_search_and_makes_no_trial(phones, tool, tmp_path):
    phones(Google_Pixel=[70.0, DeviceError("4 measurements of one network failed"), 80.0])
    with Workdir(tmp_path) as workdir:
        latency = evaluator(on_phones(tool))
        with pytest.raises(SurroundingsError, match="4 measurements of one network failed"):
            searched(latency, workdir=workdir)
        recorded = [trial.measured.latency_ms for trial in workdir.store.trials()]
        assert recorded == [70.0][: len(recorded)]
        # It goes on from there.
        assert len(searched(latency, workdir=workdir).trials) == 4


def test_phones_are_only_looked_at_until_the_first_network_is_timed(phones, tool):
    phones(Google_Pixel=[])
    latency = evaluator(on_phones(tool))
    assert [shelf.reference for shelf in FakeShelf.opened] == [None]
    threads = [threading.Thread(target=latency.measure, args=(NETWORK,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [shelf.reference for shelf in FakeShelf.opened] == [None, b"none"]


def test_what_the_reference_took_at_first_outlives_the_process(phones, tool):
    phones(Google_Pixel=[])
    store = TrialStore(":memory:")
    for life in range(2):
        journal = PhoneJournal()
        latency = evaluator(on_phones(tool), journal)
        journal.attach(store, lambda line: None)
        latency.measure(NETWORK)
        given = FakeShelf.opened[-1].given_first_ms
        assert given == ({"HW-Google Pixel": 9.0} if life else {})


def test_events_of_any_thread_are_kept_and_told_also_those_from_before_there_was_a_folder(capsys):
    journal, told, store = PhoneJournal(), [], TrialStore(":memory:")
    journal.on_event(Event("found", "A", "phone A: Google Pixel", 1000.5))
    journal.attach(store, told.append)
    gone = Event("gone", "A", "phone A is gone", 1001.0)
    thread = threading.Thread(target=journal.on_event, args=(gone,))
    thread.start()
    thread.join()
    assert capsys.readouterr().err == "phone A: Google Pixel\n"
    assert told == ["phone A is gone"]
    assert store.events() == [
        {"time": 1000.5, "kind": "found", "serial": "A", "message": "phone A: Google Pixel"},
        {"time": 1001.0, "kind": "gone", "serial": "A", "message": "phone A is gone"},
    ]
    store.close()
    journal.on_event(Event("found", "A", "phone A serves again", 1002.0))  # nobody reads it
    assert told[-1] == "phone A serves again"


def test_of_several_quantizations_the_first_counts_and_all_are_kept(phones, tool):
    phones(Google_Pixel=[20.0, 11.0, MeasurementError("refused")])
    latency = evaluator(on_phones(tool, also=("int8", "float16")))
    evaluation = latency.measure(NETWORK)
    assert evaluation.value == 20.0
    int8, float16 = evaluation.record["also"]
    assert (int8["quantization"], int8["latency_ms"], int8["phone"]["serial"]) == (
        "int8",
        11.0,
        "A",
    )
    assert float16 == {"quantization": "float16", "reason": "refused"}
    assert latency.description.endswith("224 px, float32 (also timed: int8, float16)")


@pytest.mark.parametrize(
    ("how", "expected"),
    # 60 of 75 ms are a share of 0.8, 36 of 30 ms 1.2; the first target is 75 ms.
    [("max", 1.2 * 75), ("mean", 1.0 * 75)],
)
def test_over_several_models_the_largest_or_mean_share_of_the_targets_counts(
    phones, tool, how, expected
):
    phones(Google_Pixel_6=[36.0], Google_Pixel_2=[60.0])
    several = SeveralModels(how, (("Pixel 2", 75.0), ("Google Pixel 6", 30.0)))
    latency = evaluator(on_phones(tool, mix_models=True, several=several))
    evaluation = latency.measure(NETWORK)
    assert evaluation.value == pytest.approx(expected)
    kept = [
        (one["phone"]["model"], one["latency_ms"], one["target_ms"])
        for one in evaluation.record["devices"]
    ]
    assert kept == [("Google Pixel 2", 60.0, 75.0), ("Google Pixel 6", 36.0, 30.0)]
    rosters = [shelf.config.shelf.roster for shelf in FakeShelf.opened[1:]]
    assert [(r.device_model, r.serials, r.mix_models) for r in rosters] == [
        ("Google Pixel 2", ("S-Google Pixel 2",), False),
        ("Google Pixel 6", ("S-Google Pixel 6",), False),
    ]


def test_each_model_must_have_a_target_and_each_target_a_phone(phones, tool):
    phones(Google_Pixel_2=[], Google_Pixel_6=[], Nokia_8=[])
    both = SeveralModels("max", (("Pixel 2", 75.0), ("Pixel 6", 30.0)))
    with pytest.raises(ValueError, match="a Nokia 8 is attached and has no target"):
        evaluator(on_phones(tool, mix_models=True, several=both))
    other = SeveralModels("max", (("Pixel 2", 75.0), ("Pixel 9", 30.0)))
    with pytest.raises(ValueError, match="names Pixel 9, the phones attached are Google Pixel 2,"):
        evaluator(on_phones(tool, mix_models=True, several=other))
    twice = SeveralModels("max", (("Pixel 2", 75.0), ("Google Pixel 2", 30.0)))
    with pytest.raises(ValueError, match="names the Google Pixel 2 twice"):
        evaluator(on_phones(tool, mix_models=True, several=twice))


@pytest.fixture
def parse(tool):
    yield lambda *arguments: flags.FLAGS(["test", f"--benchmark_model={tool}", *arguments])
    flags.FLAGS.unparse_flags()
    for module_flags in flags.FLAGS.flags_by_module_dict().values():
        for flag in module_flags:
            flag.unparse()


def test_a_search_on_phones_takes_those_that_are_attached_unless_told_otherwise(parse):
    parse("--latency=phone")
    device = search_flags.latency_config().device
    assert (device.on_phones, device.shelf.roster.serials) == (True, ())
    parse("--latency=phone", "--device=A,B", "--latency_quantization=int8,none")
    config = search_flags.latency_config()
    assert config.device.shelf.roster.serials == ("A", "B")
    assert (config.quantization, config.also) == ("int8", ("none",))


def test_the_flagfile_of_the_papers_search_asks_phones_for_what_the_paper_timed(parse):
    parse(f"--flagfile={ROOT / 'flags' / 'pixel.flags'}")
    config = search_flags.latency_config()
    tool = config.device.tool
    assert (config.kind, config.image_size, config.quantization) == ("phone", 224, "none")
    assert (tool.num_threads, tool.runs, tool.max_spread) == (1, 50, 0.05)
    assert search_flags.search_config().reward == REWARD


def test_the_first_device_s_target_is_that_of_the_reward(parse):
    parse(
        "--latency=phone",
        "--latency_over_devices=mean",
        "--device_targets=Pixel 2=80,Pixel 6=30.5",
    )
    several = SeveralModels("mean", (("Pixel 2", 80.0), ("Pixel 6", 30.5)))
    assert search_flags.latency_config().several == several
    assert search_flags.latency_config().device.shelf.roster.mix_models
    assert search_flags.search_config().reward.target_latency_ms == 80.0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--latency=host --device=auto", "--latency=host does not time on phones, --latency=phone"),
        ("--latency=phone --device=host", "--latency=phone needs phones: --device=auto"),
        ("--latency=phone --device_targets=A=1,B=2", "needs --latency_over_devices=max or mean"),
        ("--latency=phone --latency_over_devices=max", "names none: two different phone models"),
        ("--latency=phone --latency_over_devices=max --device_targets=A=1", "names A: two diff"),
        ("--latency=phone --latency_over_devices=max --device_targets=A,B=2", "holds 'A', must be"),
        ("--latency=phone --latency_over_devices=max --device_targets=A=0,B=2", "of A is 0.0 ms"),
        ("--latency=host --latency_over_devices=max --device_targets=A=1,B=2", "is for --latency="),
        ("--latency_quantization=none,int7", "latency_quantization is 'int7', must be one of none"),
        ("--latency_quantization=none,none", "each may be named once"),
    ],
)
def test_flags_that_do_not_fit_are_refused(parse, given, told):
    parse(*given.split())
    with pytest.raises(ValueError, match=told):
        search_flags.latency_config()


def test_two_targets_that_disagree_are_refused(parse):
    parse(
        "--latency=phone",
        "--latency_over_devices=max",
        "--device_targets=Pixel 2=80,Pixel 6=30",
        "--target_latency_ms=75",
    )
    with pytest.raises(ValueError, match="--target_latency_ms=75 is not the target of Pixel 2"):
        search_flags.search_config()


def trial(number, *measurements, **more):
    latency_ms = measurements[0].latency_ms
    record = {"kind": "phone", **dataclasses.asdict(measurements[0]), **more}
    value = reward(0.5, latency_ms, REWARD)
    found = Measured(
        (f"network {number}",), 0.5, latency_ms, value, records={"latency": record}
    )  # fmt: skip
    return Trial(number, (number,), found)


def test_the_report_tells_of_each_phone_and_of_what_happened(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    int8 = {"quantization": "int8", **dataclasses.asdict(timed(5.0, serial="B"))}
    store.append(
        [
            trial(0, timed(70.0, hot=33.5)),
            trial(1, timed(71.0, drift=0.081, uncorrected_ms=76.8), also=[int8]),
        ]
    )
    store.add_event(0.0, "gone", "A", "phone A is <gone>")
    html = write_report(tmp_path, store).read_text(encoding="utf-8")
    part = html.partition("<h2>Phones</h2>")[2].partition("</section>")[0]
    # Phone A: 2 measurements, one of them corrected; B: the one of the int8 file.
    for cells in (
        ("A", "Google Pixel", "f0", "gone", "2", "+0.0 to +8.1 %", "1", "30.0 to 33.5 °C"),
        ("B", "Google Pixel", "f0", "-", "1", "+0.0 %", "0", "30.0 to 31.0 °C"),
    ):
        row = [line for line in part.splitlines() if f'<td class="">{cells[0]}<' in line]
        assert [cell for cell in cells if f">{cell}<" not in row[0]] == []
    run = html.partition("What the run was</h2>")[2]
    assert '<td class="">phones, which timed</td><td class="">2 x Google Pixel</td>' in run
    assert "1 event: gone 1." in part
    assert "1970-01-01 00:00:00" in part
    assert "phone A is &lt;gone&gt;" in part


def phone_rows(html):
    part = html.partition("<h2>Phones</h2>")[2].partition("</table>")[0]
    return [re.findall("<td[^>]*>(.*?)</td>", line) for line in part.splitlines() if "<td" in line]


def test_the_report_lists_phones_that_never_measured_with_their_state(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    store.append([trial(0, timed(70.0, serial="A"))])
    # As the roster and the shelf word them.
    for kind, serial, message in (
        ("found", "A", "phone A: Google Pixel, cores f0"),
        ("found", "usb:1", "phone usb:1: Google Pixel, cores f0"),
        ("unfit", "C", "phone C is a Nokia 3, not the --device_model=Pixel"),
        ("hot", "usb:1", "phone usb:1 cools down: battery at 41 °C"),
        ("waiting", "", "waiting for a phone: A is gone"),
        ("drift", "A", "phone A drifted by +6.0%"),
    ):
        store.add_event(0.0, kind, serial, message)
    rows = phone_rows(write_report(tmp_path, store).read_text(encoding="utf-8"))
    assert [row[:5] for row in rows] == [
        ["A", "Google Pixel", "f0", "ready", "1"],
        ["usb:1", "Google Pixel", "f0", "cooling down", "0"],
        ["C", "-", "-", "cannot be used", "0"],
    ]


def test_the_report_tells_phones_of_several_hosts_apart(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    store.append([trial(0, timed(70.0, serial="emulator-5554"), host="north")])
    # As the phones of a Ray cluster's hosts have it.
    for kind, serial, message in (
        ("found", "emulator-5554", "host north: phone emulator-5554: Google Pixel, cores f0"),
        ("found", "emulator-5554", "host south: phone emulator-5554: Google Pixel, cores f0"),
        ("gone", "emulator-5554", "host south: phone emulator-5554 is gone"),
    ):
        store.add_event(0.0, kind, serial, message)
    rows = phone_rows(write_report(tmp_path, store).read_text(encoding="utf-8"))
    assert [row[:5] for row in rows] == [
        ["emulator-5554 on north", "Google Pixel", "f0", "ready", "1"],
        ["emulator-5554 on south", "Google Pixel", "f0", "gone", "0"],
    ]


def test_a_phone_by_cable_and_by_network_is_one_row(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    by_network = dataclasses.replace(
        timed(70.0).phone, serial="10.0.0.7:5555", hardware_serial="HW-A"
    )
    store.append(
        [trial(0, timed(70.0)), trial(1, dataclasses.replace(timed(71.0), phone=by_network))]
    )
    store.add_event(0.0, "gone", "10.0.0.7:5555", "phone 10.0.0.7:5555 is gone")
    rows = phone_rows(write_report(tmp_path, store).read_text(encoding="utf-8"))
    assert [row[:5] for row in rows] == [["A, 10.0.0.7:5555", "Google Pixel", "f0", "gone", "2"]]


def test_the_report_tells_the_best_networks_latency_on_each_model_and_in_each_quantization(
    tmp_path,
):
    store = TrialStore(tmp_path / "search.sqlite")
    devices = [
        {"target_ms": 75.0, **dataclasses.asdict(timed(60.0))},
        {"target_ms": 30.0, **dataclasses.asdict(timed(36.0, model="Google Pixel 6"))},
    ]
    also = [{"quantization": "int8", "reason": "refused"}]
    record = {"kind": "phone", "over_devices": "max", "devices": devices, "also": also}
    found = Measured(("network",), 0.5, 90.0, 0.5, records={"latency": record})
    store.append([Trial(0, (0,), found)])
    html = write_report(tmp_path, store).read_text(encoding="utf-8")
    assert (
        "The best network: 60.0 ms on Google Pixel (target 75.0 ms), 36.0 ms on Google Pixel 6 "
        "(target 30.0 ms)."
    ) in html
    assert "The best network as int8: refused." in html


def test_progress_shows_an_event_as_a_line_whatever_characters_are_in_it():
    stream = io.StringIO()
    Progress(4, stream=stream).event("phone A [usb] is gone")
    assert stream.getvalue() == "phone A [usb] is gone\n"


def test_the_report_of_a_search_without_phones_says_nothing_of_them(tmp_path):
    store = TrialStore(tmp_path / "search.sqlite")
    assert store.events() == []
    assert "<h2>Phones</h2>" not in write_report(tmp_path, store).read_text(encoding="utf-8")
