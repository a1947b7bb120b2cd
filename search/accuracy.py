"""Top-1 for the search: the one module of it that talks to mnasnet's training."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator

from mnasnet.architectures import Architecture
from mnasnet.data.image_dataset import ImageDataset
from mnasnet.proxy_config import ProxyConfig
from search.evaluators import Evaluation, HardwareError, Infeasible, Network

_CALIBRATION_IMAGES = 100


class ProxyAccuracy:
    """Accuracy by a short training on the proxy task.

    Args:
      dataset: what to train on and to rank by.
      config: how to train.
      architecture_of: a network's blocks with stem and head around them.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        config: ProxyConfig,
        architecture_of: Callable[[Network], Architecture],
    ):
        # Imported here: TensorFlow takes seconds, and --help does without.
        from mnasnet.proxy_task import ProxyTask

        self._task = ProxyTask(dataset, config)
        self._dataset, self._config, self._architecture_of = dataset, config, architecture_of
        self.settings = {
            "kind": "proxy",
            "dataset": dataset.name,
            "num_train": dataset.num_train,
            "num_validation": dataset.num_validation,
            **dataclasses.asdict(config),
        }
        self.description = (
            f"top-1 on {dataset.num_validation:,} held-out images after {config.epochs} "
            f"epoch{'s' if config.epochs > 1 else ''} of {dataset.name} at {config.image_size} px "
            "(proxy task, no full training)"
        )

    def evaluate(self, network: Network) -> Evaluation:
        """See AccuracyEvaluator."""
        with _failures_told():
            result = self._task.evaluate(self._architecture_of(network))
        record = {"kind": "proxy", **dataclasses.asdict(result)}
        return Evaluation(record.pop("top1"), record)

    def cost(self, network: Network, max_seconds: float):
        """What `evaluate` would take, from part of it; see `mnasnet.proxy_cost`."""
        from mnasnet.proxy_cost import proxy_cost

        return proxy_cost(self._dataset, self._config, self._architecture_of(network), max_seconds)

    def tflite(self, network: Network, image_size: int, quantization: str) -> bytes:
        """The network as `evaluate` trains it, as a .tflite file.

        On processors of one kind training gives the same weights each time, so the file has the
        accuracy that was measured where `image_size` is that of the proxy task and nothing is
        quantized.

        Args:
          network: block strings.
          image_size: height and width of the images that the file takes.
          quantization: see `tflite_bench.convert`; int8 is calibrated on held-out images.

        Raises:
          Infeasible: where it cannot be trained or converted.
          HardwareError: where what it is trained on fails.
        """
        from mnasnet.model import build_model
        from tflite_bench.convert import ConversionError, to_tflite

        architecture = self._architecture_of(network)
        with _failures_told():
            model = self._task.train(architecture)
        if image_size != model.input_shape[1]:
            trained = model
            model = build_model(
                architecture, num_classes=trained.output_shape[-1], image_size=image_size
            )
            model.set_weights(trained.get_weights())
        calibration = self._images(image_size) if quantization == "int8" else None
        try:
            return to_tflite(model, quantization=quantization, representative=calibration)
        except ConversionError as error:
            raise Infeasible(str(error)) from error

    def _images(self, image_size: int):
        """Held-out images [1, S, S, 3] in 0..255 to calibrate a quantization on."""
        import tensorflow as tf

        batch, _ = next(iter(self._dataset.validation_batches(_CALIBRATION_IMAGES)))
        resized = tf.image.resize(batch, (image_size, image_size)).numpy()
        return [image[None] for image in resized[: self._dataset.num_validation]]


@contextlib.contextmanager
def _failures_told() -> Iterator[None]:
    """Tells failures of the network and those of the hardware apart."""
    import tensorflow as tf

    from mnasnet.proxy_task import TrainingDiverged

    try:
        yield
    except TrainingDiverged as error:
        raise Infeasible(str(error)) from error
    except tf.errors.ResourceExhaustedError as error:
        raise Infeasible(f"the network needs more memory than there is: {error}") from error
    except (
        tf.errors.InternalError,
        tf.errors.UnknownError,
        tf.errors.UnavailableError,
    ) as error:
        raise HardwareError(" ".join(str(error).split())) from error
