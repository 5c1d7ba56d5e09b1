"""The account: signing up, in and out, recovery codes, and a person's own settings."""

from flask import Blueprint

blueprint = Blueprint("account", __name__)
