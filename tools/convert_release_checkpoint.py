#!/usr/bin/env python
"""The old path of tools/model_converters/convert_release_checkpoint.py, which it runs; it goes with the next release."""
from mmmux.utils.deprecated import run_moved_tool

if __name__ == '__main__':
    run_moved_tool(__file__, 'model_converters')
