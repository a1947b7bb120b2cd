"""Trains the best networks of a search one after another: the paper's last step.

MnasNet, section 4.2, takes the 15 best of 8,000 to a full training, since a short one ranks them
only roughly.
"""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Sequence

from mnasnet import storage
from mnasnet.search_results import Found
from mnasnet.stats import count
from mnasnet.training.config import TrainingConfig
from mnasnet.training.engine import TrainingDiverged
from mnasnet.training.flags import network_settings
from mnasnet.training.run import Outcome, Training
from mnasnet.training.trained_network import load_network
from tflite_bench import command_line

TABLE_NAME = "best.csv"
COLUMNS = (
    "rank",
    "trial",
    "network",
    "top_1_accuracy",
    "top_5_accuracy",
    "loss",
    "steps",
    "search_accuracy",
    "latency_ms",
    "params",
    "multiply_adds",
    "model_dir",
)
_RESULT_NAME = "result.json"


def train_best(found: Sequence[Found], config: TrainingConfig, model_dir: str) -> list[dict]:
    """Trains each network in a folder of its own; one that is done is not trained again.

    After each, best.csv in `model_dir` has the networks that are done, the most accurate first. One
    that diverges keeps none of the others from being trained.

    Args:
      found: the networks, of `search_results.read_top`.
      config: how to train; the network in it is put aside.
      model_dir: gets best.csv and one folder for each network.

    Returns:
      The rows of the table.

    Raises:
      command_line.UsageError: for what `Training` refuses.
      TrainingDiverged: at the end, names the networks that did.
    """
    rows, diverged = [], []
    for network in found:
        own = dataclasses.replace(config, **network_settings(network))
        folder = os.path.join(model_dir, f"rank-{network.rank:02d}_trial-{network.trial}")
        outcome = _finished(folder, own)
        if outcome is None:
            print(f"rank {network.rank}, trial {network.trial}: {folder}", flush=True)
            with command_line.usage_errors():
                training = Training(own, folder)
            try:
                outcome = training.run()
            except TrainingDiverged as error:
                diverged.append(f"rank {network.rank}, trial {network.trial}: {error}")
                print(diverged[-1], flush=True)
                continue
            storage.write_text(
                os.path.join(folder, _RESULT_NAME),
                json.dumps(dataclasses.asdict(outcome) | {"train_steps": training.train_steps}),
            )
        rows.append(_row(network, outcome, folder))
        rows.sort(key=lambda row: (-row["top_1_accuracy"], row["rank"]))
        storage.write_text(os.path.join(model_dir, TABLE_NAME), _table(rows))
        print(
            f"rank {network.rank}, trial {network.trial}: top-1 "
            f"{outcome.metrics['top_1_accuracy']:.4f}",
            flush=True,
        )
    print(f"{os.path.join(model_dir, TABLE_NAME)}: {len(rows)} networks")
    if diverged:
        raise TrainingDiverged(f"{'; '.join(diverged)}; not in the table")
    return rows


def _finished(folder: str, config: TrainingConfig) -> Outcome | None:
    """What came of a network that is done, None where it is not, or more steps are asked for."""
    path = os.path.join(folder, _RESULT_NAME)
    if not storage.exists(path):
        return None
    result = json.loads(storage.read_text(path))
    asked = config.train_steps if config.train_epochs is None else result["train_steps"]
    if result["step"] < asked:
        return None
    return Outcome(result["step"], result["metrics"])


def _row(network: Found, outcome: Outcome, folder: str) -> dict:
    trained = load_network(folder)
    stats = count(
        trained.architecture,
        image_size=trained.image_size,
        num_classes=trained.num_classes,
        depth_multiplier=trained.depth_multiplier,
    )
    return {
        "rank": network.rank,
        "trial": network.trial,
        "network": " ".join(network_settings(network)["blocks"]),
        "top_1_accuracy": outcome.metrics["top_1_accuracy"],
        "top_5_accuracy": outcome.metrics["top_5_accuracy"],
        "loss": outcome.metrics["loss"],
        "steps": outcome.step,
        "search_accuracy": network.accuracy,
        "latency_ms": network.latency_ms,
        "params": stats.params,
        "multiply_adds": stats.multiply_adds,
        "model_dir": folder,
    }


def _table(rows: list[dict]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
