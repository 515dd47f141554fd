#!/usr/bin/python3
"""Writes the seeds of the binary targets from the golden files; run it when those change."""
import pathlib
import struct

import zstandard

here = pathlib.Path(__file__).resolve().parent
golden = here.parent / "golden" / "events"
TYPES = ["transaction_decided", "transaction_quarantined", "label_reported", "alert_raised", "customer_updated",
         "merchant_updated", "list_updated", "rate_updated", "policy_updated", "features_activated",
         "rules_activated"]


def put(target, name, data):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def golden_segment():
    segment = bytearray(1 << 20)
    for row in (here.parent / "eventlog/storage/golden/segment.txt").read_text().splitlines():
        at, data = row.split()
        segment[int(at, 16):int(at, 16) + len(data) // 2] = bytes.fromhex(data)
    return bytes(segment)


segment = golden_segment()
put("segment_header", "golden", b"\1" + segment[:120])
put("segment_header", "unrepaired", b"\0" + segment[:120])
for number, at in enumerate((4096, 8192)):
    payload_bytes = struct.unpack_from("<I", segment, at + 8)[0]
    frame = segment[at:at + 120 + payload_bytes]
    put("frame", f"golden_{number}", b"\x1f" + frame)
    put("frame", f"golden_{number}_unrepaired", b"\x08" + segment[at:at + 4096 - 48] + segment[at + 4048:at + 4096])
    put("frame", f"golden_{number}_succeeding", b"\x0f" + frame)
for number, name in enumerate(TYPES, 1):
    put("event", name, bytes([number, 1]) + (golden / f"{name}.v1.bin").read_bytes())

# An index of one frame and three keys, one of them twice: header, frame, filter block, keys, places.
keys = [7, 9, 9, 1 << 60]
body = struct.pack("<QqQ", 1, 1_700_000_000_000_000, 4096) + b"\xff" * 64
body += struct.pack("<4Q", *keys) + struct.pack("<4I", 520, 540, 560, 580)
header = struct.pack("<QII16sQQQII", 0x5844494C47495649 & (2**64 - 1), 1, 1, bytes(range(1, 17)), 0, len(keys), 1, 0, 0)
put("segment_index", "file", b"\2" + b"VIGILIDX" + header[8:] + body)
put("segment_index", "built", b"\1" + bytes([3, 1, 0, 5, 1, 0, 0, 2, 0, 9, 4, 2, 7, 7, 1, 9, 9, 0, 30] * 4))

# An archive of the golden segment in two chunks; the target puts the checksums right.
compressor = zstandard.ZstdCompressor(write_checksum=True)
chunks = [segment[:12288], segment[12288:]]
packed = [compressor.compress(chunk) for chunk in chunks]
place = 512 + sum(map(len, packed))
entries = struct.pack("<II", 512, 0) + b"".join(struct.pack("<II", len(p), len(c)) for p, c in zip(packed, chunks))
table = struct.pack("<II", 0x184D2A5E, len(entries) + 9) + entries + struct.pack("<IBI", len(chunks) + 1, 0, 0x8F92EAB1)
header = struct.pack("<II8sIIQQQ", 0x184D2A50, 504, b"VIGILARC", 1, len(chunks), 12288, place + len(table), place)
header += segment[:120] + segment[8192:8192 + 120] + segment[12288 - 48:12288]
header += bytes(512 - len(header))
put("archive", "golden", b"\3" + header + b"".join(packed) + table)
put("archive", "unrepaired", b"\0" + header + b"".join(packed) + table)

# The pieces of an image of the decision state, without their headers and the last one, which is a summary. The file
# itself was written by an engine with the built-in features; a new kStateVersion asks for a new one.
image = (here / "corpus/state_image/file").read_bytes()[1:]
pieces, at = [], 16
while (size := struct.unpack_from("<I", image, at)[0]) != 0:
    pieces.append(image[at + 16:at + 16 + size])
    at += 16 + size
stream_time = struct.pack("<q", 1_700_000_000_000_000)
put("state_image", "pieces", b"\1" + stream_time + b"".join(struct.pack("<H", len(p)) + p for p in pieces[:-1]))
