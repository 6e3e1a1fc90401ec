"""Text made to be obeyed by a model that reads it: orders to drop what it was told, its makers' control tokens, calls of
tools, hidden characters. Not every instruction: what a user asks of an assistant is what conversations are made of, and an
ordinary task planted in a document looks like any other sentence. That is why retrieved text is fenced, whatever a scanner
says.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from inference.port import Finding, Label
from inference.scanning.linear import Pattern

# Characters that nobody sees and that break a word for a rule.
_UNSEEN = re.compile("[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u2019\u2018\u201c\u201d", "aeopcyxijs''\"\""
)
_BASE64 = Pattern(r"[A-Za-z0-9+/]{24,}={0,2}")
_BASE64_MAX = 8  # so many blocks are looked into


@dataclass(frozen=True, slots=True)
class _Rule:
    """`literals`: one of them, lower case, is in every text that `pattern` matches. `deniable`: an order not to is none."""

    kind: str
    literals: tuple[str, ...]
    pattern: Pattern
    deniable: bool


def find(text: str) -> Iterator[Finding]:
    """Looks at the text as a model would read it: compatibility forms, look-alike letters and unseen characters undone. Where
    that moves places, what is found is told of the whole text."""
    seen = _as_read(text)
    moved = len(seen) != len(text)
    for kind, start, end in (*_found(seen), *_encoded(seen), *_hidden(text)):
        whole = moved and kind != "hidden_text"
        yield Finding(label=Label.INJECTION, kind=kind, start=0 if whole else start, end=len(text) if whole else end)


def _as_read(text: str) -> str:
    if text.isascii():
        return text
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text)).translate(_LOOKALIKES)


def _found(text: str) -> Iterator[tuple[str, int, int]]:
    lowered = text.lower()
    for rule in _RULES:
        if any(literal in lowered for literal in rule.literals):
            for span in rule.pattern.spans(text):
                if not (rule.deniable and _DENIED.search(text[max(0, span.start - 40) : span.start])):
                    yield rule.kind, span.start, span.end


def _encoded(text: str) -> Iterator[tuple[str, int, int]]:
    """What base64 hides."""
    for tried, span in enumerate(_BASE64.spans(text)):
        if tried == _BASE64_MAX:
            return
        whole = span.text.rstrip("=")
        try:
            told = base64.b64decode(whole + "=" * (-len(whole) % 4)).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if next(_found(told), None) is not None:
            yield "encoded", span.start, span.end


def _hidden(text: str) -> Iterator[tuple[str, int, int]]:
    """Tag characters that spell a text; a flag's stand behind a black flag, and are at most six."""
    if not text.isascii():
        for found in _TAGS.finditer(text):
            yield "hidden_text", found.start(), found.end()


_TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]{4,}|[\u200b\u200c\u2060-\u2064]{16,}")
# "Do not ignore the instructions above", "you must never reveal", "it ignored", "why did it forget".
_DENIED = re.compile(
    r"(?:\b(?:not|never|don't|dont|won't|can't|cannot|shouldn't|mustn't|didn't|without"
    r"|refuse to|avoid|instead of)\W+(?:\w+\W+){0,2})$",
    re.IGNORECASE,
)


def _rule(kind: str, literals: str, expression: str, *, deniable: bool = False, ignore_case: bool = True) -> _Rule:
    return _Rule(kind, tuple(literals.split("|")), Pattern(expression, ignore_case=ignore_case), deniable)


_DROP = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|discard|neglect|dismiss|abandon"
    r"|cancel|erase|delete|pay no attention to|stop following|do not follow|don't follow"
    r"|disobey|circumvent)"
)
_EARLIER = (
    r"(?:previous(?:ly)?|prior|above|earlier|preceding|foregoing|before|existing|former"
    r"|past|initial|original|system|developer|safety|hidden|prevoius|preivous)"
)
_TOLD = (
    r"(?:instructions?|instructed|prompts?|directions?|directives?|guidelines?|guidance"
    r"|commands?|orders?|constraints?|programming|safeguards?|guardrails?|instrucitons?"
    r"|restrictions?|safety rules?|system rules?)"
)
_HIDDEN_TEXT = (
    r"(?:system|initial|hidden|secret|developer|original|internal|pre-?)[ -]?(?:prompts?"
    r"|instructions?|messages?|directives?|rules|guidelines)"
)
_FREE = r"(?:unrestricted|unfiltered|uncensored|jailbroken|unbound|amoral|unethical|evil|DAN|STAN|AIM|DUDE)"

_RULES = (
    _rule(
        "override",
        "instruc|prompt|direct|guid|command|order|constrain|programming|safeguard|guardrail|restriction|rules",
        rf"\b{_DROP}\s+(?:(?:all|any|every|each|of|the|your|my|our|these|those|this|that|everything"
        rf"|anything|about|and|in|to|from|you|were|was|given|got|have|been)\s+){{0,6}}"
        rf"(?:{_EARLIER},?\s+(?:(?:and|or|system|safety|user|set|of|{_EARLIER})\s+){{0,3}}{_TOLD}"
        rf"|{_TOLD}\s+(?:(?:that|which|you|were|was|given|i|we|have|been|to|in|the|told|are"
        rf"|listed|written)\s+){{0,5}}{_EARLIER})\b",
        deniable=True,
    ),
    _rule(
        "override",
        "your|instruc|rules|guid|programming",
        rf"\b{_DROP}\s+(?:all\s+|any\s+|every\s+)?(?:of\s+)?your\s+(?:\w+\s+){{0,2}}(?:instructions?"
        rf"|guidelines?|directives?|programming|training|system prompts?|safety (?:rules|policies"
        rf"|protocols)|restrictions?|guardrails?|content polic(?:y|ies))\b",
        deniable=True,
    ),
    _rule(
        "override",
        "everything|anything|all",
        rf"\b{_DROP}\s+(?:everything|anything|all)\s+(?:that\s+)?(?:(?:you(?:'ve| have)?(?: been"
        rf"| were)?|i|we|they|was|has been|have)\s+){{1,2}}(?:told|taught|instructed|learned"
        rf"|said)\b.{{0,40}}?\b(?:before|previously|earlier|above|until now|so far|and|instead)\b",
        deniable=True,
    ),
    _rule(
        "override",
        "ignor|vergiss|missachte|olvida|oubli|dimentica|esque\u00e7|\u5ffd\u7565|\u7121\u8996"
        "|\u7121\u89c6|\u65e0\u89c6|\u0438\u0433\u043d\u043e\u0440|\u7121\u8996|negeer",
        r"\b(?:ignorier\w*|vergiss|missachte)\s+(?:bitte\s+)?(?:alle\w*\s+)?(?:\w+\s+)?(?:vorherige\w*"
        r"|bisherige\w*|obige\w*|vorangegangene\w*|fr\x{fc}here\w*)\s+(?:anweisung\w*|instruktion\w*"
        r"|befehl\w*|vorgabe\w*)"
        r"|\b(?:ignore[zr]?|oublie[zr]?)\s+(?:toutes\s+)?(?:les|vos|tes)\s+(?:instructions"
        r"|consignes|directives)\s+(?:pr\x{e9}c\x{e9}dentes|ci-dessus|ant\x{e9}rieures)"
        r"|\b(?:ignor[ae]n?|olvid[ae]n?|haz caso omiso de)\s+(?:todas\s+)?(?:las|tus|sus)\s+"
        r"(?:instrucciones|\x{f3}rdenes|indicaciones)\s+(?:anteriores|previas)"
        r"|\b(?:ignora|dimentica)\s+(?:tutte\s+)?(?:le|tue)\s+(?:istruzioni|indicazioni)\s+(?:precedenti|sopra)"
        r"|\b(?:ignore|esque\x{e7}a)\s+(?:todas\s+)?(?:as|suas)\s+(?:instru\x{e7}\x{f5}es|ordens)\s+(?:anteriores|acima)"
        r"|\bnegeer\s+(?:alle\s+)?(?:vorige|eerdere|bovenstaande)\s+(?:instructies|opdrachten)"
        r"|(?:\x{5ffd}\x{7565}|\x{65e0}\x{89c6}|\x{7121}\x{8996}).{0,8}(?:\x{4e4b}\x{524d}"
        r"|\x{4ee5}\x{524d}|\x{4e0a}\x{9762}|\x{5148}\x{524d}|\x{6240}\x{6709}).{0,8}(?:\x{6307}\x{4ee4}"
        r"|\x{6307}\x{793a}|\x{63d0}\x{793a})"
        r"|(?:\x{4ee5}\x{524d}|\x{4e0a}\x{8a18}|\x{524d}).{0,4}\x{6307}\x{793a}.{0,6}\x{7121}\x{8996}",
    ),
    _rule(
        "role_reset",
        "you are|you're|act as|pretend|become|roleplay|role-play",
        rf"\b(?:you are now|you're now|act as|pretend to be|pretend you are|you will be|you are going to be"
        rf"|become|roleplay as|role-play as|respond as)\s+(?:(?:an?|the|my|going|to|completely"
        rf"|fully|totally)\s+){{0,3}}(?:\"|')?{_FREE}\b",
    ),
    _rule(
        "role_reset",
        "you are|you're|you have",
        r"\b(?:you are|you're|you have)\s+(?:now\s+)?(?:been\s+)?(?:no longer|freed from|free from"
        r"|free of|not|broken free of|liberated from|exempt from|released from)\s+(?:\w+\s+){0,2}?"
        r"(?:bound|restricted|constrained|limited|subject|the typical confines|any (?:rules"
        r"|restrictions|guidelines|filters)|all (?:rules|restrictions|guidelines|filters)|your "
        r"(?:rules|restrictions|guidelines|programming))\b",
    ),
    _rule(
        "role_reset",
        "mode",
        r"\b(?:developer|dev|god|dan|jailbreak|jailbroken|unrestricted|sudo|admin(?:istrator)?"
        r"|debug|maintenance|opposite|evil)\s+mode\s+(?:is\s+)?(?:now\s+)?(?:enabled|activated"
        r"|engaged|unlocked|output)\b|\b(?:enter|enable|activate|switch to|you are (?:now )?in)\s+"
        r"(?:\"|')?(?:developer|god|dan|jailbreak|unrestricted|sudo)\s+mode\b",
        deniable=True,
    ),
    _rule("role_reset", "do anything now|jailbreak", r"\bdo anything now\b|\[jailbreak\]|jailbreak(?:ed)? prompt:"),
    _rule(
        "role_reset",
        "without|no |regardless",
        r"\b(?:answer|respond|reply|act|comply|behave|operate|generate|write)\b[^.\n]{0,60}\b"
        r"(?:without|with no|regardless of|ignoring)\s+(?:any\s+|all\s+)?(?:ethical|moral|legal"
        r"|safety|content)\s+(?:(?:or|and|,)\s*(?:ethical|moral|legal|safety)\s+)?(?:restrictions?"
        r"|guidelines?|filters?|constraints?|limitations?|considerations?|polic(?:y|ies)|boundaries"
        r"|concerns?)\b",
    ),
    _rule(
        "prompt_leak",
        "prompt|instruc|message|rules|guidelines|directive",
        rf"\b(?:reveal|print|show|output|repeat|display|leak|dump|share|disclose|give|tell|expose"
        rf"|recite|write out|summari[sz]e|translate|copy|return)\s+(?:(?:me|us|out|to|back|the"
        rf"|your|all|of|full|entire|complete|exact|whole|verbatim|text|contents?|words?|own"
        rf"|current|in)\s+){{0,6}}{_HIDDEN_TEXT}\b",
        deniable=True,
    ),
    _rule(
        "prompt_leak",
        "above|before",
        r"\b(?:repeat|print|output|recite|copy|echo)\s+(?:back\s+)?(?:the\s+|all\s+|every\s+)*"
        r"(?:words|everything|text|content|instructions?)\s+(?:that\s+(?:is|are|comes?|came)\s+"
        r"|written\s+|starting\s+)?(?:above|before this)\b",
        deniable=True,
    ),
    _rule(
        "control_token",
        "<|",
        r"<\|\s?/?(?:im_start|im_end|im_sep|system|user|assistant|tool|tools|tool_call|tool_response"
        r"|endoftext|end|endofprompt|begin_of_text|end_of_text|start_header_id|end_header_id"
        r"|eot_id|eom_id|python_tag|start|message|channel|call|return|constrain|observation"
        r"|start_of_role|end_of_role|fim_\w{1,10}|START_OF_TURN_TOKEN|END_OF_TURN_TOKEN|SYSTEM_TOKEN"
        r"|USER_TOKEN|CHATBOT_TOKEN|reserved_special_token_\d{1,3})\s?\|>",
    ),
    _rule(
        "control_token",
        "inst]|sys>>|tool_calls]|tool_results]|available_tools]|system_prompt]",
        r"\[/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|<</?SYS>>",
        ignore_case=False,
    ),
    _rule("control_token", "_of_turn>|<bos>|<eos>|</s>", r"<(?:start|end)_of_turn>|</s>\s*<s>|<bos>|<eos>", ignore_case=False),
    _rule(
        "control_token",
        "\uff5c|<\uff5c",
        r"<[\x{ff5c}|](?:User|Assistant|begin[\x{2581}_]of[\x{2581}_]sentence|end[\x{2581}_]of[\x{2581}_]sente"
        r"nce|tool[\x{2581}_]\w{1,20})[\x{ff5c}|]>",
    ),
    _rule(
        "control_token",
        "###",
        r"(?m)^\s{0,3}#{2,3}\s?(?:instruction|system|new instruction|system prompt|response)s?:?\s*$"
        r"|^\s{0,3}#{2,3}\s?(?:instruction|system|new instruction|system prompt)s?:",
    ),
    _rule("control_token", "human:", r"\n\nHuman:[^\n]*(?:\n[^\n]+){0,8}\n\nAssistant:", ignore_case=False),
    _rule(
        "fake_system",
        "system|admin|developer|instruc|assistant",
        r"(?m)(?:^|[.!?\]\n*>-]\s*)[\[({*<#-]{0,4}\s?(?:system|admin(?:istrator)?|developer"
        r"|root)\s+(?:override|prompt|instructions?|directive|command|notice to (?:ai|assistant)s?)\s?[\])}*>]"
        r"{0,4}\s?:",
    ),
    _rule(
        "fake_system",
        "instruction",
        r"\b(?:new|updated|real|actual|true|important|hidden|secret|special|additional|urgent)\s+"
        r"(?:system\s+)?instructions?\s+(?:for|to)\s+(?:the\s+|any\s+|all\s+|you,?\s+the\s+)?"
        r"(?:ai|a\.i\.|llms?|language models?|assistants?|chat ?bots?|agents?|models?|copilots?"
        r"|gpt|chatgpt|claude|gemini)\b",
    ),
    _rule(
        "fake_system",
        "new instruction|begin new|new system|new task",
        r"(?m)(?:^|[.!?\]\n*>-]\s*)[\[({*<#-]{0,4}\s?(?:your\s+)?(?:begin\s+)?new\s+(?:system\s+)?"
        r"(?:instructions?|prompt|directives?)(?:\s+(?:is|are|as follows|follow))?\s?[\])}*>]{0,4}\s?:",
    ),
    _rule(
        "fake_system",
        "attention|note|important|dear|hey|message|if you are|as an ai",
        r"\b(?:attention|note|message|important|notice|dear|instructions?)\s*(?:[:,!]|to|for)\s*"
        r"(?:the\s+|any\s+|all\s+)?(?:ai|llms?|large language models?|language models?|ai assistants?"
        r"|ai agents?|ai models?|chat ?bots?)\b[^.\n]{0,30}?(?::|\b(?:reading|processing|must"
        r"|should|you|please|that|which|scraping|parsing|summari[sz]ing|reviewing|evaluating)\b)",
    ),
    _rule(
        "fake_system",
        "if you are",
        r"\bif you(?: are|'re) (?:an?\s+)?(?:ai|llm|large language model|language model|ai assistant"
        r"|ai agent|chat ?bot|automated (?:system|agent|assistant))\b[^.\n]{0,40}(?:reading"
        r"|processing|summari[sz]ing|parsing|reviewing|,\s*(?:you must|please|do|ignore|say"
        r"|respond|reply|include|rate|rank|recommend))",
    ),
    _rule(
        "tool_call",
        "<tool|<func|<invoke|<parameter|tool_call",
        r"</?(?:antml:)?(?:tool_calls?|function_calls?|tool_use|tool_code|tool_response|function_results)>"
        r"|<(?:antml:)?(?:invoke|parameter)\s+name\s?=|<function=[\w.-]{1,64}>",
    ),
    _rule(
        "tool_call",
        '"arguments"|"parameters"|"tool_calls"|"function_call"|"tool_use"',
        r"\{\s*\"(?:name|function|tool|tool_name)\"\s*:\s*\"[\w.:/-]{1,80}\"\s*,\s*\"(?:arguments"
        r"|parameters|args|input)\"\s*:\s*[{\"]|\"(?:tool_calls|function_call)\"\s*:\s*[\[{]"
        r"|\"type\"\s*:\s*\"(?:tool_use|function_call)\"",
    ),
    _rule("tool_call", "action input", r"(?m)^\s{0,3}Action:\s*[\w .-]{1,60}\n\s{0,3}Action Input:", ignore_case=False),
    _rule(
        "exfiltration",
        "http|@|send|post|upload|forward|email|exfiltrate|transmit|leak",
        r"\b(?:send|forward|post|upload|e-?mail|exfiltrate|transmit|leak|submit|append|encode)\s+"
        r"(?:[^.\n]{0,60}?\s)?(?:credentials?|passwords?|api keys?|access tokens?|secrets|system prompt"
        r"|chat history|conversation (?:history|log)|session (?:cookies?|tokens?)|private keys?"
        r"|(?:user's|users'|their|customer) (?:personal )?(?:data|information|messages|emails))\b[^.\n]{0,60}?"
        r"\b(?:to|into|via|at|in)\s+(?:the\s+|this\s+|our\s+|a\s+)?(?:url|server|webhook|endpoint"
        r"|address|https?://|[\w.+-]{1,40}@|[\w-]{1,40}\.(?:com|net|org|io|ru|cn|xyz|biz|info"
        r"|co)\b)",
        deniable=True,
    ),
    _rule(
        "exfiltration",
        "](http",
        r"!\[[^\]\n]{0,80}\]\(https?://[^)\s]{1,200}[?&/=](?:\{|\[|<|%7B|INSERT|DATA|SECRET|YOUR_)[^)\s]{0,80}\)",
    ),
    _rule(
        "concealment",
        "user",
        r"\b(?:do not|don't|never|must not|without)\s+(?:tell(?:ing)?|inform(?:ing)?|notify"
        r"(?:ing)?|alert(?:ing)?|warn(?:ing)?|mention(?:ing)?|reveal(?:ing)?|disclos(?:e|ing))\s+"
        r"(?:this\s+|it\s+|that\s+|anything\s+|these\s+(?:instructions?\s+)?|about\s+)*(?:to\s+)?"
        r"(?:the\s+|any\s+)user\b[^.\n]{0,30}?(?:$|[.\n]|\b(?:about|that you|of this|this|these"
        r"|anything)\b)",
    ),
)
