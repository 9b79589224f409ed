"""Searching a MUXNet for a task: error, parameters and multiply-adds at once."""
