import numpy as np
import pytest

from mnasnet.data.image_dataset import InMemoryDataset, num_held_out, pad_batch, split_by_class


def _dataset(num_images=20, **arguments) -> InMemoryDataset:
    """Image number n is filled with n, and its label is n % 2."""
    numbers = np.arange(num_images)
    images = np.broadcast_to(numbers[:, None, None, None], (num_images, 2, 2, 3)).astype(np.uint8)
    return InMemoryDataset("numbers", images, numbers % 2, num_classes=2, **arguments)


def _numbers(batches) -> list[list[int]]:
    return [images[:, 0, 0, 0].tolist() for images, _ in batches]


def test_the_paper_s_50000_images_are_held_out_and_of_small_sets_a_fifth():
    assert num_held_out(1_281_167, None, "imagenet") == 50_000
    assert num_held_out(30_000, None, "cifar10") == 6_000
    assert num_held_out(30_000, 1_000, "cifar10") == 1_000
    assert num_held_out(30_000, 29_000, "cifar10") == 6_000


def test_holding_nothing_out_is_refused():
    with pytest.raises(ValueError, match="validation_images is 0, at least 1"):
        num_held_out(100, 0, "digits")
    with pytest.raises(ValueError, match="'tiny' has 4 training images, at least 5"):
        num_held_out(4, None, "tiny")


def test_a_split_takes_the_same_share_of_each_class():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    train, validation = split_by_class(labels, 10, seed=0)
    assert np.bincount(labels[validation]).tolist() == [5, 3, 2]
    assert sorted([*train, *validation]) == list(range(100))


def test_a_split_depends_on_the_seed_alone():
    labels = np.arange(100) % 10
    first, again, other = (split_by_class(labels, 20, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_training_and_validation_share_no_image_and_miss_none():
    dataset = _dataset()
    assert (dataset.num_train, dataset.num_validation) == (16, 4)
    batches = [*_numbers(dataset.train_batches(4, 0, 0)), *_numbers(dataset.validation_batches(4))]
    assert sorted(np.concatenate(batches)) == list(range(20))


def test_images_keep_their_labels():
    for images, labels in _dataset().train_batches(5, 0, 0):
        assert labels.dtype == np.int32
        assert labels.tolist() == (images[:, 0, 0, 0] % 2).tolist()


def test_the_order_of_an_epoch_depends_on_seed_and_epoch_alone():
    dataset = _dataset()
    orders = [
        _numbers(dataset.train_batches(16, epoch, seed)) for epoch, seed in ((0, 0), (1, 0), (0, 1))
    ]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert _numbers(dataset.train_batches(16, 0, 0)) == orders[0]


def test_a_training_batch_that_is_not_full_is_left_out():
    assert [len(batch) for batch in _numbers(_dataset().train_batches(6, 0, 0))] == [6, 6]


def test_the_last_validation_batch_is_filled_up_with_label_minus_one():
    batches = list(_dataset().validation_batches(3))
    assert [labels.shape for _, labels in batches] == [(3,), (3,)]
    images, labels = batches[1]
    assert labels[1:].tolist() == [-1, -1]
    assert not images[1:].any()


def test_a_full_batch_is_not_padded():
    images, labels = pad_batch(np.ones((2, 4, 4, 3)), np.array([3, 4]), 2)
    assert images.shape == (2, 4, 4, 3)
    assert labels.tolist() == [3, 4]


def test_the_description_says_how_many_images_were_held_out():
    assert _dataset(source="Twenty numbers").description == (
        "Twenty numbers: 16 images to train, 4 held out from the training set to rank by"
    )


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((6, 2, 3, 3), np.uint8), np.zeros(6, int), r"uint8 \[6, 2, 3, 3\], must be"),
        (np.zeros((6, 2, 2, 3), np.float64), np.zeros(6, int), "are float64"),
        (np.zeros((6, 2, 2, 3), np.uint8), np.zeros(5, int), r"int64 \[5\], must be .* \[6\]"),
        (np.zeros((6, 2, 2, 3), np.uint8), np.zeros(6), "float64"),
        (np.zeros((6, 2, 2, 3), np.uint8), np.arange(6), r"0 to 5, must lie in 0 \.\. 2"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_with_what_they_are(images, labels, message):
    with pytest.raises(ValueError, match=message):
        InMemoryDataset("wrong", images, labels, num_classes=3)
