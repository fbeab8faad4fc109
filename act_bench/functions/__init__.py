"""What a function is and how it is evaluated; nothing here knows a table."""
