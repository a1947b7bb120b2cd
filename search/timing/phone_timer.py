"""The clock on phones, as a search asks it."""

import dataclasses
import threading
from collections.abc import Callable, Sequence

from search.evaluators import Evaluation
from search.timing.phone_journal import PhoneJournal
from search.timing.tool_settings import tool_in_words, tool_settings
from tflite_bench.device_errors import DeviceError
from tflite_bench.devices import DeviceConfig, phone_shelf
from tflite_bench.phone_clock import PhoneClock
from tflite_bench.shelf import PhoneShelf

KIND = "phone"
# Latencies of phone models as shares of their targets -> the share that counts.
OVER_DEVICES: dict[str, Callable[[Sequence[float]], float]] = {
    "max": max,
    "mean": lambda shares: sum(shares) / len(shares),
}


@dataclasses.dataclass(frozen=True)
class SeveralModels:
    """How phones of several models make one latency.

    That is max or mean over the models of latency / target, times the first model's target: with
    that as T, a reward's latency / T is the max or mean.

    Attributes:
      how: a key of OVER_DEVICES.
      targets: (phone model, its target in ms), the first one's being the T of the reward.

    Raises:
      ValueError: for anything else.
    """

    how: str
    targets: tuple[tuple[str, float], ...]

    def __post_init__(self):
        if self.how not in OVER_DEVICES:
            raise ValueError(
                f"unknown latency_over_devices {self.how!r}, known are {', '.join(OVER_DEVICES)}"
            )
        if len(dict(self.targets)) != len(self.targets) or len(self.targets) < 2:
            names = ", ".join(model for model, _ in self.targets) or "none"
            raise ValueError(
                f"device_targets names {names}: two different phone models or more are needed, "
                "each with its target: 'Pixel 2=75,Pixel 6=30'"
            )
        for model, target_ms in self.targets:
            if not target_ms > 0:
                raise ValueError(f"the target of {model} is {target_ms} ms, must be over 0")

    def latency_ms(self, measured_ms: Sequence[float]) -> float:
        """The one latency, from those of the models in the order of `targets`."""
        targets = [target_ms for _, target_ms in self.targets]
        shares = [ms / target_ms for ms, target_ms in zip(measured_ms, targets, strict=True)]
        return OVER_DEVICES[self.how](shares) * targets[0]


class PhoneTimer:
    """A Timer on phones of one model, or on those of several models in turn.

    It looks at the phones when it is made, and opens the shelf of each model with the first network
    that is timed: only then is there a reference network, and a search that has kept what phones
    timed it at first.

    Args:
      device: which phones, and how.
      reference: makes the network by which drift is seen.
      reference_name: what that is, for the record.
      journal: is told what happens.
      several: None for phones of one model.

    Raises:
      ValueError: where the models of the phones, or the binary, do not do; it says what to do.
      DeviceError: as `phone_shelf`.
    """

    def __init__(
        self,
        device: DeviceConfig,
        reference: Callable[[], bytes],
        reference_name: str,
        journal: PhoneJournal,
        several: SeveralModels | None = None,
    ):
        self._reference, self._journal, self._several = reference, journal, several
        self._shelves: list[PhoneShelf] = []
        self._opening = threading.Lock()
        found = _phones(device, several)
        self._devices = {model: device for model in found}
        if several:
            self._devices = {
                model: _only(device, model, [clock.phone.serial for clock in clocks])
                for model, clocks in found.items()
            }
        self.settings = {
            "kind": KIND,
            "device": ", ".join(found),
            **tool_settings(device),
            "cpu_mask": {model: f"{clocks[0].cpu_mask:x}" for model, clocks in found.items()},
            "reference": reference_name,
        }
        # A network is timed on a phone of each model.
        self.at_once = min(map(len, found.values()))
        phones = [f"{len(clocks)} x {model}" for model, clocks in found.items()]
        self.description = (
            f"TFLite's benchmark_model on {', '.join(phones)}, {tool_in_words(device)}, median "
            "wall time of an inference"
        )
        if several:
            self.settings["over_devices"] = dataclasses.asdict(several)
            targets = ", ".join(f"{model} {ms:g} ms" for model, ms in several.targets)
            self.description += (
                f"; {several.how} over the models of latency / target ({targets}), times the first "
                "target"
            )

    def time(self, tflite: bytes) -> Evaluation:
        """See Timer; waits while no phone is there."""
        measured = []
        for shelf in self._opened():
            measured.append(shelf.measure(tflite))
            self._journal.remember(shelf.first_ms)
        if self._several is None:
            return Evaluation(
                measured[0].latency_ms, {"kind": KIND, **dataclasses.asdict(measured[0])}
            )
        latency_ms = self._several.latency_ms([one.latency_ms for one in measured])
        devices = [
            {"target_ms": target_ms, **dataclasses.asdict(one)}
            for (_, target_ms), one in zip(self._several.targets, measured, strict=True)
        ]
        record = {"kind": KIND, "over_devices": self._several.how, "devices": devices}
        return Evaluation(latency_ms, record)

    def _opened(self) -> list[PhoneShelf]:
        """The shelves, in the order of the targets; DeviceError where phones have left already."""
        with self._opening:
            if not self._shelves:
                reference = self._reference()
                shelves = []
                for model, device in self._devices.items():
                    shelf = phone_shelf(
                        device,
                        reference=reference,
                        first_ms=self._journal.first_ms,
                        on_event=self._journal.on_event,
                    )
                    if shelf.device != model:
                        raise DeviceError(f"the phones were {model}, now they are {shelf.device}")
                    shelves.append(shelf)
                self._shelves = shelves
            return self._shelves


def _phones(device: DeviceConfig, several: SeveralModels | None) -> dict[str, list[PhoneClock]]:
    """Model -> clocks, in the order of the targets where there are several models."""
    found: dict[str, list[PhoneClock]] = {}
    for clock in phone_shelf(device).phones:
        found.setdefault(clock.phone.model, []).append(clock)
    if several is None:
        return found
    ordered = {}
    for name, _ in several.targets:
        models = [
            model
            for model, its in found.items()
            if name.lower() in {known.lower() for known in its[0].phone.names}
        ]
        if not models:
            raise ValueError(
                f"device_targets names {name}, the phones attached are {', '.join(found)}"
            )
        if models[0] in ordered:
            raise ValueError(f"device_targets names the {models[0]} twice, with and without maker")
        ordered[models[0]] = found[models[0]]
    without = [model for model in found if model not in ordered]
    if without:
        raise ValueError(
            f"a {without[0]} is attached and has no target in device_targets: give it one, or "
            "choose phones with --device=SERIALS"
        )
    return ordered


def _only(device: DeviceConfig, model: str, serials: Sequence[str]) -> DeviceConfig:
    """The same, with phones of one model."""
    roster = dataclasses.replace(
        device.shelf.roster, serials=tuple(serials), device_model=model, mix_models=False
    )
    return dataclasses.replace(device, shelf=dataclasses.replace(device.shelf, roster=roster))
