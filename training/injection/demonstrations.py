"""Prompts as people write them down for models: demonstrations, examinations, templates.

None is an attack where it is found: a file that holds a prompt gives no order to whoever reads the
file. Demonstrations matter most, since attacks imitate their turns (`many-shot`).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeAlias

from training.injection.rows import Stock

Say: TypeAlias = Callable[[str], str]

_ASKED = (
    ("Q: ", "A: "),
    ("Q:", "A:"),
    ("Question: ", "Answer: "),
    ("Question:\n", "Answer:\n"),
    ("**Question:** ", "**Answer:** "),
    ("### Question\n", "### Answer\n"),
    ("Problem: ", "Solution: "),
    ("Exercise: ", "Worked answer: "),
    ("<q>", "<a>"),
    ("User: ", "Assistant: "),
    ("Human: ", "AI: "),
    ("Student: ", "Teacher: "),
    ("[Question]: ", "[Answer]: "),
    ("[Q] ", "[A] "),
    ("question = ", "answer = "),
    ("", "=> "),
    ("Input: ", "Output: "),
    ("Prompt: ", "Completion: "),
    ("- ", "  -> "),
    ("Frage: ", "Antwort: "),
)
_LABELLED = (
    ("Text: ", "Label: "),
    ("Review: ", "Sentiment: "),
    ("Input: ", "Output: "),
    ("Sentence: ", "Class: "),
    ("Premise: ", "Relation: "),
    ("Message: ", "Category: "),
    ("Tweet: ", "Emotion: "),
    ("Passage: ", "Topic: "),
    ("[Text]: ", "[Label]: "),
    ("<text>", "<label>"),
    ("Claim: ", "Verdict: "),
    ("Ticket: ", "Queue: "),
)
_WISHED = (
    ("Instruction: ", "Response: "),
    ("### Instruction:\n", "### Response:\n"),
    ("[Instruction]: ", "[Output]: "),
    ("Task: ", "Result: "),
    ("Request: ", "Draft: "),
    ("Prompt: ", "Completion: "),
    ("User: ", "Assistant: "),
    ("instruction: ", "output: "),
    ("Goal: ", "Plan: "),
    ("Command: ", "Code: "),
    ("Description: ", "SQL: "),
)
_DESCRIBED = (
    ("[Task]: ", "[Expert]: "),
    ("Instruction: ", "Persona: "),
    ("Topic: ", "Speaker: "),
    ("Question: ", "Who should answer: "),
    ("Role: ", "Description: "),
    ("Job: ", "Profile: "),
)
_GAPS = ("\n\n", "\n\n", "\n", "\n---\n", "\n\n###\n\n", "\n\n\n")


class Demonstrations:
    """Prompts drawn from one grammar through `say`, some of them about texts of the stock."""

    def __init__(self, say: Say, stock: Stock, random: Random) -> None:
        self.say, self.stock, self.random = say, stock, random

    def without_requests(self) -> Demonstrations:
        """The same about made-up questions alone: a user may ask the real ones with an attack."""
        stock = Stock(self.stock.documents, [], self.stock.answers)
        return Demonstrations(self.say, stock, self.random)

    def prompt(self) -> str:
        """One prompt of any kind."""
        kind = self.random.choice(
            (
                self.shots,
                self.shots,
                self.shots,
                self.shots,
                self._labels,
                self._wishes,
                self._characters,
                self._characters,
                self._turns,
                lambda: self.say("exam"),
                lambda: self.say("exam"),
                lambda: self.say("rubric"),
                lambda: self.say("quoted_prompt"),
                lambda: self.say("agent_prompt"),
                lambda: self.say("template"),
                lambda: self.say("character"),
            )
        )
        return kind()

    def shots(self) -> str:
        """Questions with worked answers, most with choices."""
        has_choices, is_worked = self.random.random() < 0.6, self.random.random() < 0.75

        def pair() -> tuple[str, str]:
            question = self._asked("shot_question")
            if has_choices:
                question += self.random.choice((" ", "\n")) + self.say("choice_set")
            return question, self._worked() if is_worked else self.say("shot_end")

        return self._pairs(_ASKED, pair, "exam_rule")

    def _worked(self) -> str:
        """An answer behind its reasons: made up, or the prose of some document."""
        if self.random.random() < 0.7:
            return self.say("shot_answer")
        return f"{self._sample()} {self.say('shot_end')}"

    def _labels(self) -> str:
        return self._pairs(_LABELLED, lambda: (self._sample(), self.say("label")), "template")

    def _wishes(self) -> str:
        answer = self.random.choice(("wish_answer", "wish_answer", "code_answer"))
        return self._pairs(_WISHED, lambda: (self._asked("wish"), self._told(answer)), "exam_rule")

    def _characters(self) -> str:
        """Tasks with descriptions of who is fit for them, in the second person."""
        task = self.random.choice(("wish", "shot_question", "subject"))
        return self._pairs(_DESCRIBED, lambda: (self.say(task), self.say("character")), "wish")

    def _turns(self) -> str:
        return "\n\n".join(self.say("react") for _ in range(self.random.randint(1, 3)))

    def _asked(self, rule: str) -> str:
        """A question or request: made up, or one that people wrote, where there are such."""
        requests = self.stock.requests
        is_real = requests and self.random.random() < 0.3
        return self.random.choice(requests) if is_real else self.say(rule)

    def _told(self, rule: str) -> str:
        answers = self.stock.answers
        return self.random.choice(answers) if self.random.random() < 0.3 else self.say(rule)

    def _sample(self) -> str:
        """A text to judge: made up, or a passage of one that people wrote."""
        if self.random.random() < 0.6:
            return self.say("sample_text")
        document = self.random.choice(self.stock.documents)
        at = self.random.randrange(max(1, len(document) - 200))
        return " ".join(document[at : at + self.random.randint(60, 300)].split())

    def _pairs(
        self, forms: tuple[tuple[str, str], ...], pair: Callable[[], tuple[str, str]], lead: str
    ) -> str:
        """Some pairs in one form, behind an introduction or none, before an open one or none."""
        random = self.random
        first, second = random.choice(forms)
        joint, gap = random.choice(("\n", "\n", "\n", " ")), random.choice(_GAPS)
        shown = [
            f"{first}{question}{joint}{second}{answer}"
            for question, answer in (pair() for _ in range(random.randint(1, 10)))
        ]
        if random.random() < 0.4:
            shown.insert(0, self.say(lead))
        if random.random() < 0.4:
            shown.append(f"{first}{self.say('slot')}{joint}{second}".rstrip())
        return gap.join(shown)
