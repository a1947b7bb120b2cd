"""Full training by the official recipe; `mnasnet.train` is the command."""
