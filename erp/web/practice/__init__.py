"""The client's practice: Today, the plan with its pauses, and the calendar."""

from flask import Blueprint

blueprint = Blueprint("practice", __name__)
