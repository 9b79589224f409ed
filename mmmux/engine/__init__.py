"""Hooks (`hooks`), training loops and resumable data loading (`runner`)."""
