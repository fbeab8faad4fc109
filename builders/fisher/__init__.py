"""How the embedded Fisher spectra are made."""
