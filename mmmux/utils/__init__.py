"""Errors, atomic file writes, command line options, and facts about the machine and the installed packages."""
from .setup_env import register_all_modules

__all__ = ['register_all_modules']
