"""The plan, the pauses, the days and the streak."""
