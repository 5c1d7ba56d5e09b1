"""Notifications: the devices of a person, quiet hours and discretion."""

from flask import Blueprint

blueprint = Blueprint("notification", __name__)
