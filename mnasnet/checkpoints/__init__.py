"""Checkpoints on disk: finding them, reading them, telling whose they are."""
