"""Which arm a backer belongs to: a salted hash, the same in Python and in every SQL.

Arms take over one after the other: a backer belongs to the last arm whose own hash falls below that
arm's share of the weight so far. An arm appended later moves backers to itself and nobody else.
"""

import hashlib

from ml.experiments.designs import Design, DesignError


def assign(design: Design, backer_id: int) -> str:
    """Returns the backer's arm.

    Raises:
        DesignError: The design is not registered, so it has no salt.
    """
    for arm, prefix, below in reversed(_takeovers(design)):
        if hashlib.md5(f"{prefix}{backer_id}".encode()).hexdigest() < below:
            return arm
    return design.control


def assignment_sql(design: Design, backer_id: str = "backer_id") -> str:
    """Returns the same as an SQL expression over a column of ids.

    Hashes are compared as texts of hexadecimal digits, so any engine with `md5` agrees.

    Raises:
        DesignError: The design is not registered, so it has no salt.
    """
    cases = [
        f"when md5({_literal(prefix)} || cast({backer_id} as varchar)) < '{below}'"
        f" then {_literal(arm)}"
        for arm, prefix, below in reversed(_takeovers(design))
    ]
    return f"case {' '.join(cases)} else {_literal(design.control)} end"


def _takeovers(design: Design) -> list[tuple[str, str, str]]:
    """Lists for every arm but the first: name, what is hashed before the id, and the bound."""
    if design.plan is None:
        raise DesignError(f"experiment {design.name} is not registered in designs.toml")
    found, total = [], design.arms[design.control]
    for arm in design.treatments:
        total += design.arms[arm]
        below = f"{(design.arms[arm] << 128) // total:032x}"
        found.append((arm, f"{design.plan.salt}/{design.name}/{arm}/", below))
    return found


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
