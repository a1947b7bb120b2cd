"""The last step of a search: its best networks trained one after another."""

import csv

import pytest

from mnasnet.architectures import from_blocks
from mnasnet.search_results import Found
from mnasnet.training import best as train_best
from mnasnet.training.config import TrainingConfig

pytestmark = pytest.mark.tensorflow

_CONFIG = TrainingConfig(
    model_name="mnasnet-a1", image_size=8, dataset="digits", train_batch_size=32,
    eval_batch_size=100, train_steps=60, steps_per_eval=60, base_learning_rate=0.1,
    warmup_epochs=0.0,
)  # fmt: skip


def _found(rank: int, filters: int) -> Found:
    blocks = (f"r1_k3_s22_e1_i8_o{filters}_noskip",)
    architecture = from_blocks(blocks, name="x", stem_filters=8, head_filters=16)
    return Found(10 + rank, rank, architecture, 0.5, 1.5, 0.4)


def _rows(folder) -> list[dict]:
    with open(folder / "best.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_grows_and_a_network_that_is_done_is_not_trained_again(tmp_path, capsys):
    train_best.train_best([_found(1, 8)], _CONFIG, str(tmp_path))
    (first,) = _rows(tmp_path)
    assert first["network"] == "r1_k3_s22_e1_i8_o8_noskip"
    assert (first["rank"], first["trial"], first["steps"]) == ("1", "11", "60")
    assert (first["search_accuracy"], first["latency_ms"]) == ("0.5", "1.5")
    assert 0 < float(first["top_1_accuracy"]) <= 1
    # Stem 3*3*3*8 + 16, depthwise 9*8 + 16, project 8*8 + 16, head 8*16 + 32, classifier 17 * 10.
    assert first["params"] == str(232 + 88 + 80 + 160 + 170)

    capsys.readouterr()
    train_best.train_best([_found(1, 8), _found(2, 16)], _CONFIG, str(tmp_path))
    rows = _rows(tmp_path)
    assert {row["rank"] for row in rows} == {"1", "2"}
    assert first in rows
    accuracies = [float(row["top_1_accuracy"]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert capsys.readouterr().out.count("training until step") == 1
