"""The best network of a space, with proof."""
