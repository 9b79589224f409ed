"""Make the tables of this repository's documents from configs and from files that benchmarks and tests write."""
