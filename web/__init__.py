"""A small web app: what a phone shows, measures and tells."""
