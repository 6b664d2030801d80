"""Redraw a sample from its receipt: python verify_receipt.py receipt.json frame.csv   (Python 3.9+, nothing else)

frame.csv: unit_id, agent_id, source, pi and role of every unit ('pool' = reviewed for certain). Without a column pi,
every unit of an agent has the same chance n/N, read from the receipt. Exit code: 0 equal, 1 different, 2 wrong use.
"""

import csv
import hashlib
import hmac
import json
import struct
import sys
from collections import defaultdict
from pathlib import Path


def number(seed: str, unit_id: str) -> float:
    first_seven = hmac.new(seed.encode(), unit_id.encode(), hashlib.sha256).digest()[:7]
    return min((int.from_bytes(first_seven, "big") + 0.5) / 2.0**56, 1.0 - 2.0**-53)


def redraw(receipt: dict, rows: list) -> set:  # type: ignore[type-arg]
    size = {(c["source"], c["agent_id"]): (c["ranked"], c["frame"] - c["pool"]) for c in receipt["counts"]}
    certain = {pick["unit_id"] for pick in receipt["picks"] if pick["reason"] == "certainty"}
    picked, strata = set(), defaultdict(list)
    for row in rows:
        group, unit = (row["source"], row["agent_id"]), row["unit_id"]
        pool = row["role"] == "pool" if row.get("role") else unit in certain
        take, among = size.get(group, (0, 1))
        pi = row["pi"] = float(row["pi"]) if row.get("pi") else 1.0 if pool else take / among
        if pool:
            picked.add(unit)
        elif pi > 0:
            u = number(receipt["seed"], unit)
            strata[group].append((u * (1 - pi) / ((1 - u) * pi), u, unit, pi))
    for units in strata.values():
        waiting, take = [unit for _, _, unit, _ in sorted(units)], round(sum(pi for _, _, _, pi in units))
        picked.update(waiting[:take])
        del waiting[:take]
        for step in receipt["replacements"]:
            if step["unit_id"] in picked and step["substitute"] in waiting:
                picked.add(waiting.pop(0))
    return picked - {step["unit_id"] for step in receipt["replacements"]}


def main(receipt_path: str, frame_path: str) -> int:
    receipt = json.loads(Path(receipt_path).read_text(encoding="utf-8"))
    with open(frame_path, encoding="utf-8-sig", newline="") as frame:
        rows = sorted(csv.DictReader(frame), key=lambda row: row["unit_id"])
    stated, found = {pick["unit_id"] for pick in receipt["picks"]}, redraw(receipt, rows)
    faults = [f"{unit}: {'drawn again' if unit in found else 'on the receipt'} only" for unit in sorted(found ^ stated)]
    ids, pi = "\n".join(row["unit_id"] for row in rows), [struct.pack(">d", row["pi"]) for row in rows]
    hashed = {"frame_hash": ids.encode(), "probability_hash": b"".join(pi), "commitment": receipt["seed"].encode()}
    faults += [f"{name} differs" for name in hashed if hashlib.sha256(hashed[name]).hexdigest() != receipt[name]]
    print("\n".join(faults) or f"equal: {len(found)} of {len(rows)} units, drawn again from the seed")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 3 else 2)
