"""What is sent to whom: kinds, the outbox, devices, quiet hours."""
