"""Signs of a text that gives orders to a model, or that smuggles data out through an address.

A flag, not a detection: these are the slogans of such texts. What a text from outside states in
plain words has no mark at all; that it is untrusted is what protects from it.
"""

import re
from collections.abc import Iterator
from functools import cache

_DONE = "previous|prior|above|earlier|preceding|former|existing|original|your|the|all|any|system"
_WHAT = (
    "instructions?|prompts?|rules|directives|guidelines|commands|context|messages?|training|"
    "safety|restrictions|constraints"
)
_ME = "ai|a\\.i\\.|llm|assistant|model|chatbot|agent|language model"
#: One of these words must be there, in small letters, before the expression is tried.
_ORDERS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("ignore", "disregard", "forget", "override", "bypass", "overrule", "follow", "neglect"),
        r"\b(?:ignore|disregard|forget|override|bypass|overrule|do not follow|don't follow|neglect)"
        rf"\W{{1,3}}(?:(?:{_DONE}|of|everything|what)\W{{1,3}}){{1,5}}(?:{_WHAT})",
    ),
    (
        ("ignore", "forget", "disregard"),
        r"\b(?:ignore|forget|disregard) (?:everything|all) (?:above|before|said|you|that)",
    ),
    (
        ("ignor",),
        r"\bignor(?:iere|ieren sie|er|ez|a|e) (?:bitte )?(?:(?:alle|toutes|todas|tutte|le|las"
        r"|les|die)"
        r" ){0,3}\w{0,15} ?(?:anweisungen|instructions|instrucciones|istruzioni|consignes|regeln)",
    ),
    (
        ("instruction", "directive", "orders", "prompt"),
        r"\b(?:new|updated|additional|hidden|secret|real|admin"
        r"|special) (?:system )?(?:instructions?"
        rf"|directives?|orders|prompt)\s{{0,3}}(?::|for (?:the |you|any )?(?:{_ME}))",
    ),
    (
        (
            "note",
            "notice",
            "message",
            "attention",
            "instruction",
            "reminder",
            "dear",
            "hey",
            "hello",
            "important",
        ),
        r"\b(?:note|notice|message|attention|instructions?|reminder|dear|hey|hello|important)"
        rf"\W{{1,3}}(?:(?:to|for) )?(?:(?:the|any|all|every) )?(?:{_ME})s?\b",
    ),
    (
        (
            "must",
            "shall",
            "should",
            "please",
            "required",
            "has to",
            "have to",
            "need to",
            "needs to",
            "are to",
            "is to",
            "will now",
        ),
        rf"\b(?:{_ME})s?(?: (?:reading|processing|that reads"
        rf"|summari[sz]ing)[^.\n]{{0,40}})?,? (?:must"
        r"|shall|should|has to|have to|needs? to|are to|is to|please|will now|is required)\b",
    ),
    (
        ("you are",),
        r"\byou are (?:now|no longer|going to be) (?:an? |the |in |dan\b|bound|free|allowed"
        r"|required)",
    ),
    (
        ("henceforth", "from now", "starting now", "for the rest"),
        r"\b(?:from now on|henceforth|starting now|for the rest of this)\b[^.\n]{0,30}"
        r"(?:\byou\b|always|never|answer|respond|reply|add|use|include|act|speak|write|call|send)",
    ),
    (
        ("user", "human", "person", "anyone", "owner"),
        r"\b(?:do not|don't|never|without) (?:tell|inform|mention|notify|alert|reveal|ask|warn"
        r"|show)"
        r"(?:ing)?\b[^.\n]{0,25}\b(?:user|human|person|anyone|owner)",
    ),
    (
        ("you", "ai", "assistant", "model", "agent"),
        rf"\b(?:when(?:ever)?|if|once|as soon as|every time) (?:you|the (?:{_ME})) (?:read|see"
        rf"|are asked"
        r"|is asked|process|summari[sz]e|answer|respond|recall|receive|load|find)",
    ),
    (
        ("reveal", "print", "output", "repeat", "show", "leak", "disclose", "display"),
        r"\b(?:reveal|print|output|repeat|show|leak|disclose|display) (?:me )?(?:your|the) (?:full "
        r"|entire |hidden |secret )?(?:system prompt|instructions|initial prompt|api keys?"
        r"|credentials"
        r"|memor(?:y|ies)|configuration)",
    ),
    (
        ("http", "@", "webhook", "server"),
        r"\b(?:send|forward|post|upload|e-?mail|transmit|exfiltrate|leak|submit|copy|report)\b"
        r"[^.\n]{0,80}\b(?:conversation|chat|history|memor(?:y|ies)|password|credential|secret"
        r"|key|token"
        r"|user'?s|private|data)\b[^\n]{0,60}\b(?:to|at)\b[^\n]{0,20}(?:https?://|\S{1,60}@|webhook"
        r"|server)",
    ),
    (
        ("tool", "function", "plugin"),
        r"\b(?:call|invoke|use|run|execute|trigger) (?:the |your )?`?\w{2,40}`? (?:tool"
        r"|function|plugin)"
        r"\b[^.\n]{0,60}\b(?:with|and|to|on|now|immediately|before|first)\b",
    ),
    (
        ("mode",),
        r"\b(?:developer|debug|god|dan|jailbreak|unrestricted|maintenance|admin|sudo) mode\b"
        r"[^.\n]{0,30}(?:on|enabled?|activated?|active|now|engaged)",
    ),
    (
        ("pretend", "act as", "roleplay", "behave"),
        r"\b(?:pretend|act as if|roleplay as|behave as) (?:you|to be|an? )",
    ),
    (
        ("system", "assistant", "developer"),
        r"\b(?:system|assistant|developer)\s{0,2}(?:prompt|message|override|note"
        r"|instruction)s?\s{0,2}:",
    ),
    (
        ("remember",),
        r"\bremember (?:that )?(?:you|the (?:ai|assistant|agent))? ?(?:must|should|have to"
        r"|always|never)\b",
    ),
    (("<",), r"<\s{0,3}/?\s{0,3}(?:system|instructions?|assistant|important|admin|prompt)\s{0,3}>"),
    (
        ("precedence", "supersedes", "overrides"),
        r"\b(?:this|it) (?:takes precedence|supersedes|overrides) (?:over )?(?:all|any|your"
        r"|every|previous)",
    ),
    (
        ("approved by",),
        r"\bapproved by (?:the )?(?:user|admin|developers?|anthropic|openai|system)\b",
    ),
)


@cache
def _order(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_IMAGE = re.compile(
    r"!\[[^\]\n]{0,300}\]\(\s{0,3}<?(https?://[^\s)>]{1,3000})"
    r"|<img\b[^>]{0,300}?\bsrc\s{0,3}=\s{0,3}[\"']?(https?://[^\"'\s>]{1,3000})"
    r"|^\[[^\]\n]{1,100}\]:\s{0,3}<?(https?://[^\s>]{1,3000})",
    re.IGNORECASE | re.MULTILINE,
)
_LINK = re.compile(r"(?<!!)\[[^\]\n]{0,300}\]\(\s{0,3}<?(https?://[^\s)>]{1,3000})", re.IGNORECASE)
#: Where an address has a gap to be filled with what the model knows.
_GAP = re.compile(
    r"\{[^}\s]{0,60}\}|%7B|\$\(|<[A-Za-z_ ]{1,40}>?|\[[A-Za-z_ ]{2,40}\]?|%s\b"
    r"|=(?:INSERT|YOUR|USER|SECRET|DATA|CONTENT|HISTORY|MEMOR|CONVERSATION|SUMMARY"
    r"|PASSWORD)[A-Z_]{0,40}",
)
_CARGO = re.compile(
    r"[?&](?:data|secrets?|leak|exfil\w{0,20}|payload|conversation|history|memor(?:y|ies)"
    r"|prompt|context"
    r"|chat|stolen|b64|base64|password|passwd|content|message|msg|info|dump|cookies?|creds?"
    r"|summary)=[^&#]{4}",
    re.IGNORECASE,
)
_LONG = re.compile(
    r"[?&](?!sig|X-Amz|token|hmac|jwt|expires|key|signature)[\w-]{1,20}=[\w+/=-]{64}"
)


def orders(text: str) -> Iterator[tuple[int, int, str]]:
    """Spans in which a text from outside speaks to a model instead of about something."""
    small = text.lower()
    for words, pattern in _ORDERS:
        if any(word in small for word in words):
            for match in _order(pattern).finditer(text):
                yield match.start(), match.end(), "instructions in a text from outside"


def smuggling(text: str) -> Iterator[tuple[int, int, str]]:
    """Spans of images and links whose address would carry data to somebody else's server."""
    if "://" not in text:
        return
    if "![" in text or "<" in text or "]:" in text:
        for match in _IMAGE.finditer(text):
            address = match[1] or match[2] or match[3]
            image = match[3] is None
            if _gap(address) or _CARGO.search(address) or (image and _LONG.search(address)):
                yield match.start(), match.end(), "image that carries data away"
    if "](" in text:
        for match in _LINK.finditer(text):
            if _gap(match[1]) and _CARGO.search(match[1]):
                yield match.start(), match.end(), "link that carries data away"


def _gap(address: str) -> bool:
    return "?" in address and _GAP.search(address, address.index("?")) is not None
