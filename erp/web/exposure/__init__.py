"""The exposure: its practice page, its record, and the one route that takes what happens in it."""

from flask import Blueprint

blueprint = Blueprint("exposure", __name__)
