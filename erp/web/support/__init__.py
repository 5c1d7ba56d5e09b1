"""People: supporters, clients, invitations and cheers."""
