"""What the OpenAPI schema says of every operation alike."""

from typing import Any

_BY_INPUT = {"400": "What was sent cannot be understood; the reason names it."}
_BY_BODY = {
    "413": "The body is larger than what is accepted.",
    "415": "The body is no application/json.",
}
_BY_KEY = {"404": "There is no such thing."}
_BY_PAGE = {"404": "There is no such page, or no such format."}
_BY_ROLE = {
    "401": "No valid token and no session.",
    "403": "The user's role does not allow this.",
}


def document_errors(result: dict[str, Any], **_generator: Any) -> dict[str, Any]:
    """Add the errors that the exception handler answers with; a postprocessing hook of drf-spectacular."""
    for path in result["paths"].values():
        for operation in path.values():
            for status, description in _errors(operation).items():
                operation["responses"].setdefault(status, _answer(description))
    return result


def _errors(operation: dict[str, Any]) -> dict[str, str]:
    parameters = operation.get("parameters", ())
    places = {parameter["in"] for parameter in parameters}
    return {
        **(_BY_INPUT if "query" in places or "requestBody" in operation else {}),
        **(_BY_BODY if "requestBody" in operation else {}),
        **(_BY_ROLE if operation.get("security") and {} not in operation["security"] else {}),
        **(_BY_PAGE if any(parameter["name"] == "page" for parameter in parameters) else {}),
        **(_BY_KEY if "path" in places else {}),
    }


def _answer(description: str) -> dict[str, Any]:
    """Return an answer of the shape that `core.query.ErrorSerializer` describes."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
