"""Draw label maps and scores on images."""
