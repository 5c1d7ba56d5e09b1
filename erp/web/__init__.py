"""What knows HTTP and HTML: the edge that every request goes through, and the views of each area."""
