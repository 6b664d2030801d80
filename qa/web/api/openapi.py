"""The description of `/api/v1` for programs (OpenAPI 3.1), and a page of it for people. Made from the list of
endpoints."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, fields
from functools import cache
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import Any, get_type_hints

import msgspec

from qa.people.tokens import SCOPES
from qa.web.api.calls import MOST, Endpoint

ERRORS = {
    400: "invalid: the request cannot be accepted as it is",
    401: "no token, or one that has ended",
    403: "denied: the token's scopes or the rights of its account do not allow this",
    404: "not_found",
    405: "method: the address does not take this method",
    409: "conflict, stale or busy: the present state forbids it; `busy` may succeed later",
    429: "too many requests with this token; see Retry-After",
    503: "unavailable: database or disk are away; see Retry-After",
}
IDEMPOTENCY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "description": "Names the request: sent again with the same body it gets the same answer, and does nothing again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 100},
}  # fmt: skip


@dataclass(frozen=True)
class ProblemDetails:
    """An error as RFC 9457 says it (`application/problem+json`). `code` never changes, `detail` is a sentence in the
    reader's language, `facts` are what it says."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]


def document(endpoints: tuple[Endpoint, ...], root: str) -> dict[str, Any]:
    """The whole description."""
    types = [
        ProblemDetails,
        *(e.answer for e in endpoints if e.answer is not dict),
        *(e.body for e in endpoints if e.body),
    ]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spotcheck", "version": _version(),
            "description": "Results, samples and conversations as the account behind the token may see them. Estimates"
            " come with their interval or with the reason why there is none. Times are UTC, days those of the business"
            " time zone, scores in points.",
        },
        "servers": [{"url": root}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http", "scheme": "bearer",
                    "description": "Scopes: " + "; ".join(f"{name}: {said}" for name, said in SCOPES.items()),
                }
            },
            "schemas": components,
        },
    }  # fmt: skip


def page(endpoints: tuple[Endpoint, ...], root: str) -> str:
    """The same for people: what there is, what it takes, what it needs."""
    rows = "".join(
        f"<tr><td><code>{e.method} "
        f"{escape(e.path)}</code></td><td>{escape(e.summary)}</td><td>{escape(e.scope or '–')}</td>"
        f"<td><code>{escape(', '.join(f.name for f in fields(e.params)) or '–')}</code></td></tr>"
        for e in endpoints
    )
    scopes = "".join(f"<li><code>{name}</code>: {escape(said)}</li>" for name, said in SCOPES.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Spotcheck API</title><style>'
        "body{font:15px/1.6 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222;"
        "background:#fbfaf6}table{border-collapse:collapse;width:100%}"
        "td,th{border-bottom:1px solid #ddd;padding:.4em .6em;text-align:left;vertical-align:top}"
        "</style></head><body><h1>Spotcheck API v1</h1>"
        f"<p>Every request carries <code>Authorization: Bearer TOKEN</code>. The whole description for programs:"
        f' <a href="{root}/openapi.json">openapi.json</a> (OpenAPI 3.1). A typed'
        f' client for Python: <a href="{root}/client.py">client.py</a>.</p><ul>{scopes}</ul>'
        f"<table><tr><th>Address</th><th>What</th><th>Scope</th><th>Parameters</th></tr>{rows}</table></body></html>"
    )


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    answer = {"type": "object"} if endpoint.answer is dict else _ref(endpoint.answer)
    found: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{endpoint.method.lower()}{endpoint.path}").strip("_"),
        "summary": endpoint.summary,
        "parameters": [*_in_path(endpoint), *_in_query(endpoint), *([IDEMPOTENCY] if endpoint.body else [])],
        "responses": {
            "200": {"description": endpoint.summary, "content": {"application/json": {"schema": answer}}},
            **{
                str(status): {
                    "description": said,
                    "content": {"application/problem+json": {"schema": _ref(ProblemDetails)}},
                }
                for status, said in ERRORS.items()
            },
        },
    }  # fmt: skip
    if endpoint.body is not None:
        found["requestBody"] = {
            "required": True, "content": {"application/json": {"schema": _ref(endpoint.body)}},
        }  # fmt: skip
    if endpoint.scope:
        found["description"] = f"Needs the scope `{endpoint.scope}`."
    return found


def _in_path(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]


def _in_query(endpoint: Endpoint) -> list[dict[str, Any]]:
    hints = get_type_hints(endpoint.params)
    found = []
    for one in fields(endpoint.params):
        schema: dict[str, Any] = {"type": "integer" if hints[one.name] is int else "string"}
        if one.name == "limit":
            schema |= {"minimum": 1, "maximum": MOST}
        if one.default is not MISSING and one.default not in ("", None):
            schema["default"] = one.default
        found.append({"name": one.name, "in": "query", "required": False, "schema": schema})
    return found


def _ref(type_: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{type_.__name__}"}


@cache
def _version() -> str:
    try:
        return version("spotcheck-qa")
    except PackageNotFoundError:
        return "0"
