"""Load configs, check them before a run, and report misspelt names."""
