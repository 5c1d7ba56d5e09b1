"""Today, the plan and the calendar."""
