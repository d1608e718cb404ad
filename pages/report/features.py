"""What the features are about and when each is known, for the modeling report."""

from collections.abc import Sequence
from typing import NamedTuple

from pages.published import Published

_GROUPS = """
    select feature_group, known_when, list(feature order by sort_order)
    from features.feature_catalogue
    where entity = $entity
    group by feature_group, known_when, group_order
    order by group_order"""


class FeatureGroup(NamedTuple):
    """Features that become known together."""

    about: str
    known: str
    names: tuple[str, ...]


def read_groups(published: Published, entity: str) -> tuple[FeatureGroup, ...]:
    """Reads the groups as the contract of the feature table declares them."""
    rows = published.fetch(_GROUPS, entity=entity)
    return tuple(FeatureGroup(about, known, tuple(names)) for about, known, names in rows)


def grouped(groups: Sequence[FeatureGroup], features: Sequence[str]) -> list[FeatureGroup]:
    """Returns the groups that a model's features fall into; those that are gone come last."""
    found = []
    for group in groups:
        names = tuple(name for name in features if name in group.names)
        if names:
            found.append(group._replace(names=names))
    described = {name for group in found for name in group.names}
    others = tuple(name for name in features if name not in described)
    if others:
        found.append(FeatureGroup("Others", "no longer among the features", others))
    return found
