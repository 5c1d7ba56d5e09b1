"""The ladder: fears, their steps, and everything a client does to them."""

from flask import Blueprint

blueprint = Blueprint("ladder", __name__)
