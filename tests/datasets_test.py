import os
import pathlib
import sys
import textwrap

import numpy as np
import pytest

from mnasnet.data.datasets import load_dataset

pytestmark = pytest.mark.tensorflow

_SHARED = pathlib.Path(os.environ.get("MNASNET_SHARED", "../shared"))
_CIFAR10 = _SHARED / "data" / "cifar10"


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Writes a module and gives the name under which it can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(source: str) -> str:
        package = f"own_{len(sys.modules)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        (tmp_path / package / "pictures.py").write_text(textwrap.dedent(source))
        return f"{package}.pictures"

    return write


def test_digits_are_1797_of_which_a_fifth_is_held_out():
    dataset = load_dataset("digits", image_size=16)
    assert (dataset.num_classes, dataset.num_train, dataset.num_validation) == (10, 1438, 359)
    images, labels = next(dataset.train_batches(64, 0, 0))
    assert images.shape == (64, 16, 16, 3)
    assert images.dtype == np.uint8
    assert images.max() > 240
    assert set(labels) <= set(range(10))
    assert "1,438 images to train, 359 held out" in dataset.description


def test_held_out_digits_have_all_classes_in_proportion():
    dataset = load_dataset("digits", image_size=8)
    labels = np.concatenate([labels for _, labels in dataset.validation_batches(359)])
    counts = np.bincount(labels)
    assert counts.sum() == 359
    assert counts.min() >= 34  # the rarest of the classes has 174 of 1,797 images
    assert counts.max() <= 37


def test_a_data_set_is_read_once():
    assert load_dataset("digits", image_size=8) is load_dataset("digits", image_size=8)


def test_prepared_cifar10_is_read_without_a_network():
    if not _CIFAR10.is_dir():
        pytest.skip(f"{_CIFAR10} is missing, set MNASNET_SHARED")
    dataset = load_dataset("cifar10", data_dir=str(_CIFAR10), image_size=32)
    assert (dataset.num_classes, dataset.num_train, dataset.num_validation) == (10, 24_000, 6_000)
    assert "a subset of 30,000 images" in dataset.description
    labels = np.concatenate([labels for _, labels in dataset.validation_batches(1000)])
    assert np.bincount(labels).tolist() == [600] * 10


def test_an_unknown_name_is_refused_with_the_names_there_are(tmp_path):
    (tmp_path / "flowers").mkdir()
    with pytest.raises(
        ValueError, match=r"^unknown data set 'cifra10': known are digits, ima"
    ) as e:
        load_dataset("cifra10", data_dir=str(tmp_path), image_size=32)
    assert "(flowers)" in str(e.value)
    assert "\n" not in str(e.value)


def test_a_folder_without_the_prepared_set_is_refused_and_nothing_is_downloaded(tmp_path):
    with pytest.raises(ValueError, match=r"unknown data set 'cifar10'.*\(none\)$"):
        load_dataset("cifar10", data_dir=str(tmp_path), image_size=32)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [0, -32])
def test_an_impossible_image_size_is_refused(size):
    with pytest.raises(ValueError, match=f"image_size is {size}, must be at least 1"):
        load_dataset("digits", image_size=size)


def test_a_module_of_one_s_own_is_a_data_set(own_module):
    name = own_module(
        """
        import numpy as np
        from mnasnet.data.image_dataset import InMemoryDataset

        def load(*, data_dir, image_size, validation_images, seed):
            images = np.full((50, image_size, image_size, 3), 7, np.uint8)
            return InMemoryDataset(
                data_dir, images, np.arange(50) % 5, num_classes=5,
                validation_images=validation_images, seed=seed,
            )
        """
    )
    dataset = load_dataset(name, data_dir="sevens", image_size=12, validation_images=5)
    assert (dataset.name, dataset.num_train, dataset.num_validation) == ("sevens", 45, 5)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_thing", "cannot be imported: No module named 'no_such_thing'"),
        ("x = 1", r"has no function load\(\)"),
        ("def load(**arguments): return 3", "gives a int, must give a mnasnet.data.image_dataset"),
    ],
)
def test_a_module_that_is_no_data_set_is_refused(own_module, source, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(own_module(source), image_size=12)


def test_a_module_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"module 'no\.such' cannot be imported"):
        load_dataset("no.such", image_size=12)


def test_a_module_with_images_of_another_size_is_refused(own_module):
    name = own_module(
        "from mnasnet.data import digits\n"
        "def load(**a): return digits.load(**a | {'image_size': 8})"
    )
    with pytest.raises(ValueError, match="gives images of 8 px, 12 were asked for"):
        load_dataset(name, image_size=12)
