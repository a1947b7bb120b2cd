"""Writes a checkout like Accel-NASBench's, of networks whose accuracy is made up.

Top-1 in percent is 45 and half a point for each step that a token is above 0; `scatter` is the
standard deviation of a Gaussian error on top, for data that cannot be predicted.
"""

import io
import json
import tarfile

import numpy as np

from search.search_space import get_space

SPACE = get_space("accel_nasbench")
ARCHIVE = "anb_dataset/anb_dataset_jsons.tar.gz"
SPLITS = "configs/data_splits/default_split"


def record(tokens, top1):
    """A network as the data writes it."""
    architecture = {}
    for decision, token in zip(SPACE.decisions, tokens, strict=True):
        block, field = decision.name.replace("block_", "block").split("/")
        value = decision.choices[token]
        letter = {"expand_ratio": "e", "kernel_size": "k", "num_repeat": "l", "se_ratio": "se"}
        architecture[f"{block}_{letter[field]}"] = bool(value) if field == "se_ratio" else value
    return {"architecture": architecture, "metrics": {"val_top1": top1}}


def records(count, scatter=0.0):
    """(tokens [n, 28], top-1 in percent [n]), the same each time."""
    rng = np.random.default_rng(0)
    tokens = SPACE.sample_uniform(rng, count)
    return tokens, 45 + 0.5 * tokens.sum(axis=1) + rng.normal(0, scatter, count)


def write(folder, num_train=300, num_test=100, scatter=0.0, change=None):
    """Writes the checkout; `change` may alter the records, a dict of name -> record, before."""
    tokens, top1 = records(num_train + num_test, scatter)
    by_name = {
        f"result_{number}.json": record(row, value)
        for number, (row, value) in enumerate(zip(tokens, top1.tolist(), strict=True))
    }
    names = list(by_name)
    if change is not None:
        change(by_name)
    (folder / ARCHIVE).parent.mkdir(parents=True)
    with tarfile.open(folder / ARCHIVE, "w:gz", compresslevel=1) as archive:
        for name, content in by_name.items():
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(f"./anb_dataset_jsons/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    (folder / SPLITS).mkdir(parents=True)
    write_split(folder, "train", names[:num_train])
    write_split(folder, "test", names[num_train:])
    return folder


def write_split(folder, split, names):
    """Writes one split; its paths lead where the data's authors had them."""
    paths = [f"../somewhere/else/{name}" for name in names]
    (folder / SPLITS / f"{split}_paths.json").write_text(json.dumps(paths), "utf-8")
