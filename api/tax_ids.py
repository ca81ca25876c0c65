"""Tax ids: Brazilian ones are checked and kept in one form, foreign ones are kept as they came."""

import re
from dataclasses import dataclass

from stdnum.br import cnpj, cpf

from domain.fields import Breach, Invalid, Text
from domain.shapes import Schema

_TEXT = Text(minimum=1, maximum=50)
_PUNCTUATION = re.compile(r"[\s./-]+")
_CPF = re.compile(r"[0-9]{11}")
_CNPJ = re.compile(r"[0-9A-Za-z]{12}[0-9]{2}")


@dataclass(frozen=True, slots=True)
class TaxId:
    """A CPF, a CNPJ (with letters since July 2026: IN RFB 2.229/2024), or anything foreign."""

    def parse(self, value: object, pointer: str) -> str:
        """A Brazilian one without punctuation and in capitals, a foreign one without outer blanks."""
        text = _TEXT.parse(_TEXT.parse(value, pointer).strip(), pointer)
        compact = _PUNCTUATION.sub("", text)
        if _CPF.fullmatch(compact):
            # Eleven equal digits pass the sum, and are nobody's.
            right = cpf.is_valid(compact) and len(set(compact)) > 1
        elif _CNPJ.fullmatch(compact):
            compact = compact.upper()
            right = cnpj.is_valid(compact)
        else:
            return text
        if not right:
            raise Invalid(Breach(pointer, "wrong-check-digits", "must have the check digits of a CPF or CNPJ"))
        return compact

    def schema(self) -> Schema:
        """Text; its check digits are beyond a schema."""
        return _TEXT.schema()
