"""Whether the stored data holds together, and how it is rebuilt."""
