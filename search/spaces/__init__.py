"""The spaces of networks that can be searched."""
