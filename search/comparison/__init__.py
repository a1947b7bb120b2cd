"""Algorithms compared on equal terms; `search.compare` is the command."""
