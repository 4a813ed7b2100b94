"""Merges the schemas that ts-json-schema-generator wrote into one small file of definitions (see README.md)."""
import json
import sys

def without_prose(node):
    if isinstance(node, dict):
        return {k: without_prose(v) for k, v in node.items()
                if not (k in ("description", "deprecated", "$schema") and not isinstance(v, dict))}
    if isinstance(node, list):
        return [without_prose(v) for v in node]
    return node

folder = sys.argv[1]
definitions = {}
for name in ("ModalView", "HomeView", "KnownBlock"):
    with open(f"{folder}/{name}.json", encoding="utf-8") as f:
        schema = json.load(f)
    definitions.update(schema.pop("definitions"))
    definitions[name] = schema
# `AnyBlock` admits any object with a string `type`, which would let every mistake pass: blocks are looked up by
# their type and checked one by one instead.
definitions["AnyBlock"] = {"type": "object"}
json.dump({"definitions": without_prose(definitions)}, sys.stdout, indent=1, sort_keys=True)
print()
