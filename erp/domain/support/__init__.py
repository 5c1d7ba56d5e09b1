"""Supporters: invitations, what is shared, pings and cheers."""
