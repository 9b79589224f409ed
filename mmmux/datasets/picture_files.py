"""Suffixes of image files that data sets find by themselves."""
SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
EITHER_CASE = (*SUFFIXES, *map(str.upper, SUFFIXES))  # the order in which a data set looks for the file of a name
