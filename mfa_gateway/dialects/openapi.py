"""OpenAPI: the descriptions of every dialect that is spoken, as one document (OpenAPI 3.1).

What stays out: what each endpoint takes and gives (the dialects' descriptions), and serving it (doors).
"""

from collections.abc import Iterable, Mapping
from typing import Final

from mfa_gateway.dialects.describing import FIELDS, Answer, Description, Operation, Schema, text

_VERSION: Final = "3.1.0"
_ABOUT: Final = (
    "Ceremonies around second factors, answered by the gateway itself. Whatever else is called goes to the application "
    "behind it, with a code in `X-MFA-Code` where a rule asks for one."
)
# What every answer of the gateway has.
_ALWAYS: Final = {
    "Cache-Control": "`no-store`: nothing on the way may keep it.",
    "X-Request-Id": "Names the request in the log.",
}
_CODE: Final = {
    "name": "X-MFA-Code",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "A code of a second factor.",
}
_BEARER: Final = {"type": "http", "scheme": "bearer", "description": "An access token of a configured issuer."}


def openapi(descriptions: Iterable[Description], *, version: str, server: str) -> Mapping[str, object]:
    """The document. `version` is that of the gateway, `server` where it is reached.

    Of two dialects with the same path, on hosts of their own, the first one's is shown.

    Raises:
        ValueError: two descriptions call different schemas by one name.
    """
    every = list(descriptions)
    return {
        "openapi": _VERSION,
        "info": {"title": "mfa_gateway", "version": version, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": server}],
        "tags": [{"name": one.name, "description": one.summary} for one in every],
        "paths": _paths(every),
        "components": {
            "securitySchemes": {"bearer": _BEARER},
            "parameters": {"Code": _CODE},
            "headers": {name: _field(said) for name, said in sorted((FIELDS | _ALWAYS).items())},
            "schemas": _schemas(every),
        },
    }


def _field(said: str) -> Mapping[str, object]:
    return {"description": said, "schema": text()}


def _schemas(descriptions: Iterable[Description]) -> Mapping[str, Schema]:
    found: dict[str, Schema] = {}
    for one in descriptions:
        for name, schema in one.schemas.items():
            if found.setdefault(name, schema) != schema:
                raise ValueError(f"the {one.name} dialect describes another {name} than the ones before it")
    return found


def _paths(descriptions: Iterable[Description]) -> Mapping[str, Mapping[str, object]]:
    paths: dict[str, dict[str, object]] = {}
    for one in descriptions:
        for operation in one.operations:
            of_path = paths.setdefault(operation.path, {})
            of_path.setdefault(operation.method.lower(), _operation(one, operation))
    return paths


def _operation(of: Description, operation: Operation) -> Mapping[str, object]:
    code = [{"$ref": "#/components/parameters/Code"}] if operation.takes_code else []
    parameters = [*operation.parameters, *code]
    body = None if operation.body is None else {"required": True, "content": _content(operation.body.content)}
    return {
        "operationId": f"{of.name}_{operation.name}",
        "tags": [of.name],
        "summary": operation.summary,
        "security": [{"bearer": []}] if operation.takes_bearer else [],
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": body} if body is not None else {}),
        "responses": {str(status): _response(answer) for status, answer in sorted(operation.answers.items())},
    }


def _response(answer: Answer) -> Mapping[str, object]:
    names = sorted({*answer.fields, *_ALWAYS})
    content = {"content": _content(answer.content)} if answer.content else {}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"description": answer.summary, "headers": headers, **content}


def _content(content: Mapping[str, Schema]) -> Mapping[str, object]:
    return {media_type: {"schema": schema} for media_type, schema in content.items()}
