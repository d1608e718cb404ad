"""Names and titles: readable, varied, and as awkward to quote as real ones."""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from generator.arrays import Ints
from generator.catalogue import CATEGORIES
from generator.columns import booleans, texts

GIVEN_NAMES = (
    *("Amara", "Anders", "Aoife", "Beatriz", "Björn", "Chloé", "Daniel", "Dilşad", "Elena"),
    *("Emeka", "Farah", "Grace", "Håkon", "Ines", "Jamal", "Jürgen", "Kateřina", "Liam", "Lucía"),
    *("Mei", "Noor", "Olga", "Paul", "Priya", "Rafał", "Ruth", "Søren", "Tomás", "Yuki", "Zoë"),
)
FAMILY_NAMES = (
    *("Abara", "Ångström", "Baker", "Castro", "D'Angelo", "Dubois", "Eriksen", "Fernández"),
    *("García", "Hughes", "Ito", "Jensen", "Kowalski", "Lefèvre", "Müller", "Nakamura", "Novák"),
    *("O'Brien", "Okafor", "Østergård", "Patel", "Quispe", "Rossi", "Šimić", "Smith", "Tanaka"),
    *("Ueda", "Vögel", "Weiß", "Yüksel", "Zhang"),
)
STUDIO_NAMES = (
    *("Blue Door Studio", "Café Noir Press", 'The "Odd" Workshop', "Hill, Vale & Sons"),
    *("Lanterns, Ltd.", "Nord·Ost Kollektiv", 'Studio "Étoile", Paris', "Two Rivers Guild"),
)
ADJECTIVES = (
    *("Amber", "Brave", "Crooked", "Distant", "Electric", "Forgotten", "Gentle", "Hidden"),
    *("Invisible", "Jagged", "Kind", "Last", "Midnight", "Naïve", "Open", "Paper", "Quiet"),
    *("Restless", "Secret", "Tiny", "Untold", "Velvet", "Wild", "Young"),
)
NOUNS = (
    *("Atlas", "Bridge", "Café", "Compass", "Dragon", "Echo", "Forest", "Garden", "Harbour"),
    *("Island", "Journey", "Kite", "Lantern", "Machine", "Night", "Orchard", "Parade", "Quarry"),
    *("River", "Señorita", "Tower", "Umbrella", "Voyage", "Workshop", "Überbike", "Zeppelin"),
)
KINDS = {
    "Art": ("a mural", "an exhibition, on tour"),
    "Comics": ("a graphic novel", "issue 1"),
    "Crafts": ("a quilting kit", "hand-made ceramics"),
    "Dance": ("a new ballet", "a dance film"),
    "Design": ("a desk lamp", "the 3-in-1 bag"),
    "Fashion": ("a knitwear line", "shoes, made to last"),
    "Film & Video": ("a documentary", "a short film"),
    "Food": ("a bakery", "hot sauce, small batch"),
    "Games": ("a board game", "a role-playing game"),
    "Journalism": ("a podcast", "a local paper"),
    "Music": ("the debut album", "a live recording"),
    "Photography": ("a photo book", "portraits, 100 of them"),
    "Publishing": ("a novel", "a children's book"),
    "Technology": ("an open sensor", "a pocket printer"),
    "Theater": ("a new play", "a musical, in two acts"),
    "Wellness": ("a breathing coach", "a yoga mat, folded small"),
}
STAGES = (
    *("Design finished", "Prototype shown", 'First batch, the "pilot"', "Production under way"),
    "Rewards delivered",
)
STUDIO_SHARE = 0.15
NAMED_SHARE = 0.6


def display_names(count: int, rng: np.random.Generator) -> pa.StringArray:
    """Draws names of creators: persons and a few studios."""
    given = rng.integers(0, len(GIVEN_NAMES), count)
    family = rng.integers(0, len(FAMILY_NAMES), count)
    studio = rng.integers(0, len(STUDIO_NAMES), count)
    person = _joined(texts(GIVEN_NAMES, given), texts(FAMILY_NAMES, family), separator=" ")
    is_studio = booleans(rng.random(count) < STUDIO_SHARE)
    return pc.if_else(is_studio, texts(STUDIO_NAMES, studio), person)


def project_titles(category: Ints, rng: np.random.Generator) -> pa.StringArray:
    """Draws titles such as `Paper Harbour: a board game`, some with the name in quotes."""
    count = len(category)
    name = _joined(
        texts(ADJECTIVES, rng.integers(0, len(ADJECTIVES), count)),
        texts(NOUNS, rng.integers(0, len(NOUNS), count)),
        separator=" ",
    )
    kind = texts(_kinds(), category * 2 + rng.integers(0, 2, count))
    plain = _joined(name, kind, separator=": ")
    opening = texts(('"',), np.zeros(count, dtype=np.int64))
    quoted = _joined(_joined(opening, name, separator=""), kind, separator='", ')
    return pc.if_else(booleans(rng.random(count) < NAMED_SHARE), plain, quoted)


def milestone_titles(number: Ints, count: Ints) -> pa.StringArray:
    """Names milestones by their place in the project; the last one delivers the rewards."""
    stage = np.where(number == count, len(STAGES) - 1, np.minimum(number, len(STAGES) - 1) - 1)
    return texts(STAGES, stage)


@cache
def _kinds() -> tuple[str, ...]:
    return tuple(kind for category in CATEGORIES for kind in KINDS[category.name])


def _joined(left: pa.Array, right: pa.Array, *, separator: str) -> pa.StringArray:
    between = texts((separator,), np.zeros(1, dtype=np.int64))[0]
    return pc.binary_join_element_wise(left, right, between)
