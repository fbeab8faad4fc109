"""Files that appear whole or not at all, carry checksums, or are cached."""
