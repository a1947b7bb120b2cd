"""Who measures the networks: this process, several of this machine, or a Ray cluster."""
