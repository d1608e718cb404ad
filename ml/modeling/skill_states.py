"""The states of a model's skill, as tables and people read them."""

PROVEN, NOT_PROVEN, NOT_TESTED = "proven", "not_proven", "not_tested"
_TEXTS = {
    PROVEN: "beats base rate and one-feature rule",
    NOT_PROVEN: "no proven skill",
    NOT_TESTED: "skill not tested",
}


def skill_text(skill_state: str | None) -> str:
    """Returns a state as text for people."""
    return _TEXTS[skill_state or NOT_TESTED]
