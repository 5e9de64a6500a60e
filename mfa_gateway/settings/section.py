"""The manner of every section: what is written must be known, is never changed afterwards and hides its secrets.

What stays out: any one section.
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, model_validator


class Section(BaseModel):
    """Base of all sections. A section that is there but empty means its defaults."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, value: object) -> object:
        """A key whose children are all commented out reads as null in YAML."""
        return {} if value is None else value


def exactly_one_of(*keys: str) -> ConfigDict:
    """Tells the schema's readers that exactly one of these keys is written; `checks` sees to it."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [key]} for key in keys]})


def _said(value: str) -> str:
    if not value.strip() or not value.isprintable() or value != value.strip():
        raise ValueError("must be text without leading, trailing or control characters, and not empty")
    return value


# Lax reading would take "yes", 1 and "1" for booleans and numbers; a configuration says what it means.
Bool = Annotated[bool, Strict()]
Int = Annotated[int, Strict()]
Text = Annotated[str, AfterValidator(_said), Field(json_schema_extra={"minLength": 1})]
