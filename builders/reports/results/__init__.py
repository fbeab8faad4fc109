"""The results page: searches and surrogates on every table, and the papers' claims."""
