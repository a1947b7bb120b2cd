"""Images per CPU-second of the ImageNet input, beside Model Garden's parser in the same run.

    python -m benchmarks.input_pipeline --photos=DIR

DIR holds ImageNet's TFRecords (train-*), in the photos' own sizes; without it the photos are made
up, which are easier to decode than real ones. Both pipelines read the same records from memory, on
one thread, without the prefetching and tuning that tf.data adds by itself, and take turns. Ours
decodes only the crop and leaves normalisation to the network; Model Garden's parser has it inside.
"""

import os
import statistics
import time

from absl import flags

from tflite_bench import command_line

_TARGET = 1.4
_IMAGE_SIZE = 224
_PHOTOS_IN_MEMORY = 64


def define_flags() -> None:
    flags.DEFINE_string("photos", None, "folder of ImageNet's TFRecords")
    flags.DEFINE_integer("images", 256, "images that a turn takes", lower_bound=1)
    flags.DEFINE_integer("rounds", 9, "turns of each", lower_bound=1)


def main() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with command_line.usage_errors():
        records = read_records(flags.FLAGS.photos) if flags.FLAGS.photos else made_up_records()
    mappings = {
        "ours, training": ours(training=True),
        "Model Garden, training": model_gardens(training=True),
        "ours, evaluation": ours(training=False),
        "Model Garden, evaluation": model_gardens(training=False),
    }
    iterators = {name: iter(pipeline(records, mapping)) for name, mapping in mappings.items()}
    takes = {name: taker(iterator) for name, iterator in iterators.items()}
    for take in takes.values():
        take(32)
    rates = {name: [] for name in iterators}
    for _ in range(flags.FLAGS.rounds):
        for name, take in takes.items():
            began = time.process_time()
            take(flags.FLAGS.images)
            rates[name].append(flags.FLAGS.images / (time.process_time() - began))
    source = flags.FLAGS.photos or "made-up photos"
    print(f"{source}, {_IMAGE_SIZE} px, images per CPU-second, median of {flags.FLAGS.rounds}")
    for name, values in rates.items():
        print(f"{name:28}{statistics.median(values):8.0f}")
    for what in ("training", "evaluation"):
        pairs = zip(rates[f"ours, {what}"], rates[f"Model Garden, {what}"], strict=True)
        ratio = statistics.median(own / theirs for own, theirs in pairs)
        target = f"   at least {_TARGET}" if what == "training" else ""
        print(f"{f'ratio, {what}':28}{ratio:8.2f}{target}")


def pipeline(records: list[bytes], mapping):
    """A data set without end that maps records to images, with nothing running ahead."""
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices(records).repeat().enumerate().map(mapping)
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.inject_prefetch = False
    options.threading.private_threadpool_size = 1
    options.threading.max_intra_op_parallelism = 1
    return dataset.with_options(options)


def taker(iterator):
    """A function that takes so many images, without Python in between."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def take(count):
        for _ in tf.range(count):
            next(iterator)

    return take


def ours(*, training: bool):
    """(position, record) -> (image, label), as `mnasnet.train` has it."""
    import tensorflow as tf

    from mnasnet import preprocessing
    from mnasnet.data import imagenet

    def mapping(position, record):
        jpeg, label = imagenet.parse(record)
        if not training:
            return preprocessing.preprocess_for_eval(jpeg, _IMAGE_SIZE), label
        seed = tf.stack([tf.constant(0, tf.int64), position])
        return preprocessing.preprocess_for_train(jpeg, _IMAGE_SIZE, seed), label

    return mapping


def model_gardens(*, training: bool):
    """The same by official.vision's classification input."""
    from official.vision.dataloaders import classification_input

    decoder = classification_input.Decoder(
        image_field_key="image/encoded", label_field_key="image/class/label"
    )
    parser = classification_input.Parser(
        output_size=[_IMAGE_SIZE, _IMAGE_SIZE],
        num_classes=1001,
        image_field_key="image/encoded",
        label_field_key="image/class/label",
        decode_jpeg_only=True,
    )
    parse = parser.parse_fn(is_training=training)
    return lambda position, record: parse(decoder.decode(record))


def read_records(folder: str) -> list[bytes]:
    """Some records of the training files in a folder; ValueError where there are none."""
    import tensorflow as tf

    paths = sorted(tf.io.gfile.glob(os.path.join(folder, "train-*")))
    if not paths:
        raise ValueError(f"photos {folder!r} has no files train-*")
    records = tf.data.TFRecordDataset(paths).take(_PHOTOS_IN_MEMORY)
    return [record.numpy() for record in records]


def made_up_records() -> list[bytes]:
    """Records of smooth colours under noise, 375 x 500."""
    import tensorflow as tf

    records = []
    for seed in range(16):
        coarse = tf.random.stateless_uniform([1, 12, 16, 3], [seed, 0], 0, 255)
        photo = tf.image.resize(coarse, (375, 500), "bicubic")[0]
        photo += tf.random.stateless_normal([375, 500, 3], [seed, 1], stddev=12)
        jpeg = tf.io.encode_jpeg(tf.cast(tf.clip_by_value(photo, 0, 255), tf.uint8)).numpy()
        feature = {
            "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[jpeg])),
            "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[seed + 1])),
        }
        example = tf.train.Example(features=tf.train.Features(feature=feature))
        records.append(example.SerializeToString())
    return records


if __name__ == "__main__":
    define_flags()
    command_line.run(main)
