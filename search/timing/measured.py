"""Latency by a clock, whichever: the untrained network, converted to TFLite and timed."""

from collections.abc import Callable
from typing import Protocol

from mnasnet.architectures import Architecture
from search.evaluators import Evaluation, Infeasible, Network
from search.timing.untrained import untrained_tflites
from tflite_bench.convert import ConversionError
from tflite_bench.measurement import MeasurementError


class Timer(Protocol):
    """A clock as a search asks it; `time` may be called from several threads.

    Attributes:
      settings: what its numbers depend on, JSON-able.
      description: what it is and how it times, in a few words.
      at_once: how many networks it times at a time, on devices that it waits for; None for a clock
        that needs this machine's processor for itself.
    """

    settings: dict
    description: str
    at_once: int | None

    def time(self, tflite: bytes) -> Evaluation:
        """Milliseconds of one network, with their provenance as the record.

        Raises:
          MeasurementError: where the network cannot be timed.
          DeviceError: where the device fails, whatever the network.
        """


class MeasuredLatency:
    """A LatencyEvaluator that asks a clock; `measure` may be called from several threads.

    Args:
      timer: the clock.
      image_size: height and width of the images at which the latency counts.
      quantizations: of the files that are timed. The first one's latency counts; those of the
        others stand in the record under 'also', with the reason where there is none.
      architecture_of: a network's blocks with stem and head around them.
      num_classes: of the classifier that is timed with the network.
    """

    def __init__(
        self,
        timer: Timer,
        image_size: int,
        quantizations: tuple[str, ...],
        architecture_of: Callable[[Network], Architecture],
        num_classes: int,
    ):
        self._timer, self._image_size, self._quantizations = timer, image_size, quantizations
        self._architecture_of, self._num_classes = architecture_of, num_classes
        self.at_once = timer.at_once
        first, *also = quantizations
        self.settings = {
            "image_size": image_size,
            "quantization": first,
            "num_classes": num_classes,
            **timer.settings,
        }
        self.description = f"{timer.description}, {image_size} px, {_in_words(first)}"
        if also:
            self.settings["also"] = also
            self.description += f" (also timed: {', '.join(map(_in_words, also))})"

    def measure(self, network: Network) -> Evaluation:
        """See LatencyEvaluator.

        Raises:
          Infeasible: where the network cannot be converted, or the clock refuses it.
          DeviceError: where the device fails: that is no trial.
        """
        try:
            first, *others = untrained_tflites(
                self._architecture_of(network),
                image_size=self._image_size,
                num_classes=self._num_classes,
                quantizations=self._quantizations,
            )
            evaluation = self._timer.time(first)
        except (ConversionError, MeasurementError) as error:
            raise Infeasible(str(error)) from error
        if not others:
            return evaluation
        also = [
            self._beside(quantization, tflite)
            for quantization, tflite in zip(self._quantizations[1:], others, strict=True)
        ]
        return Evaluation(evaluation.value, {**evaluation.record, "also": also})

    def _beside(self, quantization: str, tflite: bytes) -> dict:
        """The record of a file whose latency does not count, nor then its failure."""
        try:
            evaluation = self._timer.time(tflite)
        except MeasurementError as error:
            return {"quantization": quantization, "reason": str(error)}
        return {**evaluation.record, "quantization": quantization, "latency_ms": evaluation.value}


def _in_words(quantization: str) -> str:
    return "float32" if quantization == "none" else quantization
