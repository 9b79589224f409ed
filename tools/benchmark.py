#!/usr/bin/env python
"""The old path of tools/analysis_tools/benchmark.py, which it runs; it goes with the next release."""
from mmmux.utils.deprecated import run_moved_tool

if __name__ == '__main__':
    run_moved_tool(__file__, 'analysis_tools')
