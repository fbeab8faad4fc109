"""The notation of expressions as text: how it is read, and what a message offers instead."""
