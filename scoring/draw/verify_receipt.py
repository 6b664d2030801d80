"""Redraw a sample: python verify_receipt.py receipt.json frame.csv   (Python 3.9+, nothing else; exit code 0 = equal)
frame.csv: unit_id, agent_id, source, pi, role ('pool' = certain) of all units; without pi, the receipt's n/N holds."""
import csv, hashlib, hmac, json, re, sys  # noqa: E401, I001
from struct import pack


def number(seed: str, unit: bytes, size: int = 7) -> int:
    return int.from_bytes(hmac.new(seed.encode(), unit, hashlib.sha256).digest()[:size], "big")

def screen(h: int, unit: bytes) -> int:  # decides which few units of a very large frame are compared at all
    for at in range(0, len(unit), 8):
        h = ((h ^ int.from_bytes(unit[at : at + 8], "little")) * 0x9E3779B97F4A7C15) & (2**64 - 1)
        h ^= h >> 32
    return (h := (h * 0xBF58476D1CE4E5B9) & (2**64 - 1)) ^ (h >> 32)


def plain(cell: str) -> str:  # an apostrophe before what a spreadsheet would run is not part of the cell
    return cell[1:] if cell[:1] == "'" and re.match(r"'+(\s*[=+\-@]|[\t\r])", cell) else cell


def redraw(receipt: dict, rows: csv.DictReader, key: int) -> tuple:  # type: ignore[type-arg]
    out = {step["unit_id"]: step["substitute"] for step in receipt["replacements"]}
    size = {(c["source"], c["agent_id"]): [c["ranked"], c["frame"] - c["pool"], c["frame"]] for c in receipt["counts"]}
    certain, picked, frame, strata = {p["unit_id"] for p in receipt["picks"] if p["reason"] == "certainty"}, {}, [], {}  # type: ignore
    for unit, group, row in ((plain(row["unit_id"]), (plain(row.get("source") or "chat"), plain(row["agent_id"])), row) for row in rows):
        pool, (take, among) = row["role"] == "pool" if row.get("role") else unit in certain, size.setdefault(group, [0, 1, 0])[:2]
        size[group][2] -= 1
        pi = float(row["pi"]) if row.get("pi") else 1.0 if pool else min(take / among, 1.0)
        frame.append((screen(key ^ len(unit.encode()), unit.encode()) if key else unit, pi))
        if pi > 0 and (not key or frame[-1][0] <= ((take + 8 * int(take**0.5) + 16) << 64) // among):
            u = min((number(receipt["seed"], unit.encode()) + 0.5) / 2.0**56, 1.0 - 2.0**-53)
            strata.setdefault((unit,) if pool else group, []).append((u * (1 - pi) / ((1 - u) * pi), u, unit, pi))
    for group, units in strata.items():  # whoever was taken back lets one more in, as long as one is waiting
        left = size[group][0] if key else round(sum(pi for _, _, _, pi in units))
        for _, _, unit, pi in sorted(units):
            picked.update({unit: pi} if left else {})
            left -= bool(left and unit not in out)
    return picked, sorted(frame), out, size


def main(receipt_path: str, frame_path: str) -> int:
    with open(receipt_path, encoding="utf-8") as file, open(frame_path, encoding="utf-8-sig", newline="") as table:
        r = json.load(file)
        key = number(seed := r["seed"], b"screen", 8) * ("screened" in r["algorithm"])
        picked, frame, out, size = redraw(r, csv.DictReader(table), key)
    stated, found = {p["unit_id"]: p["pi"] for p in r["picks"]}, {u: pi for u, pi in picked.items() if u not in out}
    both = ((u, stated.get(u, "-"), found.get(u, "-")) for u in sorted({*stated, *found}))
    faults = [f"{u}: chance {one} on the receipt, {other} drawn again" for u, one, other in both if one != other]
    faults += [f"{u}: in a replacement, but never drawn" for u in sorted(({*out} | {*out.values()}) - {None, *picked})]
    faults += [f"{' '.join(group)}: {n} units more on the receipt than in the frame" for group, (_, _, n) in size.items() if n]
    sums = (sum(h**power for h, _ in frame) % 2**64 for power in range(4 if key else 0))
    ids = b"".join(h.to_bytes(8, "big") for h in sums) or "\n".join(u for u, _ in frame).encode()
    made = {"frame_hash": ids, "probability_hash": b"".join(pack(">d", p) for _, p in frame), "commitment": seed.encode()}
    faults += [f"{n} differs" for n, text in made.items() if r[n] and hashlib.sha256(text).hexdigest() != r[n]]
    print("\n".join(faults) or f"equal: {len(found)} of {len(frame)} units, drawn again from the seed")
    return int(faults != [])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) == 3 else 2)
