import pytest

from mnasnet import storage
from mnasnet.training.words import in_a_line, kept


def test_the_line_that_says_what_was_wrong_is_found():
    text = (
        "Graph execution error:\n\nDetected at node IteratorGetNext defined at (most recent call "
        "last):\n<stack traces unavailable>\ncorrupted  record at 81270\n\t [[{{node Get}}]] [Op:X]"
    )
    assert in_a_line(ValueError(text)) == "corrupted record at 81270"
    assert in_a_line(ValueError("no space left\nmore")) == "no space left"
    assert in_a_line(ValueError()) == "ValueError"


def test_operations_of_tensorflow_are_left_out():
    error = RuntimeError("{{function_node __wrapped__SaveV2}} m/a; No space left [Op:SaveV2]")
    assert in_a_line(error) == "m/a; No space left"


def test_what_is_kept_is_read_from_the_folder(tmp_path):
    assert kept(str(tmp_path)) == f"no step is saved in {tmp_path}"
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "ckpt-1280"\nall_model_checkpoint_paths: "ckpt-64"\n'
    )
    assert kept(str(tmp_path)) == f"step 1,280 is saved in {tmp_path}"


class _BucketGone(Exception):
    """As tf.errors.OpError, no OSError."""


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), _BucketGone("403")])
def test_of_a_folder_that_cannot_be_read_nothing_is_said(error, tmp_path, monkeypatch):
    def fail(path):
        raise error

    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "ckpt-1280"\n')
    monkeypatch.setattr(storage, "read_text", fail)
    assert kept(str(tmp_path)) == ""


def test_of_a_folder_that_is_gone_or_holds_no_text_nothing_is_said(tmp_path):
    assert kept(str(tmp_path / "gone")) == ""
    (tmp_path / "checkpoint").write_bytes(b"\xff\xfe")
    assert kept(str(tmp_path)) == ""
