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
    return environment.get_template("api.html.j2").render(info=schema["info"], routes=routes)
