"""An API's description as a page: made of its OpenAPI schema, without a script and without a network."""

from collections.abc import Mapping
from typing import Any

import jinja2

from web.access import PAGES


def api_page(schema: Mapping[str, Any]) -> str:
    """HTML of every route: what it does, what it takes, what it answers."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )  # fmt: skip
    routes = [
        {
            "method": method.upper(), "path": path, "summary": route.get("summary", ""),
            "parameters": route.get("parameters", []),
            "bodies": list(route.get("requestBody", {}).get("content", {})),
            "responses": sorted(route.get("responses", {}).items()),
        }
        for path, methods in schema["paths"].items()
        for method, route in methods.items()
    ]  # fmt: skip
    answers = [
        {"name": name, "about": one.get("description", ""), "fields": [
            {"name": key, "kind": _kind(field), "about": field.get("description", "")} for key, field in one["properties"].items()]}
        for name, one in schema.get("components", {}).get("schemas", {}).items()
        if not name.endswith("ValidationError")
    ]  # fmt: skip
    return environment.get_template("api.html.j2").render(info=schema["info"], routes=routes, answers=answers)


def _kind(field: Mapping[str, Any]) -> str:
    """What a field of JSON is, in words."""
    if "anyOf" in field:
        return " or ".join(map(_kind, field["anyOf"]))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field:
        return " or ".join(map(str, field["enum"]))
    if field.get("type") == "array":
        return f"list of {_kind(field['items'])}"
    if isinstance(field.get("additionalProperties"), Mapping):
        return f"by name: {_kind(field['additionalProperties'])}"
    kind = str(field["type"])
    return {"integer": "whole number", "boolean": "true or false", "string": "text"}.get(kind, kind)
