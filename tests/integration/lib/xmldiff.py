# SPDX-License-Identifier: GPL-2.0-or-later
"""
What differs between two XML documents, as places and values: "differs in that and nothing else" is one
comparison of a dictionary. Siblings of one name are told apart by what identifies them, else by position.
"""

from lxml import etree

# Per element: the path whose value tells one from its siblings.
IDENTITY = {
    "disk": "target/@dev", "interface": "mac/@address", "controller": ("@type", "@index"), "vcpupin": "@vcpu",
    "feature": "@name", "cell": "@id", "vcpu": "@id", "iothreadpin": "@iothread", "channel": "target/@name",
    "alias": None, "timer": "@name", "page": ("@size", "@nodeset"),
}


def _label(element, position):
    keys = IDENTITY.get(element.tag)
    if keys:
        values = [v for key in ([keys] if isinstance(keys, str) else keys) for v in element.xpath(key)]
        if values:
            return f"{element.tag}[{','.join(values)}]"
    return f"{element.tag}[{position}]" if position else element.tag


def flatten(xml):
    """Path -> value, for every attribute and every text; an empty element is a path with ''."""
    out = {}

    def walk(element, path):
        text = (element.text or "").strip()
        if text or not (element.attrib or len(element)):
            out[path] = text
        for name, value in element.attrib.items():
            out[f"{path}/@{name}"] = value
        seen, labels = {}, {}
        for child in element:
            if not isinstance(child.tag, str):  # a comment
                continue
            position = seen.get(child.tag, 0)
            seen[child.tag] = position + 1
            label = _label(child, position)
            again = labels[label] = labels.get(label, 0) + 1
            walk(child, f"{path}/{label}" + (f"#{again}" if again > 1 else ""))

    root = etree.fromstring(xml)
    walk(root, root.tag)
    return out


def difference(before, after, ignore=()):
    """Path -> (old, new) for all that differs, None where a side has nothing. `ignore`: prefixes of paths."""
    old, new = flatten(before), flatten(after)
    return {path: (old.get(path), new.get(path)) for path in sorted({*old, *new})
            if old.get(path) != new.get(path) and not path.startswith(tuple(ignore))}


# kvmstate's mark lies here; adoption adds it and nothing else.
METADATA = "domain/metadata"
