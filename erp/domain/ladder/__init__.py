"""Fears and the steps of their ladders."""
