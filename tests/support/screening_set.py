"""Texts to measure screening on, made from a seed: tokens by their published formats, and not.

Written before the rules and apart from them: what is here follows the issuers' descriptions of
their tokens (prefix, alphabet, length, checksum), not the expressions that look for them. No token
was ever issued.
"""

import base64
import hashlib
import json
import random
import string
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

Make: TypeAlias = Callable[[random.Random], str]

DIGITS = string.digits
HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase
LOWER = string.ascii_lowercase
LETTERS = string.ascii_letters
BASE62 = DIGITS + UPPER + LOWER
URL64 = BASE62 + "-_"
BASE64 = UPPER + LOWER + DIGITS + "+/"
BASE32 = UPPER + "234567"


@dataclass(frozen=True)
class Sample:
    """A text, and the token in it; "" for none."""

    kind: str
    text: str
    token: str = ""


def some(alphabet: str, n: int) -> Make:
    """``n`` characters of an alphabet."""
    return lambda rng: "".join(rng.choices(alphabet, k=n))


def joined(*parts: str | Make) -> Make:
    """Fixed and drawn parts, one after the other."""
    return lambda rng: "".join(part if isinstance(part, str) else part(rng) for part in parts)


def _either(*choices: str) -> Make:
    return lambda rng: rng.choice(choices)


def _base62(number: int, width: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits.rjust(width, "0")


def _with_crc(prefix: str) -> Make:
    """Thirty random characters and the CRC32 of them in six: GitHub's and npm's format."""

    def make(rng: random.Random) -> str:
        body = "".join(rng.choices(BASE62, k=30))
        return f"{prefix}{body}{_base62(zlib.crc32(body.encode()), 6)}"

    return make


def _coded(said: object) -> str:
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _jwt(rng: random.Random) -> str:
    header = {"alg": rng.choice(["HS256", "RS256", "ES256"]), "typ": "JWT"}
    claims = {"sub": str(rng.randrange(10**9)), "iat": rng.randrange(1_500_000_000, 2_000_000_000)}
    return f"{_coded(header)}.{_coded(claims)}.{_coded(rng.randbytes(32))}"


def _macaroon(rng: random.Random) -> str:
    """An upload token of the Python package index: a version 2 macaroon with its caveats."""
    place = base64.b64decode("cHlwaS5vcmc=")
    name = str(uuid.UUID(int=rng.getrandbits(128), version=4)).encode()
    fields = b"\2" + b"\1" + bytes([len(place)]) + place + b"\2" + bytes([len(name)]) + name
    caveat = json.dumps([3, str(uuid.UUID(int=rng.getrandbits(128), version=4))]).encode()
    fields += b"\0" + b"\2" + bytes([len(caveat)]) + caveat + b"\0\0"
    return "pypi-" + _coded(fields + b"\6\x20" + rng.randbytes(32))


def _discord(rng: random.Random) -> str:
    user = str(rng.randrange(10**17, 10**18)).encode()
    tail = "".join(rng.choices(URL64, k=6)) + "." + "".join(rng.choices(URL64, k=38))
    return f"{_coded(user)}.{tail}"


def _luhn(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _card(prefixes: tuple[str, ...], length: int, groups: tuple[int, ...]) -> Make:
    def make(rng: random.Random) -> str:
        start = rng.choice(prefixes)
        body = start + "".join(rng.choices(DIGITS, k=length - 1 - len(start)))
        digits = iter(body + _luhn(body))
        mark = rng.choice(["", " ", "-"])
        return mark.join("".join(next(digits) for _ in range(n)) for n in groups)

    return make


def _iban(rng: random.Random) -> str:
    country, shape = rng.choice(
        [("DE", "d18"), ("FR", "d10a11d2"), ("GB", "u4d14"), ("NL", "u4d10"), ("ES", "d20"),
         ("IT", "u1d10a12"), ("CH", "d5a12"), ("PL", "d24"), ("NO", "d11"), ("BE", "d12")]
    )  # fmt: skip
    kinds = {"d": DIGITS, "u": UPPER, "a": DIGITS + UPPER}
    rest, account = shape, ""
    while rest:
        kind = kinds[rest[0]]
        width = "".join(c for c in rest[1:3] if c.isdigit())
        account += "".join(rng.choices(kind, k=int(width)))
        rest = rest[1 + len(width) :]
    number = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    whole = f"{country}{98 - number % 97:02}{account}"
    return rng.choice([whole, " ".join(whole[i : i + 4] for i in range(0, len(whole), 4))])


def _private_key(rng: random.Random) -> str:
    kind = rng.choice(["RSA ", "EC ", "OPENSSH ", "DSA ", "ENCRYPTED ", ""])
    body = base64.encodebytes(rng.randbytes(rng.choice([120, 600]))).decode()
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body}-----END {kind}PRIVATE KEY-----"


def _atlassian(rng: random.Random) -> str:
    body = "ATATT3xFfGF0" + "".join(rng.choices(URL64, k=171))
    return f"{body}={zlib.crc32(body.encode()):08X}"


#: Kind -> a token of that kind.
TOKENS: dict[str, Make] = {
    **{f"GitHub {p}": _with_crc(p) for p in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")},
    "GitHub fine-grained": joined("github_pat_", some(BASE62, 22), "_", some(BASE62, 59)),
    "npm": _with_crc("npm_"),
    "Python package index": _macaroon,
    "AWS key id": joined(_either("AKIA", "ASIA"), some(BASE32, 16)),
    "AWS secret": joined("aws_secret_access_key = ", some(BASE64, 40)),
    "Google API": joined("AIza", some(URL64, 35)),
    "Google client secret": joined("GOCSPX-", some(URL64, 28)),
    "Google access token": joined("ya29.", some(URL64, 120)),
    "Stripe": joined(_either("sk_live_", "rk_live_", "sk_test_"), some(BASE62, 24)),
    "Stripe long": joined("sk_live_51", some(BASE62, 97)),
    "Stripe webhook": joined("whsec_", some(BASE62, 32)),
    "Slack bot": joined("xoxb-", some(DIGITS, 12), "-", some(DIGITS, 13), "-", some(BASE62, 24)),
    "Slack user": joined(
        "xoxp-", some(DIGITS, 12), "-", some(DIGITS, 12), "-", some(DIGITS, 13), "-", some(HEX, 32)
    ),
    "Slack app": joined(
        "xapp-1-A", some(DIGITS + UPPER, 10), "-", some(DIGITS, 13), "-", some(HEX, 64)
    ),
    "Slack webhook": joined(
        "https://hooks.slack.com/services/T", some(DIGITS + UPPER, 8), "/B",
        some(DIGITS + UPPER, 10), "/", some(BASE62, 24),
    ),
    "OpenAI": joined("sk-", some(BASE62, 20), "T3BlbkFJ", some(BASE62, 20)),
    "OpenAI project": joined(
        _either("sk-proj-", "sk-svcacct-", "sk-admin-"), some(URL64, 74), "T3BlbkFJ",
        some(URL64, 74),
    ),
    "Anthropic": joined(_either("sk-ant-api03-", "sk-ant-admin01-"), some(URL64, 93), "AA"),
    "Hugging Face": joined("hf_", some(LETTERS, 34)),
    "JWT": _jwt,
    "GitLab": joined(_either("glpat-", "gldt-", "glrt-"), some(URL64, 20)),
    "Discord bot": _discord,
    "Discord webhook": joined(
        "https://discord.com/api/webhooks/", some("123456789", 18), "/", some(URL64, 68)
    ),
    "Telegram bot": joined(some("123456789", 10), ":AA", some(URL64, 33)),
    "Twilio": joined("SK", some(HEX, 32)),
    "SendGrid": joined("SG.", some(URL64, 22), ".", some(URL64, 43)),
    "Mailgun": joined("key-", some(HEX, 32)),
    "Mailchimp": joined(some(HEX, 32), "-us", some("123456789", 2)),
    "DigitalOcean": joined(_either("dop_v1_", "doo_v1_", "dor_v1_"), some(HEX, 64)),
    "Heroku": joined("HRKU-AA", some(URL64, 58)),
    "Azure storage": joined("AccountKey=", some(BASE64, 86), "=="),
    "Azure client secret": joined(some(BASE62, 3), some(DIGITS, 1), "Q~", some(URL64, 34)),
    "Databricks": joined("dapi", some(HEX, 32)),
    "Shopify": joined(_either("shpat_", "shpss_", "shpca_", "shppa_"), some(HEX, 32)),
    "Square": joined(_either("sq0atp-"), some(URL64, 22)),
    "Square secret": joined("sq0csp-", some(URL64, 43)),
    "Braintree": joined("access_token$production$", some(HEX[:10] + LOWER, 16), "$", some(HEX, 32)),
    "Linear": joined("lin_api_", some(BASE62, 40)),
    "Notion": joined("ntn_", some(DIGITS, 11), some(BASE62, 35)),
    "Postman": joined("PMAK-", some(HEX, 24), "-", some(HEX, 34)),
    "Grafana": joined("glsa_", some(BASE62, 32), "_", some(HEX, 8)),
    "Vault": joined("hvs.", some(URL64, 95)),
    "Terraform": joined(some(BASE62, 14), ".atlasv1.", some(URL64, 67)),
    "Doppler": joined("dp.pt.", some(BASE62, 43)),
    "Figma": joined("figd_", some(URL64, 40)),
    "Supabase": joined("sbp_", some(HEX, 40)),
    "New Relic": joined("NRAK-", some(DIGITS + UPPER, 27)),
    "Sentry": joined("sntryu_", some(HEX, 64)),
    "Atlassian": _atlassian,
    "Replicate": joined("r8_", some(BASE62, 37)),
    "Groq": joined("gsk_", some(BASE62, 52)),
    "xAI": joined("xai-", some(BASE62, 80)),
    "Docker": joined("dckr_pat_", some(URL64, 27)),
    "RubyGems": joined("rubygems_", some(HEX, 48)),
    "age": joined("AGE-SECRET-KEY-1", some("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    "PlanetScale": joined("pscale_tkn_", some(URL64, 43)),
    "password in a URL": joined(
        _either("postgres", "mysql", "redis", "amqp", "https"), "://", some(LOWER, 6), ":",
        some(BASE62, 14), "@db.", some(LOWER, 8), ".net:5432/app",
    ),
    "private key": _private_key,
    "Visa": _card(("4",), 16, (4, 4, 4, 4)),
    "Mastercard": _card(("51", "55", "2221", "2720"), 16, (4, 4, 4, 4)),
    "American Express": _card(("34", "37"), 15, (4, 6, 5)),
    "IBAN": _iban,
}  # fmt: skip

#: Secrets in plain words. They have no form to be known by and are not expected to be found.
PROSE = (
    "The alarm code of the house is twelve thirty-four.",
    "He said that the password is the name of his first dog.",
    "Use hunter2 as the password for the printer.",
    "My PIN ends with the year I was born.",
    "The pass phrase is correct horse battery staple.",
    "Das Kennwort lautet Sommerregen.",
    "Le mot de passe du wifi est maisonbleue.",
    "The key lies under the third flowerpot.",
    "Log in as admin, password same as the user name.",
    "Her social security number begins with 078-05.",
    "The combination of the safe is 7 right, 19 left, 3 right.",
    "The recovery words are apple, river, stone and lamp.",
)

CARRIERS = (
    "{}",
    "The new one is {}, valid until the end of the year.",
    "Please remember this: {}",
    "TOKEN={}\n",
    'client = Client("{}")',
    '{{"name": "prod", "secret": "{}", "region": "eu"}}',
    "curl -H 'X-Auth: {}' https://api.example.net/v1/items",
    "We agreed to rotate keys monthly.\n\n- old: revoked\n- new: {}\n- owner: Ann",
    "| service | credential |\n|---|---|\n| billing | {} |",
    "Schlüssel für die Testumgebung: {} (nicht weitergeben)",
    "export const KEY = '{}';",
)

_WORDS = (
    "the meeting moved to Thursday because Ann is away and the model run takes nine hours now "
    "that tides are computed on a finer grid so reports start with a summary and end with open "
    "questions about password policy token budgets secret ballots key decisions and api design"
).split()


def _prose(rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=rng.randrange(8, 60))).capitalize() + "."


def _code(rng: random.Random) -> str:
    a, b, c = rng.choices(["token", "secret", "key", "count", "password", "node", "auth"], k=3)
    return rng.choice(
        [
            f"def {a}_of({b}: str) -> str:\n    return os.environ[{c.upper()!r}]\n",
            f"const {a} = await {b}.get('{c}');\nif (!{a}) throw new Error('no {c}');",
            f"SELECT {a}, {b} FROM {c}s WHERE id = ${rng.randrange(9)};",
            f"{a} = {b} <| {c} |> transform\n",
            f"#define {a.upper()}_{b.upper()} 0x{rng.getrandbits(32):08x}\n",
            f"{a}: ${{{{ secrets.{b.upper()}_{c.upper()} }}}}",
        ]
    )


def _image(rng: random.Random) -> str:
    body = base64.b64encode(rng.randbytes(rng.choice([90, 900]))).decode()
    return f"![a plot](data:image/png;base64,iVBORw0KGgo{body})"


def _lock(rng: random.Random) -> str:
    digest = base64.b64encode(rng.randbytes(64)).decode()
    name = rng.choice(["left-pad", "react", "npm-run-path", "keyv", "token-types"])
    version = f'"version": "4.{rng.randrange(20)}.0"'
    return f'"node_modules/{name}": {{\n  {version},\n  "integrity": "sha512-{digest}"\n}}'


def _placeholder(rng: random.Random) -> str:
    x = rng.choice("xX*")
    return rng.choice(
        [
            f"Set GITHUB_TOKEN=ghp_{x * 36} before the run.",
            f"export OPENAI_API_KEY=sk-{x * 48}",
            "aws_access_key_id = AKIA" + x.upper().replace("*", "X") * 16,
            "The documentation uses AKIAIOSFODNN7EXAMPLE everywhere.",
            "sk-ant-api03-... goes into ANTHROPIC_API_KEY",
            "postgres://user:password@localhost:5432/app",
            "mysql://root:${DB_PASSWORD}@db/app and redis://:<password>@cache",
            "Authorization: Bearer YOUR_TOKEN_HERE",
            "hf_your_token_goes_here or hf_...",
            f"xoxb-{'0' * 12}-{'0' * 12}-{x * 24}",
        ]
    )


def _ordinary_number(rng: random.Random) -> str:
    return rng.choice(
        [
            f"Order {rng.randrange(10**9, 10**10)} shipped; tracking 1Z{rng.getrandbits(60):X}.",
            f"Call +49 {rng.randrange(100, 999)} {rng.randrange(10**6, 10**7)} after six.",
            f"ISBN 978-0-{rng.randrange(100, 999)}-{rng.randrange(10**4, 10**5)}-2",
            f"timestamp_us={rng.randrange(16 * 10**14, 18 * 10**14)}",
            f"snowflake id {rng.randrange(10**17, 10**18)}",
            f"lat {rng.uniform(-90, 90):.12f}, lon {rng.uniform(-180, 180):.12f}",
            f"trace {rng.getrandbits(64)} parent {rng.getrandbits(64)}",
            f"0.{''.join(rng.choices(DIGITS, k=16))} is the p-value",
        ]
    )


def _link(rng: random.Random) -> str:
    n = rng.randrange(10**4)
    return rng.choice(
        [
            "![build](https://img.shields.io/badge/build-passing-green?style=flat&logo=github)",
            f"See [the issue](https://github.com/acme/tide/issues/{n}?tab=comments#note-{n}).",
            f"https://shop.example.net/list?page={n}&sort=price&q=blue+lamp",
            f"![photo](https://images.example.net/{rng.getrandbits(64):x}.jpg?w=640&h=480)",
            f"<img src='https://example.net/logo.png?v={n}' alt='logo'>",
        ]
    )


def _people(rng: random.Random) -> str:
    return rng.choice(
        [
            "The family \U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 comes at ten "
            "\u2764\ufe0f\u200d\U0001f525.",
            "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f won.",
            "הפגישה עם Ann הועברה ליום חמישי\u200f.",
            "اجتماع الفريق يوم الخميس مع \u2067Ann\u2069 في الساعة 10\u200f.",
            "می\u200cخواهم جلسه را جابه\u200cجا کنم.",
            "क्\u200dष और श्री\u200c।",
            "สวัสดี\u200bครับ\u200bวันนี้",
            "\ufeffTitle\n\nThe file began with a mark of byte order.",
            "Ein Donau\u00addampf\u00adschiff.",
            "日本語と\u3000English の混在。会議は木曜日。",
        ]
    )


_TALK = (
    "Never paste API keys into the chat; use the vault.",
    "The password policy asks for 14 characters.",
    "Tokens expire after an hour, refresh tokens after a week.",
    "He asked what an IBAN is.",
    "Prompt injection means that a text tells the model to ignore its instructions.",
    "The user prefers that answers always start with a summary.",
    "JWTs have three parts.",
)

#: Kind -> a text that holds nothing to hold back.
HARMLESS: dict[str, Make] = {
    "prose": _prose,
    "code": _code,
    "git sha": lambda r: f"Fixed in {some(HEX, 40)(r)} and {some(HEX, 7)(r)}.",
    "sha256": lambda r: f"sha256:{hashlib.sha256(r.randbytes(8)).hexdigest()}  model.onnx",
    "md5": lambda r: f"{hashlib.md5(r.randbytes(8)).hexdigest()} *archive.tar.gz",
    "uuid": lambda r: f"request {uuid.UUID(int=r.getrandbits(128), version=4)} failed",
    "uuids": lambda r: "\n".join(str(uuid.UUID(int=r.getrandbits(128))) for _ in range(20)),
    "base64 image": _image,
    "base64": lambda r: base64.b64encode(r.randbytes(r.choice([30, 300]))).decode(),
    "npm lock": _lock,
    "cargo lock": lambda r: f'name = "serde"\nversion = "1.0.2"\nchecksum = "{some(HEX, 64)(r)}"',
    "pip hashes": lambda r: f"numpy==2.1 \\\n    --hash=sha256:{some(HEX, 64)(r)}",
    "go sum": lambda r: f"golang.org/x/sys v0.2.0 h1:{base64.b64encode(r.randbytes(32)).decode()}",
    "ssh public key": lambda r: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{some(BASE64, 43)(r)} ann",
    "certificate": lambda r: (
        "-----BEGIN CERTIFICATE-----\n"
        + base64.encodebytes(r.randbytes(300)).decode()
        + "-----END CERTIFICATE-----"
    ),
    "placeholder": _placeholder,
    "number": _ordinary_number,
    "link": _link,
    "scripts and emoji": _people,
    "policy talk": lambda r: f"{r.choice(_TALK)} ({r.randrange(999)})",
    "markdown": lambda r: f"# Notes {r.randrange(99)}\n\n- [ ] `sk-` prefix check\n\n> {_prose(r)}",
    "log": lambda r: f"2026-02-11T10:00:00Z INFO id={some(HEX, 16)(r)} took {r.randrange(999)} ms",
    "hex dump": lambda r: " ".join(some(HEX, 2)(r) for _ in range(64)),
    "docker digest": lambda r: f"image@sha256:{some(HEX, 64)(r)}",
    "slug": lambda r: f"sk-learn-{some(LOWER, 8)(r)}-pk-test-run_{some(LOWER, 12)(r)}",
    "minified": lambda r: f"!function(e,t){{a=e.{some(LETTERS, 6)(r)}(t)}}(window,{{k:7}});",
}


def positives(seed: int = 0, each: int = 20) -> Iterator[Sample]:
    """Texts with one token each, so many of every kind."""
    rng = random.Random(seed)
    for kind, make in TOKENS.items():
        for _ in range(each):
            token = make(rng)
            yield Sample(kind, rng.choice(CARRIERS).format(token), token)


def negatives(seed: int = 0, each: int = 60) -> Iterator[Sample]:
    """Texts with nothing to hold back, so many of every kind."""
    rng = random.Random(seed + 1)
    for kind, make in HARMLESS.items():
        for _ in range(each):
            yield Sample(kind, make(rng))
