"""The table [output]: what of the saved times is stored, for runs that are large."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import field_validator, model_validator

from .base import AsTuple, Chosen, Table, clash, key, wrong

Fields = Annotated[tuple[Literal["density", "marginals", "moments"], ...], AsTuple]


class Output(Table):
    """What is stored of a saved time; a run always resumes from its whole state."""

    fields: Annotated[
        Literal["auto"] | Fields,
        Chosen(lambda value: Fields if isinstance(value, list | tuple) else Literal["auto"]),
    ] = key(
        "auto",
        "Fields of a grid: the density; its marginals, the laws of the directions and of a; its "
        'moments in a, of which the first is the network. "auto": the density, and the others '
        "where density_every leaves it out.",
        words='"auto" or a list of "density", "marginals", "moments"',
    )
    density_every: int = key(
        1,
        "The density, or the neurons, are stored at every so many saved times, and at the last.",
        unit="saved times",
        ge=1,
    )
    compression: Literal["none", "gzip"] = key(
        "none", "Of the stored fields; gzip saves a quarter, of rounded ones five parts in six."
    )
    mantissa_bits: int | None = key(
        None,
        "Bits that stored fields are rounded to, for gzip, of the 52 after the leading one: 12 are "
        "1e-4 relative, 20 are 5e-7. The solver's own state is never rounded.",
        unit="bits",
        ge=4,
        le=51,
    )

    @field_validator("fields")
    @classmethod
    def _once(cls, fields: Literal["auto"] | tuple[str, ...]) -> object:
        if fields != "auto" and not 0 < len(set(fields)) == len(fields):
            raise wrong('names nothing, or something twice; give "auto" or a list of fields')
        return fields

    @model_validator(mode="after")
    def _rounded_to_be_compressed(self) -> Output:
        if self.mantissa_bits is not None and self.compression == "none":
            raise clash(
                f"output.mantissa_bits = {self.mantissa_bits} saves nothing without compression; "
                'give output.compression = "gzip", too'
            )
        if self.density_every > 1 and self.fields != "auto" and "density" not in self.fields:
            raise clash(
                f"output.density_every = {self.density_every} is of the density, which "
                "output.fields leaves out; give one of them"
            )
        return self
