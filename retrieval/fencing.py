"""Retrieved text as data: what a chat template would read as its own is broken, and a fence with an id that the text cannot
hold stands around it. Not a detector of injected instructions (inference scans for those): whatever the text says, it stays
inside.

The id is a number derived by HMAC from a secret of this service, so that nobody who writes a text can know it beforehand, and
it is derived again until the text does not hold it. The same scope and text give the same id: a stable prefix stays stable.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from itertools import count

# 15 decimal digits: 50 bits in 5 tokens of OpenAI's vocabularies, where as many bits of hex take 8 to 10.
ID_DIGITS = 15

OPENING = "<<<data"
CLOSING = "data>>>"

# Control tokens by the shape that a family gives them, so that a family's next token is covered too.
_CONTROL = re.compile(
    r"""
    [<\uff1c] [|\uff5c] (?P<bar> [^<>|\uff1c\uff1e\uff5c\n]{1,80}? ) [|\uff5c] [>\uff1e]  # ChatML, Qwen, Llama 3 and 4, Phi,
                                    # GPT-OSS, GLM, Command R, Granite; with wide bars DeepSeek's
  | [<\uff1c] (?P<angle> /? (?: s | bos | eos | pad | unk | mask | sop | eop | cls | sep        # SentencePiece, Gemma, GLM
        | (?:start|end)_of_(?:turn|image|role|text) | (?:start|end)of(?:turn|text)             # Gemma
        | extra_id_\d+ | unused\d+ | reserved_\d+
        | think | thinking | tool_call | tool_calls | tool_response | tools | function         # Qwen, Hermes, DeepSeek R1
        | (?:antml:)? (?:function_calls | function_results | invoke | parameter | result )     # Claude
        | system | user | assistant | human | instructions? | system-reminder | system_prompt
      ) (?: [\s=][^<>\n]{0,200} )? ) [>\uff1e]
  | << (?P<system> /? SYS ) >>                                                                  # Llama 2
  | \[ (?P<square> /? (?: INST | AVAILABLE_TOOLS | TOOL_CALLS | TOOL_RESULTS | TOOL_CONTENT | SYSTEM_PROMPT | IMG | IMG_END
        | IMG_BREAK | THINK | MODEL_SETTINGS | CALL_ID | ARGS | PREFIX | MIDDLE | SUFFIX        # Mistral
        | CLS | SEP | MASK | UNK | PAD | gMASK | sMASK ) ) \]                                   # BERT, GLM
    """,
    re.VERBOSE | re.IGNORECASE,
)
# One of these is in whatever `_CONTROL` or `_FENCE` finds.
_BRACKETS = ("<", "\uff1c", "[", ">")
# Prompts that were plain text: Claude's of old, Vicuna, Alpaca.
_TURN = re.compile(
    r"^([ \t]*)(human|assistant|system|### ?(?:instruction|response|system|input))([ \t]*):", re.MULTILINE | re.IGNORECASE
)
_FENCE = re.compile(r"<{3,}(?=\s*data)|(?<=data)>{3,}", re.IGNORECASE)
# Control characters, and the invisible tags that carry text no person sees; a flag's tags stand behind a black flag.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+")
_NEWLINE = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_DIGIT = re.compile(r"\d")
_SURROGATE = re.compile("[\ud800-\udfff]")


def neutralised(text: str) -> str:
    """The text as a model may see it: brackets of control tokens become others, which no tokenizer knows nor normalises back;
    `Human:` at a line's start loses its colon's place; what cannot be seen goes. Neutralising twice changes nothing more."""
    # Looked for first, since most texts have none of it: 200 pieces take 1 ms, and without that 4.5 ms.
    if not text.replace("\n", " ").replace("\t", " ").isprintable():
        text = _UNSEEN.sub("", _NEWLINE.sub("\n", _SURROGATE.sub("\ufffd", text)))
    if any(bracket in text for bracket in _BRACKETS):
        text = _FENCE.sub(_apart, _CONTROL.sub(_renamed, text))
    return _TURN.sub(r"\1\2 -", text) if ":" in text else text


def one_line(text: str) -> str:
    """The same without newlines: for titles and names, which must not begin a line of their own."""
    return " ".join(neutralised(text).split())


def fence_id(secret: bytes, scope: str, texts: Sequence[str]) -> str:
    """An id that occurs in none of `texts`: HMAC-SHA-256 of the scope and the texts, with the first counter that gives one."""
    keyed = hmac.new(secret, scope.encode("utf-8", "surrogatepass"), hashlib.sha256)
    for text in texts:
        keyed.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    seed = keyed.digest()
    return next(made for attempt in count() if not any(holds(text, made := _digits(seed, attempt)) for text in texts or ("",)))


def holds(text: str, made: str) -> bool:
    """Whether the text has the id in it, or so written that a reader could take it for the id."""
    return made in text or made in "".join(str(int(digit)) for digit in _DIGIT.findall(text))


def fenced(body: str, made: str) -> str:
    """The body between its two lines, which end in newlines."""
    return f"{opening(made)}{body}{closing(made)}"


def opening(made: str) -> str:
    return f"{OPENING} {made}\n"


def closing(made: str) -> str:
    return f"{made} {CLOSING}\n"


def _digits(seed: bytes, attempt: int) -> str:
    number = int.from_bytes(hmac.digest(seed, str(attempt).encode(), "sha256")[:8])
    # Never a leading zero: the number has the same digits however it is read.
    return str(10 ** (ID_DIGITS - 1) + number % (9 * 10 ** (ID_DIGITS - 1)))


def _renamed(found: re.Match[str]) -> str:
    kind, inner = str(found.lastgroup), found[str(found.lastgroup)]
    match kind:
        case "bar":
            return f"\u2039|{inner}|\u203a"
        case "angle":
            return f"\u2039{inner}\u203a"
        case "system":
            return f"\u2039\u2039{inner}\u203a\u203a"
        case _:
            return f"\u27e6{inner}\u27e7"


def _apart(found: re.Match[str]) -> str:
    return "\u2039\u2039\u2039" if found[0][0] == "<" else "\u203a\u203a\u203a"
