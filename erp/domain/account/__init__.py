"""Accounts: who is signed in, passwords, recovery codes."""
