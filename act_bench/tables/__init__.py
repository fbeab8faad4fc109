"""Reading what was measured; nothing here trains."""
