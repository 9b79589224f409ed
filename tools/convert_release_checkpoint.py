#!/usr/bin/env python
"""Run tools/model_converters/convert_release_checkpoint.py, the new path of this tool; the next release removes this file."""
from mmmux.utils.deprecated import run_moved_tool

if __name__ == '__main__':
    run_moved_tool(__file__, 'model_converters')
