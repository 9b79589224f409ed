"""Errors, atomic file writes, command line options, private names of libraries, and facts about machine and packages."""
from .setup_env import register_all_modules

__all__ = ['register_all_modules']
