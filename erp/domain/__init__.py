"""The rules, queries and verbs, true on paper: no HTTP, no HTML. Every function gets its session and its clock."""
