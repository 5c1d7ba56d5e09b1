"""The practice page and the route that takes events."""
