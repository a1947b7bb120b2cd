"""Small files on this machine or in a cloud (gs://...), by one set of functions.

Local ones need no TensorFlow; a cloud's go through its file system.
"""

import os


def is_remote(path: str) -> bool:
    return "://" in path


def exists(path: str) -> bool:
    return _gfile().exists(path) if is_remote(path) else os.path.exists(path)


def read_text(path: str) -> str:
    """The text of a file; OSError where there is none."""
    if not is_remote(path):
        with open(path, encoding="utf-8") as file:
            return file.read()
    gfile = _gfile()
    if not gfile.exists(path):
        raise FileNotFoundError(2, "No such file", path)
    with gfile.GFile(path) as file:
        return file.read()


def write_text(path: str, text: str) -> None:
    """Writes a file so that a reader sees the old or the new, never a part; OSError as `open`."""
    if is_remote(path):
        with _gfile().GFile(path, "w") as file:  # a cloud's files appear whole
            file.write(text)
        return
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def make_folder(path: str) -> None:
    """Makes a folder where it is missing; ValueError where a file is in its place."""
    if is_remote(path):
        _gfile().makedirs(path)
        return
    part = os.path.abspath(path)
    while part != os.path.dirname(part):
        if os.path.exists(part) and not os.path.isdir(part):
            raise ValueError(f"{path} cannot be a folder: {part} is a file")
        part = os.path.dirname(part)
    os.makedirs(path, exist_ok=True)


def _gfile():
    import tensorflow as tf

    return tf.io.gfile
