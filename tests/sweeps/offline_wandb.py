"""Reads the file of an offline W&B run: LevelDB's log format (blocks of 32 KiB) with a protobuf message per record."""

import json
import struct
from pathlib import Path
from typing import Any

BLOCK, HEADER = 32768, 7
FULL, LAST = 1, 4


def messages(path: Path) -> list[Any]:
    """The records of a `.wandb` file, in order."""
    from wandb.proto.wandb_internal_pb2 import Record

    data = path.read_bytes()
    assert data[:4] == b":W&B"
    found, pieces, at = [], b"", HEADER
    while at + HEADER <= len(data):
        if BLOCK - at % BLOCK < HEADER:
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        pieces += data[at + HEADER : at + HEADER + length]
        at += HEADER + length
        if kind in (FULL, LAST):
            record = Record()
            record.ParseFromString(pieces)
            found.append(record)
            pieces = b""
    return found


def read_back(folder: Path) -> dict[str, Any]:
    """What the offline runs in `<folder>/wandb` hold together: id, group, config, history, summary, files, exit."""
    told: dict[str, Any] = {"ids": set(), "group": "", "config": {}, "history": [], "summary": {}, "exit": None}
    for path in sorted((folder / "wandb").glob("offline-run-*/*.wandb")):
        for record in messages(path):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                told["ids"].add(record.run.run_id)
                told["group"] = record.run.run_group
                told["config"] |= {one.key: json.loads(one.value_json) for one in record.run.config.update}
            elif kind == "config":
                told["config"] |= {
                    one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in record.config.update
                }
            elif kind == "history":
                told["history"].append({_name(one): json.loads(one.value_json) for one in record.history.item})
            elif kind == "summary":
                told["summary"] |= {_name(one): json.loads(one.value_json) for one in record.summary.update}
            elif kind == "exit":
                told["exit"] = record.exit.exit_code
    return told


def _name(item: Any) -> str:
    return item.key or "/".join(item.nested_key)
