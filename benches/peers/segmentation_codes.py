"""Compares the codes of crates/medseg-volume/src/segments/anatomy.rs with the context groups of PS3.16 as pydicom has them,
and with DCMQI's and 3D Slicer's lists of terminology where their files are given.

    pip install pydicom
    python benches/peers/segmentation_codes.py [SegmentationCategoryTypeModifier-*.json ...] [totalsegmentator_snomed_mapping.csv]

Prints each entry that no source has, and how many each source has.
"""

import csv
import json
import re
import sys
from pathlib import Path

from pydicom.sr._concepts_dict import concepts

SOURCE = Path(__file__).parents[2] / "crates/medseg-volume/src/segments/anatomy.rs"


def known(paths):
    """Codes of each source with their meanings, in lower case."""
    sources = {"PS3.16 (pydicom)": {}}
    for keyword in concepts["SCT"].values():
        for value, (meaning, groups) in keyword.items():
            if groups:
                sources["PS3.16 (pydicom)"].setdefault(value, set()).add(meaning.lower())
    for path in map(Path, paths):
        found = sources.setdefault(path.name, {})
        if path.suffix == ".json":
            for category in json.loads(path.read_text())["SegmentationCodes"]["Category"]:
                modifiers = [modifier for kind in category["Type"] for modifier in kind.get("Modifier", [])]
                for entry in [category, *category["Type"], *modifiers]:
                    found.setdefault(entry["CodeValue"], set()).add(entry["CodeMeaning"].lower())
        else:
            for row in csv.DictReader(path.open()):
                value = row["SegmentedPropertyTypeCodeSequence.CodeValue"]
                found.setdefault(value, set()).add(row["SegmentedPropertyTypeCodeSequence.CodeMeaning"].lower())
    return sources


def main():
    text = SOURCE.read_text()
    entries = re.findall(r'entry\(\s*\w+,\s*(?:true|false),\s*"(\d+)",\s*"([^"]+)"', text)
    entries += re.findall(r'Code::sct\("(\d+)", "([^"]+)"\)', text.split("#[cfg(test)]")[0])
    sources = known(sys.argv[1:])
    counts = dict.fromkeys(sources, 0)
    for value, meaning in entries:
        having = [name for name, codes in sources.items() if meaning.lower() in codes.get(value, ())]
        for name in having:
            counts[name] += 1
        if not having:
            print("in no source:", value, meaning)
    print(f"{len(entries)} codes;", ", ".join(f"{count} in {name}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
