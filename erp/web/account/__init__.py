"""Signing up, in and out, and a person's own settings."""
