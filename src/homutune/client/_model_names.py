"""Which model a name means: alias, registry, the newest of a suffix; and who takes its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from homutune.client._types import RegisteredModel

#: The newest fine-tuned model.
LATEST = "latest"


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model in the server's own list."""

    id: str
    created: int


def suffix_of(model: str) -> str | None:
    """``ft:base:org:suffix:id`` → ``suffix``."""
    parts = model.split(":")
    return parts[3] or None if parts[0] == "ft" and len(parts) >= 5 else None


def from_registry(name: str, registered: Sequence[RegisteredModel]) -> str | None:
    """The newest remembered model that ``name`` (model, job, suffix or latest) means."""
    for entry in registered:
        if name in (LATEST, entry.model, entry.job_id, entry.suffix):
            return entry.model
    return None


def from_server(name: str, listed: Iterable[ListedModel]) -> str | None:
    """The model of the server's list that ``name`` means: itself, or the newest of a suffix."""
    newest = sorted(listed, key=lambda model: model.created, reverse=True)
    if any(model.id == name for model in newest):
        return name
    for model in newest:
        suffix = suffix_of(model.id)
        if name == suffix or (name == LATEST and model.id.startswith("ft:")):
            return model.id
    return None


def successors(gone: str, listed: Iterable[ListedModel], fallback: Sequence[str]) -> list[str]:
    """Who may answer for a model that has disappeared: its suffix's newest, then ``fallback``.

    Of ``fallback``, only what the server has; all of it where the server tells nothing.
    """
    known = list(listed)
    suffix = suffix_of(gone)
    same = from_server(suffix, [m for m in known if m.id != gone]) if suffix else None
    names = {model.id for model in known}
    rest = [name for name in fallback if not names or name in names]
    return [name for name in dict.fromkeys([*([same] if same else []), *rest]) if name != gone]


def apply_alias(name: str, aliases: Mapping[str, str]) -> str:
    """The name behind an alias; an alias of an alias is followed, a circle is left where it is."""
    seen = {name}
    while (behind := aliases.get(name)) is not None and behind not in seen:
        seen.add(behind)
        name = behind
    return name
