"""An audit as a table."""

from __future__ import annotations

from .result import Audit


def audit_table(audit: Audit) -> str:
    """Return the text of an audit: one finding a line."""
    rows: list[tuple[str, str]] = []
    rows += _counts(audit)
    rows += _volumes(audit)
    rows += _contacts(audit)
    rows += _order(audit)
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in rows)


def _counts(audit: Audit) -> list[tuple[str, str]]:
    known = all(species.asked is not None for species in audit.species)
    asked = sum(species.asked or 0 for species in audit.species)
    missing = [s for s in audit.species if s.asked is not None and s.asked != s.placed]
    rows = [
        (
            "instances",
            f"{audit.n_instances} of {len(audit.species)} species"
            + (f", {asked} asked" if known else ", asked not known"),
        )
    ]
    rows += [(f"  {s.name}", f"{s.placed} of {s.asked} asked") for s in missing]
    return rows


def _volumes(audit: Audit) -> list[tuple[str, str]]:
    occupancy = audit.occupancy
    edges = " x ".join(f"{edge:.1f}" for edge in occupancy.box)
    held = occupancy.blocked > 0
    rows = [("boundary", audit.boundary)]
    if occupancy.filled is None:
        rows += [
            ("box", f"{edges} nm"),
            (
                "envelope volume fraction",
                f"{audit.fraction:.4f} of the box" + (" less the obstacle" if held else ""),
            ),
        ]
    else:
        rows += [
            ("box around everything", f"{edges} nm"),
            ("filled region", f"{occupancy.filled:.0f} nm^3, by a ball of {occupancy.ball:.1f} nm"),
            ("envelope volume fraction", f"{audit.fraction:.4f} of the filled region"),
            ("", f"{audit.fraction_of_box:.4f} of the box around everything"),
        ]
    if occupancy.trespassing:
        rows.append(("envelopes in the obstacle", f"{occupancy.trespassing:.1f} nm^3"))
    rows += [
        ("concentration", f"{audit.mg_per_ml:.0f} mg/mL of heavy atoms"),
        ("", f"{audit.mg_per_ml_with_hydrogens:.0f} mg/mL with hydrogens, estimated"),
        (
            "envelopes shared",
            f"{100 * occupancy.shared / occupancy.union:.3f} % of their volume, "
            f"{occupancy.shared_voxels} voxels of {occupancy.voxel_size:.2g} nm",
        ),
        (
            "",
            f"by {occupancy.sharing} instances, at most "
            f"{100 * occupancy.largest_share:.2f} % of one",
        ),
    ]
    return rows


def _contacts(audit: Audit) -> list[tuple[str, str]]:
    contacts = audit.contacts
    rows = []
    if contacts is not None:
        for number, within in enumerate(contacts.within):
            rows.append(
                (
                    "heavy atoms near others'" if number == 0 else "",
                    f"within {10 * within.distance:g} Å: {within.atoms} of {contacts.atoms} "
                    f"({100 * within.atoms / contacts.atoms:.2g} %), in {within.molecules} of "
                    f"{contacts.molecules} molecules",
                )
            )
        if contacts.closest is not None:
            rows.append(("", f"closest {10 * contacts.closest:.2f} Å"))
    deepest = f"{audit.balls.deepest:.3f} of the contact distance"
    rows.append(("deepest overlap of balls", deepest))
    if audit.balls.where:
        rows.append(("", audit.balls.where))
    return rows


def _order(audit: Audit) -> list[tuple[str, str]]:
    rows = []
    if audit.radial is not None:
        g = audit.radial.g
        order = audit.order_beyond_two_spacings
        expected = audit.radial.expected >= 5
        if expected.any():
            peak = int(expected.nonzero()[0][g[expected].argmax()])
            rows.append(
                ("radial distribution", f"highest {g[peak]:.2f} at {audit.radial.r[peak]:.1f} nm")
            )
        if order is not None:
            rows.append(("", f"beyond two spacings {order:.2f} of the error of chance (1: none)"))
    if audit.orientation is None:
        return rows
    for number, nematic in enumerate(audit.orientation.nematic):
        if number == 0 or nematic.deviation > 4:
            rows.append(
                (
                    "nematic order" if number == 0 else "",
                    f"{nematic.order:.3f}, random {nematic.random:.3f} ± "
                    f"{nematic.random_spread:.3f} ({nematic.name}, {nematic.n})",
                )
            )
    near = audit.orientation.neighbours
    if near is not None:
        rows.append(
            (
                "nearest neighbours",
                f"{near.order:+.3f}, random 0 ± {near.random_spread:.3f} ({near.pairs} pairs)",
            )
        )
    rows.append(
        (
            "evenness of rotations",
            f"p {audit.orientation.polar_p:.2g} (vectors), {audit.orientation.axial_p:.2g} "
            "(tensors)",
        )
    )
    return rows
