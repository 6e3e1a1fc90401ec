"""Credentials by the shapes that their makers gave them, and what is said to be a password. Not every random string: a hash, an
id or a commit is no secret.

detect-secrets knows fewer of the shapes, tells no place, brings an HTTP client along, and was last released in May 2024.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from inference.port import Finding, Label
from inference.scanning.linear import Pattern

Check = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Rule:
    """`literals`: one of them, lower case, is in every text that `pattern` matches; looking for them costs almost nothing."""

    kind: str
    literals: tuple[str, ...]
    pattern: Pattern
    check: Check


def find(text: str, lowered: str) -> Iterator[Finding]:
    """`lowered` is the text in lower case."""
    for rule in _RULES:
        if any(literal in lowered for literal in rule.literals):
            for span in rule.pattern.spans(text):
                if rule.check(span.text):
                    yield Finding(label=Label.SECRET, kind=rule.kind, start=span.start, end=span.end)


# What stands where a value would: documentation, templates, code that looks the value up, words blacked out.
_PLACEHOLDER = re.compile(
    r"^(?:\W*$|[<\[{$%(]|x{3,}|\*{2,}|\.{2,}|_{2,}|\u2588|(?:your|my|the|some|any|new|old"
    r"|example|sample|test|dummy|fake|foo|bar"
    r"|changeme|change_me|placeholder|redacted|hidden|secret|password|passwd|token|none"
    r"|null|nil|true|false|undefined|string|str"
    r"|required|optional|env|os|process|config|settings|self|this|request|req|ctx|var|vault|getenv|input|args)"
    r"(?:$|[^A-Za-z0-9]|[_-](?:api|key|token|secret|password|here|value)))",
    re.IGNORECASE,
)
_CODE = re.compile(r"[(){}\[\]<>$]|::|->|\.\.")
_SEPARATED = re.compile(r"^[a-z]+(?:[-_.][a-z]+)*$", re.IGNORECASE)
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}")


def _any(value: str) -> bool:
    del value
    return True


def _random(value: str) -> bool:
    """Whether it looks made by a machine: letters and digits, and hardly one twice."""
    if _PLACEHOLDER.match(value) or _CODE.search(value) or _DAY.match(value):
        return False
    has_both = any(one.isdigit() for one in value) and any(one.isalpha() for one in value)
    return has_both and _bits(value) >= min(3.0, math.log2(len(value)) * 0.75)


def _token(value: str) -> bool:
    """After a maker's own prefix less is asked for: no words with hyphens between them."""
    rest = value.partition("-")[2] or value
    return (not _PLACEHOLDER.match(rest) and not _SEPARATED.match(rest)) or (len(rest) >= 20 and rest.isalpha())


def _password(value: str) -> bool:
    """What somebody calls a password and no sentence goes on with: it has a digit or a sign within, and is no code."""
    value = value.rstrip(".,;:!?)")
    if len(value) < 4 or _PLACEHOLDER.match(value) or _CODE.search(value) or _DAY.match(value) or "://" in value:
        return False
    letters, digits = any(map(str.isalpha, value)), any(map(str.isdigit, value))
    signs = any(one in "!@#$%^&*+=?~" for one in value)
    return (letters and (digits or signs)) or (digits and (signs or (value.isdigit() and len(value) >= 6)))


def _quoted(value: str) -> bool:
    return len(value) >= 4 and not _PLACEHOLDER.match(value) and not _CODE.search(value) and " " not in value


def _url_password(value: str) -> bool:
    return not _PLACEHOLDER.match(value) and not _CODE.search(value)


def _phrase(value: str) -> bool:
    return len(value.split()) in {12, 15, 18, 21, 24}


def _bits(value: str) -> float:
    """Shannon entropy of a character."""
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def _rule(kind: str, literals: str, expression: str, check: Check = _any, *, ignore_case: bool = False) -> _Rule:
    return _Rule(kind, tuple(literals.split()), Pattern(expression, ignore_case=ignore_case), check)


_NAMED = (
    r"(?:api[_ -]?key|apikey|secret[_ -]?key|secret[_ -]?access[_ -]?key|access[_ -]?key"
    r"|client[_ -]?secret|app[_ -]?secret|auth[_ -]?token"
    r"|access[_ -]?token|refresh[_ -]?token|bearer[_ -]?token|session[_ -]?token|api[_ -]?token"
    r"|private[_ -]?key|encryption[_ -]?key"
    r"|signing[_ -]?key|signing[_ -]?secret|webhook[_ -]?secret|license[_ -]?key|account[_ -]?key|shared[_ -]?access[_ -]?key"
    r"|secret|token)"
)
_IS = r"[\"']?\s{0,3}(?:=>|:=|=|:|\bis\b(?:\s+now)?|\bwas\b)\s{0,3}"
_CALLED = r"(?:password|passwd|passcode|passphrase|pass word|pwd|kennwort|passwort|mot de passe|contrase\x{f1}a)"

_RULES = (
    _rule("private_key", "-----begin", r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"),
    _rule("private_key", "putty-user-key-file", r"PuTTY-User-Key-File-[23]"),
    _rule("private_key", "age-secret-key-1", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    _rule("aws_key", "akia asia abia acca", r"\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}\b"),
    _rule(
        "aws_secret",
        "aws secretaccesskey secret_access_key",
        r"(?:aws|secret_?access_?key).{0,40}?[=:\"' ](?P<value>[A-Za-z0-9/+]{40})(?:[\"'\s,;]|$)",
        _random,
        ignore_case=True,
    ),
    _rule("github_token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,255}"),
    _rule("github_token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{22,255}"),
    _rule(
        "gitlab_token",
        "glpat- gldt- glft- glsoat- glrt- glptt- gloas- glagent-",
        r"\bgl(?:pat|dt|ft|soat|rt|ptt|oas|agent)-[\w-]{20,}",
    ),
    _rule("slack_token", "xox xapp-", r"\b(?:xox[abeoprs]|xapp)-[\w-]{10,}", _token),
    _rule("slack_webhook", "hooks.slack.com", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{20,}"),
    _rule("discord_webhook", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/\d{10,}/[\w-]{30,}"),
    _rule("stripe_key", "k_live_ k_test_", r"\b[srp]k_(?:live|test)_[0-9A-Za-z]{10,}"),
    _rule("webhook_secret", "whsec_", r"\bwhsec_[A-Za-z0-9+/=]{20,}"),
    _rule(
        "openai_key",
        "sk-",
        r"(?:^|[^\w-])(?P<value>sk-(?:proj-|svcacct-|admin-|or-v1-|ant-(?:api\d\d-)?)?[A-Za-z0-9_-]{16,})",
        _token,
    ),
    _rule("google_key", "aiza", r"\bAIza[\w-]{30,}"),
    _rule("google_secret", "gocspx- ya29.", r"\b(?:GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,})"),
    _rule("hugging_face_token", "hf_", r"\bhf_[A-Za-z0-9]{30,}"),
    _rule(
        "model_provider_key",
        "r8_ gsk_ xai- pplx- nvapi- fw_ tgp_v1_ jina_ pcsk_ tvly- lsv2_",
        r"\b(?:r8_|gsk_|xai-|pplx-|nvapi-|fw_|tgp_v1_|jina_|pcsk_|tvly-|lsv2_(?:pt|sk)_)[\w-]{20,}",
        _token,
    ),
    _rule(
        "service_token",
        "npm_ pypi- sg. dop_v1_ doo_v1_ dapi shpat_ shpca_ shppa_ shpss_ sq0 hvs. hvb. dp.pt. pmak- nrak- gls"
        "a_ glc_ atatt3x flyv1 sbp_"
        " pscale_ sntrys_ ntn_ lin_api_ figd_ rubygems_ cio dckr_pat_ phc_ phx_ rk_ key- fo1_ atlasv1",
        r"\b(?:npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|SG\.[\w-]{16,}\.[\w-]{16,}|do[opr]_v1_[a-f0-9]{32,}|dapi[a-f0-9]{32}"
        r"|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}|sq0(?:atp|csp|idp)-[\w-]{22,}|hv[sb]\.[\w-]{24,}|dp\.pt\.[A-Za-z0-9]{40,}"
        r"|PMAK-[a-f0-9]{24}-[a-f0-9]{34}|NRAK-[A-Z0-9]{27}|gls?a?c?_[A-Za-z0-9+/=_]{32,}|ATATT3x[\w=-]{40,}"
        r"|FlyV1 fm\d_[\w+/=,-]{40,}"
        r"|fo1_[\w-]{40,}|sbp_[a-f0-9]{40}|pscale_(?:tkn|pw|oauth)_[\w.-]{32,}|sntry[su]_[A-Za-z0-9+/=_]{40,}"
        r"|ntn_[A-Za-z0-9]{40,}"
        r"|lin_api_[A-Za-z0-9]{32,}|figd_[\w-]{32,}|rubygems_[a-f0-9]{48}|cio[A-Za-z0-9]{32}"
        r"|dckr_pat_[\w-]{20,}|ph[cx]_[A-Za-z0-9]{40,}"
        r"|key-[a-f0-9]{32}|[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,})",
    ),
    _rule("mailchimp_key", "-us", r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    _rule("twilio_key", "sk ac", r"\bSK[0-9a-f]{32}\b"),
    _rule("telegram_token", ":aa", r"\b\d{8,10}:AA[\w-]{30,}"),
    _rule("discord_token", ".", r"\b[MNO][A-Za-z\d_-]{23,27}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}\b", _random),
    _rule("jwt", "eyj", r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    _rule(
        "azure_key",
        "accountkey= sharedaccesskey=",
        r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}",
        ignore_case=True,
    ),
    _rule("bearer_token", "bearer", r"\bBearer\s+(?P<value>[A-Za-z0-9._~+/=-]{16,})", _random, ignore_case=True),
    _rule(
        "basic_credentials",
        "basic",
        r"\bAuthorization[\"']?\s*[:=]\s*[\"']?Basic\s+(?P<value>[A-Za-z0-9+/]{12,}={0,2})",
        ignore_case=True,
    ),
    _rule(
        "url_password",
        "://",
        r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/?#@\"'<>]{0,64}:(?P<value>[^\s/?#@\"'<>]{3,128})@[\w.\[-]",
        _url_password,
        ignore_case=True,
    ),
    _rule(
        "named_secret",
        "key secret token",
        rf"(?:\b|_){_NAMED}{_IS}[\"'`]?(?P<value>[^\s\"'`,;]{{12,512}})",
        _random,
        ignore_case=True,
    ),
    _rule(
        "password",
        "pass pwd kennwort contrase",
        rf"{_CALLED}(?:\s+(?:for|to|of|on)\s+[^\n.:=]{{1,60}}?|\s+\([^)\n]{{1,40}}\))?{_IS}(?:set\s+to\s+)?"
        rf"(?P<value>[^\s\"'`,;]{{4,128}})",
        _password,
        ignore_case=True,
    ),
    _rule(
        "password",
        "pass pwd",
        rf"{_CALLED}(?:\s+(?:for|to|of|on)\s+[^\n.:=]{{1,60}}?)?{_IS}(?:\"(?P<value>[^\s\"]{{4,128}})\""
        rf"|\x60[^\s\x60]{{4,128}}\x60)",
        _quoted,
        ignore_case=True,
    ),
    _rule(
        "pin",
        "pin",
        r"\b(?:my|our|the|his|her|their|card|bank|debit|atm|alarm|door|sim)\s+pin(?:\s+(?:code"
        r"|number))?(?:\s+for\s+[^\n.:=]{1,40}?)?\s*(?:is|:|=)\s*(?P<value>\d{4,8})\b",
        ignore_case=True,
    ),
    _rule(
        "recovery_phrase",
        "phrase",
        r"\b(?:seed|recovery|mnemonic|backup)\s+phrase\s*(?:is|:|=)\s*[\"']?(?P<value>[a-z]{3,8}(?:\s+[a-z]{3,8}){11,23})",
        _phrase,
        ignore_case=True,
    ),
)
