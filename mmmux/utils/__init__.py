"""Errors, atomic file writes, command line options, and facts about the machine and the installed packages."""
