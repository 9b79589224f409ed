"""The tables of this repository's documents, each made from configs or from a file that a benchmark or test writes."""
