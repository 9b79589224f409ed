"""Errors, atomic file writes, command line options, private names of libraries, and facts about machine and packages."""
