"""How many tokens a context may have, and what each part of it weighs. Counts; decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.port import Vocabulary
from retrieval.fencing import ID_DIGITS, fenced
from retrieval.pieces import Quotas
from retrieval.rendering import EARLIER, Form, Marked, Message, heads, is_turn, line, prefix, tail

# What OpenAI's chat format adds: 3 tokens and the role for a message, 3 that prime the answer. Others do not say; 8 is more
# than any template known (Llama 3: 4 control tokens, the role, two newlines).
MESSAGE_TOKENS_OPENAI = 4
MESSAGE_TOKENS_BOUND = 8
PRIMING_TOKENS = 3
# The last of a JSON list has no comma behind it: its bracket may be a token more than with one.
JSON_SPARE_TOKENS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much, of what, in which form. `scope` names whose context it is, for the fence's number."""

    tokens_max: int
    quotas: Quotas
    vocabulary: Vocabulary
    form: Form
    secret: bytes
    scope: str
    trust_min: int = 2
    labelled: bool = False
    stop: bool = True


class Scales:
    """Counts the parts of a text, each but once."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._counted: dict[str, int] = {}
        self._costs: dict[str, int] = {}
        openai = budget.form is Form.OPENAI
        wrapped = self.count(EARLIER) + self.message if budget.form is Form.ANTHROPIC else 0
        self.frame = self.count(prefix("", budget.form, "")) + self.message + wrapped + (PRIMING_TOKENS if openai else 0)
        if budget.form is Form.JSON:
            self.frame += self.count(tail("", budget.form, "")) + 2 * JSON_SPARE_TOKENS
        self.fence = 0 if budget.form is Form.JSON else self.count(fenced("", "1" * ID_DIGITS)) + self.message

    @property
    def least(self) -> int:
        """Below it nothing can be told."""
        return self.frame + self.fence

    @property
    def message(self) -> int:
        """What a message costs beside its text."""
        if not self.budget.form.has_turns:
            return 0
        known = self.budget.form is Form.OPENAI and self.budget.vocabulary.exact
        return MESSAGE_TOKENS_OPENAI if known else MESSAGE_TOKENS_BOUND

    def count(self, text: str) -> int:
        if text not in self._counted:
            self._counted[text] = self.budget.vocabulary.count(text)
        return self._counted[text]

    def cost(self, one: Marked) -> int:
        if one.marker not in self._costs:
            self._costs[one.marker] = self._cost(one)
        return self._costs[one.marker]

    def _cost(self, one: Marked) -> int:
        return self.count(line(one, self.budget.form)) + (self.message if is_turn(one, self.budget.form) else 0)

    def heads(self, one: Marked) -> tuple[tuple[str, int], ...]:
        form = self.budget.form
        fence = () if is_turn(one, form) else (("fence", self.fence),)
        spare = JSON_SPARE_TOKENS if form is Form.JSON else 0
        return (*fence, *((name, self.count(text) + spare) for name, text in heads(one, form)))

    def total(self, front: str, back: str, said: Sequence[Message]) -> int:
        """All of it, as it is handed over."""
        if not self.budget.form.has_turns:
            return self.count(front + back)
        contents = [front, *([back] if back else []), *(one.content for one in said)]
        if self.budget.form is Form.ANTHROPIC and not back and said and said[0].role == "assistant":
            contents.append(EARLIER)
        priming = PRIMING_TOKENS if self.budget.form is Form.OPENAI else 0
        return sum(self.count(content) + self.message for content in contents) + priming
