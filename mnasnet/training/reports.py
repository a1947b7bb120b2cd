"""What a training says while it runs: one line a report, with numbers for people."""

import time
from collections.abc import Mapping

import orbit
import tensorflow as tf

# Name in the engine's output, words around it in the line, how the number is written.
_TRAINED = (
    ("training_loss", "loss {}", "8.4f"),
    ("learning_rate", "learning rate {}", "9.3e"),
    ("images_per_second", "{} images/s", "9,.1f"),
    ("current_epoch", "epoch {}", "7.2f"),
)
_EVALUATED = (
    ("loss", "loss {}", "8.4f"),
    ("top_1_accuracy", "top-1 {}", "6.4f"),
    ("top_5_accuracy", "top-5 {}", "6.4f"),
    ("best_top_1_accuracy", "best top-1 {}", "6.4f"),
    ("steps_per_second", "{} steps/s", "5.1f"),
)


def trained_line(step: int, output: Mapping[str, float]) -> str:
    """One loop of training; what `output` has not got, as the speed of the first, is a dash."""
    return _line("train", step, output, _TRAINED)


def evaluated_line(step: int, output: Mapping[str, float]) -> str:
    """One evaluation."""
    return _line(" eval", step, output, _EVALUATED)


class Controller(orbit.Controller):
    """The engine's loop with these lines.

    Differs from the engine's: its reports are dictionaries over several lines, with numbers as
    NumPy writes them in programs, `np.float32(0.5)`.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._reported = None

    def evaluate(self, steps: int = -1) -> dict[str, float]:
        """Evaluates, and writes what comes of it to the summaries.

        Args:
          steps: batches, at least 1.

        Returns:
          Metrics by name, and steps_per_second.
        """
        began = time.perf_counter()
        with self.eval_summary_manager.summary_writer().as_default():
            output = _numbers(self.evaluator.evaluate(tf.constant(steps, tf.int32)))
        output["steps_per_second"] = steps / (time.perf_counter() - began)
        print(evaluated_line(self._step(), output), flush=True)
        _write(self.eval_summary_manager, output)
        return output

    def _train_n_steps(self, num_steps: int) -> None:
        self._reported = self._reported or time.perf_counter()
        # Hosts other than the chief write none, and have no interval.
        due = self._due if self.summary_interval else False
        with self.summary_manager.summary_writer().as_default(), tf.summary.record_if(due):
            output = self.trainer.train(tf.constant(int(num_steps), tf.int32))
        for action in self.train_actions:
            action(output)
        output = _numbers(output)
        print(trained_line(self._step(), output), flush=True)
        # From report to report, with what is between them: evaluations and checkpoints.
        before, self._reported = self._reported, time.perf_counter()
        output["steps_per_second"] = int(num_steps) / (self._reported - before)
        _write(self.summary_manager, output)

    def _due(self) -> tf.Tensor:
        return self.global_step % self.summary_interval == 0

    def _step(self) -> int:
        return int(self.global_step.numpy())


def _line(kind: str, step: int, output: Mapping[str, float], columns: tuple) -> str:
    cells = [f"{kind} | step {step:>9,}"]
    for name, words, form in columns:
        number = format(output[name], form) if name in output else "-".rjust(len(format(0.0, form)))
        cells.append(words.format(number))
    return " | ".join(cells)


def _numbers(output: Mapping) -> dict[str, float]:
    return {name: float(value) for name, value in output.items()}


def _write(summaries, output: dict[str, float]) -> None:
    summaries.write_summaries(output)
    summaries.flush()
