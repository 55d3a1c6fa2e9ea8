"""Where a phone lies in a photo: a small network for its mask, trained on rendered phones alone."""
