"""What stands around the areas."""
