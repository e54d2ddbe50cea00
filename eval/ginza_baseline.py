"""A peer for the leaderboard: what GiNZA, a general reader of Japanese, finds in the records.

Install (no other downloads; the model `ja_ginza` is a package too) and run:

    python3 -m venv venv-ginza && venv-ginza/bin/pip install ginza ja_ginza
    venv-ginza/bin/python eval/ginza_baseline.py < corpus/records/c06.jsonl > ginza.jsonl
    tsumugi eval ginza.jsonl --corpus corpus/records --split dev    # all records of the split, of course

Reads JSON lines with `id` and `text`, prints one prediction line a record. The labels of GiNZA's named entities
(Sekine's extended hierarchy) are mapped to our tags where they mean the same; what it calls a film, a company or a
dish is left out, and so are its numbers with units. The sex is cut off an age (GiNZA keeps it inside). GiNZA judges
neither certainty nor state: every `d` is said to be positive, every drug to be taken. It has seen no clinical text,
and no word list or rule for clinical text is added here: what it scores is what a general model gives for nothing.
Which labels are mapped was looked at on the train split only.
"""
import json
import re
import sys

try:
    import spacy

    MODEL = spacy.load("ja_ginza")
except (ImportError, OSError):
    sys.exit("GiNZA is missing: install it with `python3 -m pip install ginza ja_ginza`, best in a venv of its own")

TAGS = {
    "Animal_Disease": ("d", None),
    "Disease_Other": ("d", None),
    "Animal_Part": ("a", None),
    "Living_Thing_Part_Other": ("a", None),
    "Drug": ("m-key", None),
    "Compound": ("m-key", None),
    "Element": ("m-key", None),
    "Date": ("timex3", "date"),
    "Day_Of_Week": ("timex3", "date"),
    "Era": ("timex3", "date"),
    "Time": ("timex3", "time"),
    "Time_Top_Other": ("timex3", "misc"),
    "Timex_Other": ("timex3", "misc"),
    "Period_Time": ("timex3", "duration"),
    "Period_Day": ("timex3", "duration"),
    "Period_Week": ("timex3", "duration"),
    "Period_Month": ("timex3", "duration"),
    "Period_Year": ("timex3", "duration"),
    "Periodx_Other": ("timex3", "duration"),
    "Frequency": ("timex3", "set"),
    "Age": ("timex3", "age"),
}
SEX = re.compile("(男性|女性|男児|女児|男子|女子|男|女)$")


def entity(found):
    tag, kind = TAGS[found.label_]
    text = found.text
    if found.label_ == "Age":
        text = SEX.sub("", text)
    end = found.start_char + len(text)
    made = {"start": found.start_char, "end": end, "text": text, "tag": tag}
    if kind:
        made["type"] = kind
    if tag == "d":
        made["certainty"] = "positive"
    if tag == "m-key":
        made["state"] = "executed"
    return made


def main():
    records = [json.loads(line) for line in sys.stdin if line.strip()]
    documents = MODEL.pipe(record["text"] for record in records)
    for record, document in zip(records, documents):
        if document.text != record["text"]:
            sys.exit(f"{record['id']}: GiNZA changed the text, its places cannot be used")
        found = [entity(one) for one in document.ents if one.label_ in TAGS]
        made = [one for one in found if one["text"].strip()]
        print(json.dumps({"id": record["id"], "entities": made}, ensure_ascii=False))


main()
