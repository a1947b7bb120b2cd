"""Several searches that share a budget, and the paper's studies."""
