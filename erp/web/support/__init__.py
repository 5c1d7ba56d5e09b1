"""People: the client's supporters and invitations, and the clients whom a person cheers."""

from flask import Blueprint

blueprint = Blueprint("support", __name__)
