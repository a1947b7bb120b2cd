"""Accuracy predicted from published networks."""
