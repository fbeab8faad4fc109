"""The authors' JSON files: fetched, read in a stream, and converted to the edition ``upstream``."""
