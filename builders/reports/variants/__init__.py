"""AQuaSurF as published and as it is here: searches on draws of maps, and the page on them."""
