"""Devices, quiet hours and discretion."""
