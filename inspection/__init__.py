"""Looking inside a trained network: feature maps, filters, class-activation maps, and how far two sets of images lie apart."""
