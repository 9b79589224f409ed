#!/usr/bin/env python
"""Run tools/analysis_tools/get_complexity.py, the new path of this tool; the next release removes this file."""
from mmmux.utils.deprecated import run_moved_tool

if __name__ == '__main__':
    run_moved_tool(__file__, 'analysis_tools')
