"""Money: whole minor units inside, a decimal string outside, the currency always beside it.

Digits per currency: ISO 4217 (list one).
"""

import re

DEFAULT_CURRENCY = "EUR"

_TWO_DIGITS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG "
    "YER ZAR ZMW ZWG"
)
_OTHER_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

DIGITS: dict[str, int] = dict.fromkeys(_TWO_DIGITS.split(), 2) | {
    code: digits for digits, codes in _OTHER_DIGITS.items() for code in codes.split()
}

DECIMAL = r"([0-9]{1,16})(?:\.([0-9]{1,4}))?"
"""A plain decimal, in the regular expressions of Python and of JSON Schema: whole part, fraction."""
_DECIMAL = re.compile(DECIMAL, re.ASCII)


def is_decimal(text: str) -> bool:
    """True for a plain decimal such as `29.97` or `5`: no sign, no exponent, at most four digits after the point."""
    return _DECIMAL.fullmatch(text) is not None


def fraction_digits(text: str) -> int:
    """How many digits stand after the point."""
    return len(text.partition(".")[2])


def to_minor(text: str, currency: str) -> int | None:
    """`"29.97"` in EUR → 2997; None when the text has more digits than the currency."""
    match = _DECIMAL.fullmatch(text)
    assert match is not None, f"not checked with is_decimal: {text!r}"
    digits = DIGITS[currency]
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > digits:
        return None
    return int(whole + fraction.ljust(digits, "0"))


def to_text(minor: int, currency: str) -> str:
    """2997 in EUR → `"29.97"`."""
    digits = DIGITS[currency]
    if digits == 0:
        return str(minor)
    whole, fraction = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}.{fraction:0{digits}d}"
