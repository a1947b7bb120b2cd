"""Top-1 and top-5 of whatever classifies; `mnasnet.evaluate` is the command."""
