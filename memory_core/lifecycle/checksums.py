"""Whether what looks like a token is one: checksums where a format has them, else plausibility.

Every function gets what a pattern found and gives how many of its characters count; 0 for none.
"""

import base64
import binascii
import re
import zlib

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: What stands in documentation in the place of a token.
_PLACEHOLDER = re.compile(
    r"x{4}|X{4}|\*{3}|\.{3}|0{8}|EXAMPLE|example|(?i:your[_-]|placeholder|changeme|redacted)"
)
_PLACEHOLDER_WORDS = frozenset(
    "password passwd passw0rd pass pwd secret user username admin root token changeme example "
    "mypassword hunter2 postgres mysql redis guest test hidden redacted".split()
)
#: Length of an account number by country, ISO 13616.
_IBAN = {
    name[:2]: int(name[2:])
    for name in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
        "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 "
        "IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 "
        "MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 "
        "SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
    ).split()
}


def random_looking(token: str) -> int:
    """Not the ``xxxx`` or ``EXAMPLE`` of documentation, and not a run of a few characters."""
    if _PLACEHOLDER.search(token) or len(set(token[-16:])) < 6:
        return 0
    return len(token)


def crc(token: str) -> int:
    """GitHub and npm: the last six characters are the CRC32 of the thirty before, in base 62.

    With the right sum it is a token, whatever it looks like. With a wrong one it may be one of a
    later scheme, or one with a typing error: letting a secret pass costs more than holding it.
    """
    body, told = token[-36:-6], token[-6:]
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return len(token) if digits.rjust(6, "0") == told else random_looking(token)


def macaroon(token: str) -> int:
    """A package index token: after its prefix a macaroon of version 2 that names a location."""
    return len(token) if _decoded(token.partition("-")[2]).startswith(b"\x02\x01") else 0


def jwt(token: str) -> int:
    """The first part of a JSON web token is a JSON object that names an algorithm."""
    header = _decoded(token.partition(".")[0])
    return len(token) if header.startswith(b"{") and b'"alg"' in header else 0


def discord(token: str) -> int:
    """The first part of a Discord token is the bot's number."""
    number = _decoded(token.partition(".")[0])
    return len(token) if number.isdigit() and 17 <= len(number) <= 20 else 0


def card(token: str) -> int:
    """The number range of a card issuer and the right length for it, and Luhn's check digit."""
    digits = "".join(filter(str.isdigit, token))
    n, four = len(digits), int(digits[:4])
    issued = (
        (n == 16 and (digits[0] == "4" or 5100 <= four <= 5599 or 2221 <= four <= 2720))
        or (n == 15 and digits[:2] in ("34", "37"))
        or (n == 16 and (four == 6011 or 6440 <= four <= 6599 or 3528 <= four <= 3589))
        or (n == 14 and (3000 <= four <= 3059 or digits[:2] in ("36", "38")))
        or (16 <= n <= 19 and digits[:2] == "62")
    )
    if not issued or len(set(digits)) < 2:
        return 0
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) << (place % 2)
        total += value - 9 if value > 9 else value
    return len(token) if total % 10 == 0 else 0


def iban(token: str) -> int:
    """As long as its country's account numbers are, with the remainder 1 by 97 (ISO 7064)."""
    wanted, seen = _IBAN.get(token[:2], 0), 0
    for place, letter in enumerate(token):
        seen += letter != " "
        if seen == wanted and letter != " ":
            goes_on = token[place + 1 : place + 2].strip() != ""
            compact = token[: place + 1].replace(" ", "")
            number = int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4]))
            return place + 1 if number % 97 == 1 and not goes_on else 0
    return 0


def url_password(token: str) -> int:
    """Not the name of a variable or a word that stands for a password."""
    if re.search(r"[{}$%*]|^\[", token) and not re.search(r"%[0-9A-Fa-f]{2}", token):
        return 0
    word = token.casefold()
    plain = word in _PLACEHOLDER_WORDS or len(set(word)) < 3
    return 0 if plain or _PLACEHOLDER.search(token) else len(token)


def mixed(token: str) -> int:
    """Letters and digits in no order a word would have: a value, not the name of one."""
    kinds = [any(map(kind, token)) for kind in (str.islower, str.isupper, str.isdigit)]
    kinds.append(not token.replace("_", "").replace("-", "").isalnum())
    enough = sum(kinds) >= 3 or (sum(kinds) == 2 and kinds[2] and len(token) >= 20)
    distinct = len(set(token)) >= min(8, len(token) - 2)
    return random_looking(token) if enough and distinct else 0


def basic(token: str) -> int:
    """The credentials of basic authentication: base64 of a name, a colon and a password."""
    name, colon, word = _decoded(token.rstrip("=").replace("+", "-").replace("/", "_")).partition(
        b":"
    )
    return len(token) if colon and name.isascii() and url_password(word.decode("latin-1")) else 0


def _decoded(part: str) -> bytes:
    """The bytes of unpadded base64url; none when it is not."""
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return b""
