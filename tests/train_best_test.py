"""The last step of a search: its best networks trained one after another."""

import csv

import pytest

from mnasnet.architectures import from_blocks
from mnasnet.search_results import Found
from mnasnet.training import best as train_best
from mnasnet.training.config import TrainingConfig
from mnasnet.training.engine import TrainingDiverged

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

    # Killed between the last step and its evaluation.
    (tmp_path / "rank-02_trial-12" / "result.json").unlink()
    train_best.train_best([_found(1, 8), _found(2, 16)], _CONFIG, str(tmp_path))
    assert _rows(tmp_path) == rows
    assert capsys.readouterr().out.count("training until step") == 0


def test_a_network_that_diverges_is_told_at_the_end_and_the_others_are_trained(
    tmp_path, monkeypatch
):
    run = train_best.Training.run

    def diverge_at_16(training):
        if training.network.architecture.blocks[0].output_filters == 16:
            training._folder.close()
            raise TrainingDiverged("training diverged: the loss up to step 50 is nan")
        return run(training)

    monkeypatch.setattr(train_best.Training, "run", diverge_at_16)
    with pytest.raises(TrainingDiverged, match=r"^rank 1, trial 11: .* not in the table$"):
        train_best.train_best([_found(1, 16), _found(2, 8)], _CONFIG, str(tmp_path))
    assert [row["rank"] for row in _rows(tmp_path)] == ["2"]
