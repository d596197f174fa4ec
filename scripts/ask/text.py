"""From a question to tokens: lower case, without accents and apostrophes, and nothing that a reader cannot see."""

import re
import unicodedata
from typing import NamedTuple

from scripts.ask.outcome import refused

LONGEST = 300
# Blanks, by this name in JavaScript as well; other controls are refused.
BLANK = re.compile(r"[\t\n\r\u00a0\u2000-\u200a\u202f\u3000]")
INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
ACCENT = re.compile(r"[\u0300-\u036f]")
SPELLINGS = dict.fromkeys("\u2019\u2018`\u00b4", "'") | dict.fromkeys("\u201c\u201d", '"')
SPELLINGS |= dict.fromkeys("\u2013\u2014\u2010\u2011\u2212", "-")
APOSTROPHE = re.compile(r"(?<=[^\W_])'(?=[^\W_]| |$)")
TOKEN = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9-]))"
    r"|(?P<slashes>[0-9]{1,4}[/.][0-9]{1,2}[/.][0-9]{1,4}(?![0-9]))"
    r"|(?P<month>[0-9]{4}-[0-9]{1,2}(?![0-9-])|[0-9]{1,2}/[0-9]{4}(?![0-9]))"
    r"|(?P<word>[^\W_]+)"
    r"|(?P<comma>,)"
    r"|(?P<dash>(?<= )-(?= )|(?<=[0-9])-(?=[0-9]))"
    r"|(?P<between>[ .?!:\"'()/&+_-])"
)
# The number is at the end, as in `top10`.
GLUED = re.compile(r"(top|bottom|best|worst|last|past)([0-9]{1,4})")


class Token(NamedTuple):
    """A part of a question.

    Attributes:
        kind: `word`, `comma`, `dash`, `date`, `month` or `slashes`.
        text: the part.
    """

    kind: str
    text: str


def folded(text: str) -> str:
    """Return text in lower case, without accents, with one spelling of each mark.

    Args:
        text: any text.
    """
    plain = ACCENT.sub("", unicodedata.normalize("NFKD", text)).lower()
    return "".join(SPELLINGS.get(letter, letter) for letter in plain)


def words_of(text: str) -> str:
    """Return a name, a label or a value as the words by which a question can call it, with one blank between.

    Args:
        text: the name, from the project or from the data.
    """
    plain = APOSTROPHE.sub("", folded(BLANK.sub(" ", text)))
    return " ".join(re.findall(r"[^\W_]+", plain))


def tokens(question: str) -> list[Token]:
    """Return the parts of a question.

    Args:
        question: what a person, or an attacker, typed.

    Raises:
        Outcome: the question is empty or too long, or has a character that the grammar does not know.
    """
    text = BLANK.sub(" ", question)
    if not text.strip():
        raise refused("empty", 'The question is empty: ask, for example, "return rate by country in 2011".')
    if len(text) > LONGEST:
        raise refused(
            "too_long", f"The question has {len(text)} characters: ask with at most {LONGEST}, one question at a time."
        )
    hidden = INVISIBLE.search(text)
    if hidden:
        raise refused(
            "character",
            f"The question has an invisible character, U+{ord(hidden[0]):04X}: type the question again without it.",
        )
    return _split(APOSTROPHE.sub("", folded(text)))


def _split(text: str) -> list[Token]:
    found: list[Token] = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            character = text[position]
            raise refused(
                "character",
                f"The character {character} (U+{ord(character):04X}) has no meaning in a question: leave it out.",
            )
        position = match.end()
        glued = GLUED.fullmatch(match[0])
        if glued:
            found += [Token("word", part) for part in glued.groups()]
        elif match.lastgroup and match.lastgroup != "between":
            found.append(Token(match.lastgroup, match[0]))
    if not found:
        raise refused("empty", 'The question has no word: ask, for example, "return rate by country in 2011".')
    return found


def joined(parts: list[Token]) -> str:
    """Return tokens as a question.

    Args:
        parts: the tokens.
    """
    return " ".join(part.text for part in parts).replace(" ,", ",")
