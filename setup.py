"""Installs MnasNet: `pip install -e .` for use, `pip install -e .[dev]` for work on it."""

from setuptools import find_packages, setup

setup(
    name="mnasnet",
    version="0.1.0",
    description="MnasNet in TensorFlow: search mobile networks, retrain them, ship them as TFLite",
    license="Apache-2.0",
    packages=find_packages(include=["mnasnet*", "search*", "tflite_bench*"]),
    python_requires=">=3.11,<3.13",
    install_requires=[
        "tensorflow~=2.20.0",
        "tf-keras~=2.20.0",
        "tf-models-official~=2.20.0",
        "tensorflow-datasets~=4.9",
        "ai-edge-litert~=2.0",
        "scikit-learn~=1.5",
        "numpy>=1.26,<3",
        "absl-py>=1.4,<3",
        "matplotlib~=3.8",
        "rich>=13,<16",
    ],
    extras_require={
        "phones": ["adbutils~=2.8"],  # for the adb program that it carries
        "ray": ["ray~=2.50"],
        "dev": [
            "pytest>=8,<10",
            "ruff>=0.9,<1",
            "import-linter~=2.1",
            "adbutils~=2.8",
            "ray~=2.50",
        ],
    },
)
