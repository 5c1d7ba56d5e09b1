"""What runs with nobody waiting: the queue that wakes it, and the tasks. Knows the domain and push, never the web."""
