"""The typed Python client of `/api/v1`, generated from its description: one file that needs httpx and msgspec alone.

`make client` writes it to `clients/spotcheck_client.py`; a server hands out its own at `/api/v1/client.py`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qa.web.api import openapi
from qa.web.api.calls import PATH
from qa.web.api.endpoints import ENDPOINTS

Schema = Mapping[str, Any]
FILE = "spotcheck_client.py"
WIDTH = 112
"""Columns of a line of a docstring, beside its indent."""
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "object": "dict[str, Any]"}
FORMATS = {"date-time": "datetime", "date": "date"}
HEAD = '''"""Typed client of the HTTP API of Spotcheck {version}, generated from its description. Do not edit.

    client = Client("https://qa.example.com", "the token")
    for verdict in client.every(client.get_verdicts, first="2026-03-01"):
        print(verdict.agent_id, verdict.total, verdict.pi)

Needs Python 3.11 with httpx and msgspec.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
import msgspec

A = TypeVar("A")
T = TypeVar("T", covariant=True)
'''
TAIL = '''

class ApiProblem(Exception):
    """What the server refused, or could not do. `status` is that of HTTP, `details` what the server says of it."""

    def __init__(self, status: int, details: ProblemDetails | None, text: str = "") -> None:
        super().__init__(f"{status} {details.code}: {details.detail}" if details else f"{status} {text}".strip())
        self.status, self.details = status, details


class Page(Protocol[T]):
    """One page of a list; `next` is the cursor of the page after."""

    @property
    def items(self) -> Sequence[T]: ...

    @property
    def next(self) -> str | None: ...


class Client:
    """Every address of the API as a method. `address` is that of the workbench, `token` one made there.

    Raises `ApiProblem`. When the server asks to wait (`Retry-After`), a call waits up to `patience` seconds in all.
    """

    def __init__(self, address: str, token: str, *, patience: float = 60.0, http: httpx.Client | None = None) -> None:
        self._root = address.rstrip("/") + "ROOT"
        self._token, self._patience = token, patience
        self._http = http or httpx.Client(timeout=300.0)

    def every(self, ask: Callable[..., Page[T]], *ids: str, **params: Any) -> Iterator[T]:
        """The items of all pages of a list, page by page: `client.every(client.get_draws)`."""
        cursor: str | None = ""
        while cursor is not None:
            page = ask(*ids, **params, cursor=cursor)
            yield from page.items
            cursor = page.next

    def _ask(
        self,
        method: str,
        path: str,
        answer: type[A],
        params: Mapping[str, Any],
        body: Any = None,
        key: str = "",
    ) -> A:
        headers = {"Authorization": f"Bearer {self._token}"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key or uuid.uuid4().hex}
        content = None if body is None else msgspec.json.encode(body)
        given = {name: value for name, value in params.items() if value != ""}
        patience = self._patience
        while True:
            response = self._http.request(method, self._root + path, params=given, content=content, headers=headers)
            wait = float(response.headers.get("Retry-After", 0))
            if response.is_success or not 0 < wait <= patience:
                break
            patience -= wait
            time.sleep(wait)
        if response.is_success:
            return msgspec.json.decode(response.content, type=answer)
        try:
            details = msgspec.json.decode(response.content, type=ProblemDetails)
        except msgspec.MsgspecError:
            raise ApiProblem(response.status_code, None, response.reason_phrase) from None
        raise ApiProblem(response.status_code, details)
'''


def source(document: Schema) -> str:
    """The client as Python text, for the description `document` (OpenAPI 3.1)."""
    parts = [HEAD.format(version=document["info"]["version"])]
    schemas = document["components"]["schemas"]
    parts += ["\n\n" + _struct(name, schemas[name]) for name in _in_order(schemas)]
    parts.append(TAIL.replace("ROOT", document["servers"][0]["url"]))
    for path, methods in document["paths"].items():
        parts += ["\n" + _method(path, method, operation) for method, operation in methods.items()]
    return "".join(parts)


def _in_order(schemas: Schema) -> list[str]:
    """The names, each after those it refers to."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        for other in re.findall(r"#/components/schemas/(\w+)", repr(schemas[name])):
            if other != name and other not in found:
                visit(other)
        found.setdefault(name)

    for name in sorted(schemas):
        visit(name)
    return list(found)


def _struct(name: str, schema: Schema) -> str:
    lines = [f"class {name}(msgspec.Struct, frozen=True, kw_only=True):", *_docstring(schema.get("description", name))]
    lines.append("")
    required = set(schema.get("required", ()))
    for field, said in schema["properties"].items():
        default = "" if field in required else f" = {_default(said)}"
        lines.append(f"    {field}: {_type(said)}{default}")
    return "\n".join(lines) + "\n"


def _docstring(text: str, indent: str = "    ") -> list[str]:
    lines = textwrap.wrap(" ".join(text.split()), WIDTH)
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(indent + line for line in lines[1:]), f'{indent}"""']


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        kinds = [_type(one) for one in schema["anyOf"]]
        return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))
    kind = schema.get("type")
    if kind == "null":
        return "None"
    if kind == "array":
        return f"list[{_type(schema.get('items', {}))}]"
    if kind == "string" and schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    return PLAIN.get(str(kind), "Any")


def _default(schema: Schema) -> str:
    value = schema.get("default")
    return "msgspec.field(default_factory=list)" if isinstance(value, list) else _literal(value)


def _literal(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _method(path: str, method: str, operation: Schema) -> str:
    ids = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
    asked = [one for one in operation["parameters"] if one["in"] == "query"]
    body = _body(operation)
    answer = _type(operation["responses"]["200"]["content"]["application/json"]["schema"])
    lines = [f"    def {operation['operationId']}(", "        self,"]
    lines += [f"        {name}: str | int," for name in ids]
    lines += [f"        body: {body},"] if body else []
    named = list(_named(asked, bool(body)))
    lines += ["        *,", *(f"        {one}," for one in named)] if named else []
    lines += [f"    ) -> {answer}:"]
    said = f"{operation['summary']}. {operation.get('description', '')}".strip()
    lines += _docstring(said, "        ")
    address = re.sub(r"{(\w+)}", r"{quote(str(\1), safe='')}", path)
    lines += [
        "        return self._ask(",
        f'            "{method.upper()}",',
        f'            {"f" if ids else ""}"{address}",',
    ]
    lines.append(f"            {answer},")
    lines += (
        ["            {", *(f'                "{one["name"]}": {one["name"]},' for one in asked), "            },"]
        if asked
        else ["            {},"]
    )
    lines += ["            body,", "            idempotency_key,"] if body else []
    return "\n".join([*lines, "        )", ""])


def _named(asked: list[Any], pushes: bool) -> Iterator[str]:
    for one in asked:
        schema = one["schema"]
        yield f"{one['name']}: {_type(schema)} = {_literal(schema.get('default', ''))}"
    if pushes:
        yield 'idempotency_key: str = ""'


def _body(operation: Schema) -> str:
    asked = operation.get("requestBody")
    return _type(asked["content"]["application/json"]["schema"]) if asked else ""


def main() -> None:
    """Write the client of this release."""
    target = Path("clients") / FILE
    target.parent.mkdir(exist_ok=True)
    target.write_text(source(openapi.document(ENDPOINTS, PATH)), encoding="utf-8")
