"""Hooks and training loops, as mmengine names these places."""
