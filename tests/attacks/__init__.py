"""Attacks from files and pages that others made: each is really tried, and answered in one line."""
