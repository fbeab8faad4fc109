"""What Fisher spectra say of training, and what storing and drawing labels changes in them."""
