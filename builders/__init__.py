"""How each embedded file of Act-Bench is made."""
