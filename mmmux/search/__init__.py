"""Search for MUXNets that minimise a task's error, parameters, multiply-adds and latency together."""
