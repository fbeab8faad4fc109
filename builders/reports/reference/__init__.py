"""How the pages of the reference are made that follow from the code."""
