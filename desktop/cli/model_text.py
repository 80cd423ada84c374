"""Model bundles in words for people and as objects for scripts."""

from desktop.authoring.model_bundles import ListedBundle
from desktop.cli.presenting import shown
from engine.bundles.catalogue import CatalogueBundle, CataloguePart
from engine.bundles.installed_bundle import Capability, InstalledBundle

_CAPABILITY_WORDS = {
    Capability.CLIP_DRIVEN: "characters follow driving clips",
    Capability.VOICE_DRIVEN: "characters speak voices",
    Capability.IDENTITY: "identity",
    Capability.MOTION_INTENSITY: "motion intensity",
}
_MOST_CHANGED_SHOWN = 3
WEIGHTS_ARE_RANDOM = "weights are random: what they render is noise"


def bundle_lines(listed: ListedBundle) -> list[str]:
    """Return what a person reads of an installed bundle, in rich markup."""
    bundle = listed.bundle
    lines = [
        f"[bold]{shown(bundle.name)}[/bold]  {_size(listed.size_bytes)}  {shown(bundle.folder)}",
        *(f"  can     {_CAPABILITY_WORDS[each]}{_rate(bundle, each)}" for each in _in_order(bundle)),
        *(
            f"  cannot  {_CAPABILITY_WORDS[each.capability]}: {shown(each.reason)}"
            for each in listed.unavailable
        ),
    ]
    if bundle.licences:
        lines.append(f"  licence {shown('; '.join(bundle.licences))}")
    if bundle.random_weights:
        lines.append(f"  [yellow]note[/yellow]    its {WEIGHTS_ARE_RANDOM}")
    lines += [f"  note    {shown(note)}" for note in bundle.notes]
    lines += _changed_lines(listed)
    return lines


def _changed_lines(listed: ListedBundle) -> list[str]:
    """Return what to say of files that are not as they were verified."""
    if not listed.changed_files:
        return []
    if not listed.bundle.folder.is_dir():
        return ["  [red]gone[/red]    its folder is not there: connect the disk, or remove the bundle"]
    first = listed.changed_files[:_MOST_CHANGED_SHOWN]
    more = len(listed.changed_files) - len(first)
    return [
        *(f"  [red]changed[/red] {shown(path)}" for path in first),
        *([f"          and {more} more"] if more else []),
        f"          Check the bundle with: masque models verify {shown(listed.bundle.name)}",
    ]


def known_lines(known: CatalogueBundle) -> list[str]:
    """Return what a person needs for a bundle that is not installed, in rich markup."""
    parts = [part for part in known.parts if part.layouts]
    lines = [
        f"[bold]{shown(known.name)}[/bold]  not installed: {shown(known.title)}",
        "  Put these into one folder, then: masque models add DIR",
        *(_part_line(part) for part in parts if part.required),
    ]
    for each in known.capabilities:
        needs = [known.part(name) for name in each.needs if known.part(name).layouts]
        if needs:
            lines += [f"  so that {_CAPABILITY_WORDS[each.name]}:", *(_part_line(part) for part in needs)]
    others = [part for part in parts if part.without_it]
    if others:
        lines += ["  and, where you have them:", *(_part_line(part) for part in others)]
    return lines


def _part_line(part: CataloguePart) -> str:
    licence = f", {part.licence}" if part.licence else ""
    return f"    {shown(part.wanted)}  [dim]{shown(part.source)}{shown(licence)}[/dim]"


def bundle_answer(listed: ListedBundle) -> dict[str, object]:
    """Return an installed bundle for a script."""
    bundle = listed.bundle
    return {
        "name": bundle.name,
        "folder": bundle.folder,
        "capabilities": _in_order(bundle),
        "unavailable": listed.unavailable,
        "size_bytes": listed.size_bytes,
        "licences": bundle.licences,
        "voice_frame_rate": bundle.voice_frame_rate,
        "random_weights": bundle.random_weights,
        "notes": bundle.notes,
        "changed_files": listed.changed_files,
        "parts": {name.value: part for name, part in bundle.parts.items()},
    }


def known_answer(known: CatalogueBundle) -> dict[str, object]:
    """Return a bundle of the catalogue for a script."""
    return {
        "name": known.name,
        "title": known.title,
        "parts": [
            {
                "part": part.name,
                "title": part.title,
                "required": part.required,
                "wanted": part.wanted,
                "project": part.source,
                "licence": part.licence,
            }
            for part in known.parts
            if part.layouts
        ],
    }


def _in_order(bundle: InstalledBundle) -> list[Capability]:
    return [each for each in Capability if each in bundle.capabilities]


def _rate(bundle: InstalledBundle, capability: Capability) -> str:
    if capability is not Capability.VOICE_DRIVEN or bundle.voice_frame_rate is None:
        return ""
    return f", at {float(bundle.voice_frame_rate):g} frames a second"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"
