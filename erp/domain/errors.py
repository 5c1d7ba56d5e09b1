"""What a rule can say no with. The web translates each once, at its edge."""

from __future__ import annotations

from dataclasses import dataclass, field


class DomainError(Exception):
    """Base of all of them."""


class NotFound(DomainError):
    """There is no such thing, or it is not this person's: the two must look alike."""


class Unreadable(DomainError):
    """What is stored is damaged: it cannot be read, or it cannot be what was once written."""


class Conflict(DomainError):
    """It cannot be done as things stand now."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a field: a code, and the numbers its sentence needs."""

    code: str
    values: dict[str, int | str] = field(default_factory=dict)


class Invalid(DomainError):
    """What came in cannot be taken. `problems` is keyed by field; "" stands for the whole form."""

    def __init__(self, problems: dict[str, Problem]) -> None:
        super().__init__(", ".join(f"{name or 'form'}: {problem.code}" for name, problem in problems.items()))
        self.problems = problems
