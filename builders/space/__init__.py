"""How the space, its classes and the large space are made."""
