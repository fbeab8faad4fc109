"""How each generated page of the documentation is made."""
