"""What screening looks for, as a table: token formats of known issuers, and tricks of hidden text.

A rule costs a substring search where none of its literals occurs. Every repetition has an upper
bound and every pattern begins with something fixed, so the whole is linear in the text. A format
with a checksum is checked against it. Formats are those their issuers document; what has no format
(a password in a sentence) is not found here and nothing is promised for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from re import Pattern, compile
from typing import Literal, TypeAlias

from .checksums import (
    basic,
    card,
    crc,
    discord,
    iban,
    jwt,
    macaroon,
    mixed,
    random_looking,
    url_password,
)

Kind: TypeAlias = Literal["secret", "invisible", "control", "exfiltration", "instructions"]


@dataclass(frozen=True)
class Rule:
    """One thing to look for.

    Attributes:
        name: as a person reads it; never part of what was found.
        literals: the text holds one of these, or the rule does not apply; none: always look.
        pattern: regular expression; the group ``token``, if there is one, is what is found.
        check: gives how many of the found characters count, 0 for none.
    """

    name: str
    literals: tuple[str, ...]
    pattern: str
    check: Callable[[str], int] = random_looking
    kind: Kind = "secret"

    @cached_property
    def expression(self) -> Pattern[str]:
        """The pattern, compiled when it is first needed."""
        return compile(self.pattern)


def _token(
    name: str, prefixes: str, rest: str, check: Callable[[str], int] = random_looking
) -> Rule:
    """A token that begins with one of some prefixes (with spaces between) and goes on as said."""
    starts = tuple(prefixes.split())
    either = "|".join(start.replace(".", r"\.").replace("$", r"\$") for start in starts)
    return Rule(name, starts, rf"(?<![A-Za-z0-9_-])(?:{either}){rest}(?![A-Za-z0-9_-])", check)


_B62, _URL, _HEX = "[A-Za-z0-9]", "[A-Za-z0-9_-]", "[0-9a-f]"

SECRETS: tuple[Rule, ...] = (
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", _B62 + "{36}", crc),
    _token("GitHub token", "github_pat_", _B62 + "{22}_" + _B62 + "{59}"),
    _token("npm token", "npm_", _B62 + "{36}", crc),
    _token("Python package index token", "pypi-", _URL + "{50,500}", macaroon),
    _token("crates registry token", "cio", _B62 + "{32}"),
    _token("RubyGems key", "rubygems_", _HEX + "{48}"),
    _token("NuGet key", "oy2", "[a-z0-9]{43}"),
    _token("AWS key id", "AKIA ASIA ABIA ACCA", "[A-Z2-7]{16}"),
    Rule(
        "AWS secret key",
        ("ecret", "ECRET"),
        r"(?i:secret[_-]?(?:access[_-]?)?key)[\"'\s:=>]{1,12}(?P<token>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])",
    ),
    _token("Google API key", "AIza", _URL + "{35}"),
    _token("Google client secret", "GOCSPX-", _URL + "{28}"),
    _token("Google access token", "ya29.", _URL + "{50,500}"),
    _token("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", _B62 + "{16,200}"),
    _token("Stripe webhook secret", "whsec_", "[A-Za-z0-9+/=]{32,80}"),
    _token(
        "Slack token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe-",
        r"[0-9]{8,14}-[A-Za-z0-9-]{20,200}",
    ),
    _token("Slack app token", "xapp-", r"[0-9]-[A-Z0-9]{8,14}-[0-9]{8,14}-[0-9a-f]{64}"),
    Rule(
        "Slack webhook",
        ("hooks.slack.com/",),
        r"https?://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9_/+-]{36,120}",
    ),
    _token(
        "OpenAI key",
        "sk- sk-proj- sk-svcacct- sk-admin-",
        _URL + "{20,100}T3BlbkFJ" + _URL + "{20,100}",
    ),
    _token("Anthropic key", "sk-ant-", r"(?:api|admin|oat|ort|sid)[0-9]{2}-" + _URL + "{80,120}"),
    _token("OpenRouter key", "sk-or-v1-", _HEX + "{64}"),
    _token("key of the sk- form", "sk- sk-proj- sk-svcacct- sk-admin-", _URL + "{32,200}", mixed),
    _token("Hugging Face token", "hf_ api_org_", _B62 + "{34}"),
    _token("Replicate token", "r8_", _B62 + "{37,40}"),
    _token("Groq key", "gsk_", _B62 + "{48,56}"),
    _token("xAI key", "xai-", _B62 + "{80}"),
    _token("Perplexity key", "pplx-", _B62 + "{48,56}"),
    Rule(
        "JSON web token",
        ("eyJ",),
        r"(?<![\w.-])eyJ[\w-]{10,2000}\.[\w-]{4,8000}\.[\w-]{16,1400}",
        jwt,
    ),
    _token(
        "GitLab token",
        "glpat- gldt- glrt- glsoat- glft- glcbt- glptt- glagent- glimt- glffct-",
        r"[A-Za-z0-9_-]{20,300}(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?",
    ),
    Rule(
        "Discord bot token",
        (".",),
        r"(?<![\w-])[MNO][A-Za-z0-9_-]{22,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}(?![\w-])",
        discord,
    ),
    Rule(
        "Discord webhook",
        ("/api/webhooks/",),
        r"https?://(?:\w{1,8}\.)?discord(?:app)?\.com/api/webhooks/[0-9]{17,20}/[\w-]{60,80}",
    ),
    Rule("Telegram bot token", (":AA",), r"(?<![0-9A-Za-z])[0-9]{8,10}:AA[\w-]{33}(?![\w-])"),
    _token("Twilio key", "SK", _HEX + "{32}"),
    _token("SendGrid key", "SG.", _URL + r"{22}\." + _URL + "{43}"),
    _token("Mailgun key", "key-", _HEX + "{32}"),
    Rule("Mailchimp key", ("-us",), r"(?<![0-9A-Za-z-])[0-9a-f]{32}-us[0-9]{1,2}(?![\w-])"),
    _token("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", _HEX + "{64}"),
    _token("Heroku key", "HRKU-", _URL + "{36,70}"),
    _token("Fly.io token", "fo1_ fm1r_ fm2_", r"[A-Za-z0-9_+/=-]{40,600}"),
    _token("Cloudflare origin key", "v1.0-", _HEX + "{24}-" + _HEX + "{146}"),
    Rule(
        "Azure storage key",
        ("ccountKey=", "ccessKey="),
        r"(?:ount|ess)Key=(?P<token>[A-Za-z0-9+/]{43,86}={1,2})",
    ),
    Rule("Azure client secret", ("Q~",), r"(?<![\w.~-])[\w.~-]{3}[0-9]Q~[\w.~-]{31,34}(?![\w~-])"),
    _token("Databricks token", "dapi", _HEX + "{32}(?:-[0-9])?"),
    _token("Shopify token", "shpat_ shpss_ shpca_ shppa_", "[0-9a-fA-F]{32}"),
    _token("Square token", "sq0atp- sq0csp- EAAA", _URL + "{22,60}"),
    _token(
        "Braintree token",
        "access_token$production$ access_token$sandbox$",
        r"[0-9a-z]{16}\$[0-9a-f]{32}",
    ),
    _token("Linear key", "lin_api_ lin_oauth_", _B62 + "{40,64}"),
    _token("Notion token", "ntn_", "[0-9]{11}" + _B62 + "{35}"),
    _token("Postman key", "PMAK-", _HEX + "{24}-" + _HEX + "{34}"),
    _token("Grafana token", "glsa_", _B62 + "{32}_[0-9A-Fa-f]{8}"),
    _token("Grafana cloud token", "glc_", "[A-Za-z0-9+/=]{32,400}"),
    _token("Vault token", "hvs. hvb. hvr.", _URL + "{80,300}"),
    Rule("Terraform token", (".atlasv1.",), r"(?<![\w-])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}"),
    _token("Doppler token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.-]{40,80}"),
    _token("Figma token", "figd_", _URL + "{38,60}"),
    _token("Supabase token", "sbp_ sb_secret_", _URL + "{31,60}"),
    _token("New Relic key", "NRAK-", "[A-Z0-9]{27}"),
    _token("Sentry token", "sntryu_", _HEX + "{64}"),
    _token("Sentry organisation token", "sntrys_", "[A-Za-z0-9+/=_-]{60,500}"),
    _token("Atlassian token", "ATATT3 ATCTT3", r"[A-Za-z0-9_=-]{150,300}"),
    _token("Docker token", "dckr_pat_ dckr_oat_", _URL + "{27,40}"),
    _token("PlanetScale token", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{32,64}"),
    _token(
        "Tailscale key",
        "tskey-",
        r"(?:api|auth|client|scim|webhook)-[A-Za-z0-9]{6,30}-[A-Za-z0-9]{20,60}",
    ),
    _token("1Password token", "ops_eyJ", "[A-Za-z0-9+/=]{200,1200}"),
    _token("age key", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    Rule(
        "private key",
        ("PRIVATE KEY",),
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]){1,12}"
        r"(?:[A-Za-z][A-Za-z-]{2,30}: [^\n]{0,200}\n){0,6}\s{0,4}[A-Za-z0-9+/=]{16}"
        r"[A-Za-z0-9+/=\s\\]{0,20000}"
        r"(?:-----END [A-Z0-9 ]{0,40}-----)?",
        len,
    ),
    Rule(
        "password in a URL",
        ("://",),
        r"(?<![A-Za-z0-9])[a-z][a-z0-9+]{1,20}://[^\s/:@\"'<>]{0,80}:(?P<token>[^\s/@\"'<>]{4,120})@[\w.\[-]",
        url_password,
    ),
    Rule(
        "bearer token",
        ("earer ",),
        r"[Bb]earer (?P<token>[A-Za-z0-9._~+/-]{20,4000}={0,2})",
        mixed,
    ),
    Rule(
        "basic authentication", ("Basic ",), r"Basic (?P<token>[A-Za-z0-9+/]{12,400}={0,2})", basic
    ),
    Rule(
        "assigned password",
        (
            "assw",
            "ASSW",
            "assphrase",
            "pwd",
            "PWD",
            "ecret",
            "ECRET",
            "oken",
            "OKEN",
            "key",
            "KEY",
            "Key",
        ),
        r"(?i:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key)"
        r"[\"']?\s{0,3}(?:=>|:=|=|:)\s{0,3}[\"'](?P<token>[^\s\"'<>{}$\\]{8,200})[\"']",
        mixed,
    ),
    Rule(
        "card number",
        (),
        r"(?<![\w.+/-])(?:[3-6][0-9]{13,18}|2[2-7][0-9]{14}|[2-6][0-9]{3}([ -])[0-9]{4}\1[0-9]{4}"
        r"\1[0-9]{4}|3[47][0-9]{2}([ -])[0-9]{6}\2[0-9]{5})(?![\w/-]|\.[0-9])",
        card,
    ),
    Rule("IBAN", (), r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}[ ]?[A-Z0-9]{4}[A-Z0-9 ]{6,34}", iban),
)

_NAME = r"[A-Za-z0-9_ ▁]{0,40}"
CONTROL: tuple[Rule, ...] = (
    Rule(
        "control token of a chat template",
        ("<|", "<｜"),
        rf"<[|｜]{_NAME}(?i:start|end|im_|eot|eom|bos|eos|header|system|user|assistant|tool|fim|sep|pad|"
        rf"text|channel|message|return|call|think|begin|human|observation|prompt|python){_NAME}[|｜]>",
        len,
        "control",
    ),
    Rule(
        "control token of a chat template",
        (
            "[INST]",
            "[/INST]",
            "<<SYS>>",
            "<</SYS>>",
            "_of_turn>",
            "[SYSTEM_PROMPT]",
            "[TOOL_CALLS]",
        ),
        r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|\[/?SYSTEM_PROMPT\]|\[TOOL_CALLS\]",
        len,
        "control",
    ),
)
