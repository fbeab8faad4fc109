"""How far what one table says holds in another."""
