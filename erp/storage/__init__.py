"""Where rows live: the engine, the tables by noun and their migrations. Knows no rule and no page."""
