"""What stands around the areas: the first page, the manifest, the service worker, and the health checks."""
