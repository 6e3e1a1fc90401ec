"""`evals/run.py scanners`: what the scanners find of secrets, personal data and planted instructions, and how often they warn
of ordinary talk. The written cases (evals/cases/scanners.txt), the development sets of shared data, and, for false alarms,
LoCoMo's turns and banking77's questions. Unseen sets are not opened."""

import argparse
import json
import random
import re
import string
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals import locomo
from evals.datasets import data_root
from evals.provenance import provenance
from inference.port import Label
from inference.scanning.scanner import RuleScanner

CASES = Path(__file__).resolve().parent / "cases" / "scanners.txt"
BASELINE = Path(__file__).resolve().parent / "baselines" / "scanners.json"
RATES_MAX = {"false_quarantine_locomo": 0.001, "false_quarantine_banking77": 0.001}
DROP_MAX = 0.01
# What the rules look for, of the types that the set is labelled with.
PII_KINDS = {
    "PHONE_NUMBER": {"phone"},
    "CREDIT_CARD": {"credit_card"},
    "EMAIL_ADDRESS": {"email"},
    "US_SSN": {"us_ssn"},
    "IP_ADDRESS": {"ip_address"},
}
_HOLE = re.compile(r"\{([ahudw])(\d+)\}")
_LETTERS = {
    "a": string.ascii_letters + string.digits,
    "h": "0123456789abcdef",
    "u": string.ascii_uppercase + string.digits,
    "d": string.digits,
    "w": string.ascii_letters,
}
_SCANNER = RuleScanner(list(Label))


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every committed share is reached and hardly any ordinary message is quarantined."""
    options = _options(arguments)
    figures = {**_written(told=options.verbose), **_personal(told=options.verbose), **_planted(), **_alarms(), **_speed()}
    print(json.dumps(figures, indent=2))
    if options.write_baselines:
        BASELINE.write_text(json.dumps({"figures": figures, "provenance": provenance()}, indent=2) + "\n")
    before: dict[str, float] = json.loads(BASELINE.read_text())["figures"] if BASELINE.exists() else {}
    low = [name for name, share in before.items() if "cases_" in name and figures[name] < share - DROP_MAX]
    high = [name for name, most in RATES_MAX.items() if figures[name] > most]
    for name in (*low, *high):
        print(f"{name}: {figures[name]} now, {before.get(name, RATES_MAX.get(name))} committed or allowed")
    return 1 if low or high else 0


def read(text: str) -> Iterator[tuple[str, str]]:
    """(class, text) of each case, the holes filled with what a seed gives."""
    chance = random.Random(7)  # noqa: S311  # made-up credentials

    def fill(hole: re.Match[str]) -> str:
        return "".join(chance.choices(_LETTERS[hole[1]], k=int(hole[2])))

    for line in text.splitlines():
        if line and not line.startswith("#"):
            label, said = line.split(" | ", 1)
            yield label, _HOLE.sub(fill, said).replace("\\n", "\n")


def _labels(text: str) -> set[str]:
    return {one.label.value for one in _SCANNER.scan(text)}


def _written(*, told: bool) -> Mapping[str, float]:
    cases = [(label, text, _labels(text)) for label, text in read(CASES.read_text(encoding="utf-8"))]
    for label, text, found in cases:
        if told and found - {"pii"} != {label} - {"-", "pii"}:
            print(f"{label}: {text!r}, but {sorted(found)}")
    figures: dict[str, float] = {}
    for label in Label:
        wanted = [found for case, _, found in cases if case == label]
        warned = [case for case, _, found in cases if label in found]
        figures[f"cases_recall_{label}"] = round(sum(label in found for found in wanted) / len(wanted), 4)
        figures[f"cases_precision_{label}"] = round(sum(case == label for case in warned) / len(warned), 4)
    return figures


def _personal(*, told: bool) -> Mapping[str, float]:
    """By span: found is what overlaps one of the same type. Precision over the types that are looked for."""
    rows = _lines(data_root() / "pii" / "generated_small.jsonl")
    wanted, hit, found_all, right = 0, 0, 0, 0
    for row in rows:
        found = [one for one in _SCANNER.scan(row["text"]) if one.label is Label.PII]
        for span in row["spans"]:
            kinds = PII_KINDS.get(span["type"])
            if kinds is not None:
                wanted += 1
                met = any(one.kind in kinds and one.start < span["end"] and span["start"] < one.end for one in found)
                hit += met
                if told and not met:
                    print(f"missed {span['type']}: {span['value']!r}")
        for one in found:
            met = any(one.start < span["end"] and span["start"] < one.end for span in row["spans"])
            found_all, right = found_all + 1, right + met
            if told and not met:
                print(f"alarm {one.kind}: {row['text'][one.start : one.end]!r}")
    return {"pii_recall": round(hit / wanted, 4), "pii_precision": round(right / max(1, found_all), 4), "pii_spans": wanted}


def _planted() -> Mapping[str, float]:
    """Of BIPIA's planted tasks (ordinary requests: few can be known by their words) and garak's ordinary ones (none may be)."""
    figures: dict[str, float] = {}
    for kind in ("text", "code"):
        attacks: dict[str, list[str]] = json.loads(
            (data_root() / "injection" / "bipia" / f"{kind}_attack_train.json").read_text(encoding="utf-8")
        )
        texts = [text for its in attacks.values() for text in its]
        figures[f"bipia_{kind}_flagged"] = round(sum("injection" in _labels(text) for text in texts) / len(texts), 4)
    plain = json.loads((data_root() / "injection" / "garak" / "payloads" / "normal_instructions.json").read_text())["payloads"]
    figures["garak_normal_flagged"] = round(sum("injection" in _labels(text) for text in plain) / len(plain), 4)
    return figures


def _alarms() -> Mapping[str, float]:
    """How often ordinary talk would be quarantined, and how often it is tagged as personal."""
    sets = {
        "locomo": [turn.text for talk in locomo.conversations() for turn in talk.turns],
        "banking77": [row["text"] for row in _lines(data_root() / "cache" / "banking77" / "train.jsonl")],
    }
    figures: dict[str, float] = {}
    for name, texts in sets.items():
        found = [_labels(text) for text in texts]
        for text, labels in zip(texts, found, strict=True):
            if labels & {"secret", "injection"}:
                print(f"alarm {name} {sorted(labels)}: {text[:200]!r}")
        figures[f"texts_{name}"] = len(texts)
        figures[f"false_quarantine_{name}"] = round(sum(bool(one & {"secret", "injection"}) for one in found) / len(texts), 5)
        figures[f"pii_tagged_{name}"] = round(sum("pii" in one for one in found) / len(texts), 5)
    return figures


def _speed() -> Mapping[str, float]:
    text = ("We met at the station at 10:30, bought 12 apples, and talked about the trip to Leeds in May. " * 11)[:1000]
    begun = time.perf_counter()
    for _ in range(500):
        _SCANNER.scan(text)
    kilobyte_ms = (time.perf_counter() - begun) / 500 * 1e3
    begun = time.perf_counter()
    _SCANNER.scan(text * 5_000)
    return {"ms_1_kb": round(kilobyte_ms, 3), "ms_5_mb": round((time.perf_counter() - begun) * 1e3, 1)}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="evals/run.py scanners", description=__doc__)
    parser.add_argument("--write-baselines", action="store_true", help="write evals/baselines/scanners.json")
    parser.add_argument("--verbose", action="store_true", help="say what is missed, and what is warned of for nothing")
    return parser.parse_args(arguments)
