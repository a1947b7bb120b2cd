"""What search.latency is made of: how a network gets its milliseconds."""
