"""A stash-box's performer → the same person in the words of Stash's PerformerCreateInput. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

BREASTS = {"NATURAL": "Natural", "FAKE": "Augmented"}


class BodyMark(Struct, frozen=True):
    """A tattoo or a piercing."""

    location: str
    description: str | None = None


class Link(Struct, frozen=True):
    """A web page, or a picture's address."""

    url: str


class BoxPerformer(Struct, frozen=True):
    """What stash-box's public schema says of a performer; dates are YYYY, YYYY-MM or YYYY-MM-DD."""

    id: str
    name: str
    disambiguation: str | None = None
    aliases: tuple[str, ...] = ()
    gender: str | None = None
    birth_date: str | None = None
    death_date: str | None = None
    ethnicity: str | None = None
    country: str | None = None
    eye_color: str | None = None
    hair_color: str | None = None
    height: int | None = None
    cup_size: str | None = None
    band_size: int | None = None
    waist_size: int | None = None
    hip_size: int | None = None
    breast_type: str | None = None
    career_start_year: int | None = None
    career_end_year: int | None = None
    tattoos: tuple[BodyMark, ...] | None = None
    piercings: tuple[BodyMark, ...] | None = None
    urls: tuple[Link, ...] = ()
    images: tuple[Link, ...] = ()
    deleted: bool = False


def stash_fields(person: BoxPerformer) -> dict[str, Any]:
    """The fields of PerformerCreateInput that have a value; stash_ids are not among them."""
    links = [link.url for link in person.urls if link.url]
    fields = {
        "name": person.name,
        "disambiguation": person.disambiguation,
        "alias_list": _aliases(person),
        "gender": person.gender,
        "birthdate": person.birth_date,
        "death_date": person.death_date,
        "ethnicity": _words(person.ethnicity),
        "country": person.country,
        "eye_color": _words(person.eye_color),
        "hair_color": _words(person.hair_color),
        "height_cm": person.height,
        "measurements": _measurements(person),
        "fake_tits": BREASTS.get(person.breast_type or ""),
        "career_length": _career(person),
        "tattoos": _marks(person.tattoos),
        "piercings": _marks(person.piercings),
        "urls": links,
        # For a Stash that is too old to know urls.
        "url": links[0] if links else None,
        "image": person.images[0].url if person.images else None,
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [], ())}


def _aliases(person: BoxPerformer) -> list[str]:
    """Stash refuses aliases that are the name, or that differ in case only."""
    seen = {person.name.lower()}
    kept = []
    for alias in person.aliases:
        if alias.strip() and alias.lower() not in seen:
            seen.add(alias.lower())
            kept.append(alias)
    return kept


def _words(constant: str | None) -> str | None:
    """An enum's value as people write it: MIDDLE_EASTERN → Middle Eastern."""
    return constant.replace("_", " ").title() if constant else None


def _measurements(person: BoxPerformer) -> str | None:
    """Such as 34D-24-36; what is not known is left out, as long as it can be read."""
    bust = f"{person.band_size or ''}{person.cup_size or ''}"
    parts = [bust, str(person.waist_size or ""), str(person.hip_size or "")]
    return "-".join(parts).rstrip("-") if any(parts) else None


def _career(person: BoxPerformer) -> str | None:
    start, end = person.career_start_year, person.career_end_year
    if start is None and end is None:
        return None
    return f"{start or ''} - {end or ''}".strip()


def _marks(marks: tuple[BodyMark, ...] | None) -> str | None:
    """As Stash writes them: ``Left arm, rose; Back``."""
    said = (", ".join(part for part in (m.location, m.description) if part) for m in marks or ())
    return "; ".join(one for one in said if one) or None
