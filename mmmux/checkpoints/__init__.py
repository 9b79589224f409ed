"""Load, check, compare and resume checkpoints."""
