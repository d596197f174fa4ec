"""From a question to its one reading, as JSON, or to a refusal or a question back."""

from datetime import date

from scripts.ask.calendar import Period, in_words, period_in_words
from scripts.ask.outcome import Json, Outcome, asked_back, refused
from scripts.ask.parser import Draft, Parser, Values, previous
from scripts.ask.terms import Term, Vocabulary, terms_of
from scripts.ask.text import Token, joined, tokens

# How many rows a list has if the question does not say.
USUAL_TOP = 10
MOST_ROWS = 1_000
MOST_METRICS = 4
MOST_GROUPS = 3
# More choices than these are no help.
MOST_CHOICES = 10


def read(question: str, vocabulary: Vocabulary, *, is_choice: bool = False) -> Json:
    """Return what a question comes to. `ask.js` returns the same for the same vocabulary.

    Args:
        question: what was typed.
        vocabulary: what the grammar knows.
        is_choice: whether the question is one that another was answered with.

    Returns:
        `status` is `understood` (then `reading` is what to compute, `says` the same in words), `asked_back` (then
        `choices` has the questions to ask instead) or `refused`. Both have a `reason`, and `says` why.
    """
    try:
        parts = tokens(question)
        if vocabulary.first_day is None:
            raise refused("no_data", "The release has no line of sales yet: land files and run `make build`.")
        terms = terms_of(parts, vocabulary)
        reading = Resolver(Parser(terms, parts, vocabulary).parse(), parts, vocabulary).resolve()
    except Outcome as outcome:
        return outcome.content if is_choice else _with_useful_choices(outcome.content, vocabulary)
    return {"status": "understood", "reading": reading, "says": in_one_line(reading, vocabulary)}


def _with_useful_choices(content: Json, vocabulary: Vocabulary) -> Json:
    """Leave out choices that would be refused; without any choice, a question back is a refusal."""
    if content["status"] != "asked_back":
        return content
    choices = [
        choice
        for choice in content["choices"]
        if read(choice["question"], vocabulary, is_choice=True)["status"] != "refused"
    ]
    if choices:
        return content | {"choices": choices}
    near = ", ".join(f'"{choice["words"]}"' for choice in content["choices"])
    return {
        "status": "refused",
        "reason": content["reason"],
        "says": f"{content['says'].split('. ')[0].rstrip('.')}. Near it are {near}, which make no question either.",
    }


class Resolver:
    """Gives each term of a draft its one meaning.

    Args:
        draft: the draft.
        parts: the tokens of the question.
        vocabulary: what the grammar knows; it has data.
    """

    def __init__(self, draft: Draft, parts: list[Token], vocabulary: Vocabulary) -> None:
        self.draft = draft
        self.parts = parts
        self.vocabulary = vocabulary
        self.version_used = False

    def resolve(self) -> Json:
        """Return the reading.

        Raises:
            Outcome: a term has several meanings, or the question asks for what does not exist.
        """
        self._decide_either()
        metrics = self._metrics()
        by = [self._group(term, metrics) for term in self.draft.by]
        where = [self._condition(values, metrics, by) for values in self.draft.values]
        for values, condition in zip(self.draft.values, where, strict=True):
            if values.versus and condition["dimension"] not in by:
                by.append(condition["dimension"])
        grain = self._grain()
        if self.draft.version and not self.version_used:
            words = self.draft.version[1].words
            raise refused("unused_word", f'The words "{words}" change nothing here: leave them out.', words=[words])
        self._refuse_repetition(metrics, by, where)
        reading: Json = {"metrics": metrics, "by": by, "grain": grain, "where": where}
        reading |= self._days(grain)
        reading["top"] = self._top(metrics, by, grain)
        return reading

    # What is counted

    def _decide_either(self) -> None:
        draft = self.draft
        for term in draft.either:
            grouped = draft.by or draft.grains
            if not draft.metrics and (grouped or not draft.rank):
                draft.metrics.append(term)
            elif draft.rank or not draft.metrics:
                draft.by.append(term)
                draft.bare.append(term)
            else:
                choices = [
                    self._choice(term, f"by {self._asked(term)}"),
                    self._choice(term, f"and {self._asked_metric(term)}"),
                ]
                raise asked_back("role", f'"{term.words}" is a metric, and what metrics can be grouped by.', choices)

    def _asked(self, term: Term) -> str:
        return str(self.vocabulary.dimensions[term.all("dimension")[0]["name"]]["asked"])

    def _asked_metric(self, term: Term) -> str:
        return str(self.vocabulary.metrics[term.all("metric")[0]["name"]]["asked"])

    def _choice(self, term: Term, words: str, shown: str = "") -> Json:
        question = joined([*self.parts[: term.start], Token("word", words), *self.parts[term.end :]])
        return {"words": shown or words, "question": question}

    def _metrics(self) -> list[str]:
        found = []
        for term in self.draft.metrics:
            names = [meaning["name"] for meaning in term.all("metric")]
            if len(names) > 1:
                known = self.vocabulary.metrics
                raise asked_back(
                    "metric",
                    f'"{term.words}" has several definitions.',
                    [self._choice(term, known[name]["asked"], known[name]["label"]) for name in names],
                )
            found += names
        if not found:
            raise self._no_metric()
        if len(found) > MOST_METRICS:
            raise refused("metrics", f"A question can name {MOST_METRICS} metrics, and this one names {len(found)}.")
        return found

    def _no_metric(self) -> Outcome:
        """Ask which metric, of those that go with all dimensions of the question."""
        wanted = [{meaning["name"] for meaning in term.all("dimension")} for term in self.draft.by]
        wanted += [
            {meaning["dimension"] for meaning in term.all("value")} for each in self.draft.values for term in each.terms
        ]
        fitting = [
            metric
            for metric in self.vocabulary.metrics.values()
            if all(names & set(metric["by"]) for names in wanted if names)
            and (metric["unit"] == "count" or not self.draft.how_many)
        ]
        question = joined(self.parts)
        choices = [
            {"words": metric["label"], "question": f"{metric['asked']}: {question}"}
            for metric in fitting[:MOST_CHOICES]
        ]
        says = "The question names no metric, so it does not say what to count."
        if len(fitting) > MOST_CHOICES:
            says += f" {len(fitting)} metrics go with it; these are the first {MOST_CHOICES}."
        return asked_back("no_metric", says, choices) if choices else refused("no_metric", says)

    # Dimensions

    def _fitting(self, names: list[str], metrics: list[str]) -> list[str]:
        """Return the dimensions that all metrics have, of the version that the question names."""
        known = self.vocabulary
        fitting = [name for name in names if all(name in known.metrics[metric]["by"] for metric in metrics)]
        if self.draft.version:
            version = self.draft.version[0]
            named = [name for name in fitting if known.dimensions[name]["as"] == version]
            self.version_used = self.version_used or bool(named)
            fitting = named or [name for name in fitting if not known.dimensions[name]["as"]]
        return fitting

    def _refuse_dimension(self, term: Term, names: list[str], metrics: list[str]) -> Outcome:
        known = self.vocabulary
        labels = " and ".join(f'"{known.metrics[metric]["label"]}"' for metric in metrics)
        together = " together" if len(metrics) > 1 else ""
        shared = [name for name in known.dimensions if all(name in known.metrics[metric]["by"] for metric in metrics)]
        offered = ", ".join(f'"{known.dimensions[name]["asked"]}"' for name in shared)
        label = known.dimensions[names[0]]["label"]
        return refused(
            "dimension",
            f'{labels}{together} cannot be asked by "{term.words}" ({label}): '
            + (f"it goes with {offered}." if offered else "it goes with days, weeks, months, quarters and years only."),
            words=[term.words],
        )

    def _group(self, term: Term, metrics: list[str]) -> str:
        names = [meaning["name"] for meaning in term.all("dimension")]
        fitting = self._fitting(names, metrics)
        if not fitting:
            raise self._refuse_dimension(term, names, metrics)
        if len(fitting) > 1:
            raise self._ask_dimension(term, fitting)
        return fitting[0]

    def _ask_dimension(self, term: Term, names: list[str]) -> Outcome:
        known = self.vocabulary.dimensions
        return asked_back(
            "dimension",
            f'"{term.words}" can be one of several dimensions.',
            [self._choice(term, known[name]["asked"], known[name]["label"]) for name in names],
        )

    def _condition(self, values: Values, metrics: list[str], by: list[str]) -> Json:
        known = self.vocabulary
        qualifier = [meaning["name"] for meaning in values.qualifier.all("dimension")] if values.qualifier else None
        names = [name for name in known.dimensions if self._have(name, values.terms, qualifier)]
        first = values.terms[0]
        if not names:
            words = ", ".join(f'"{term.words}"' for term in values.terms)
            raise refused("value", f"{words} are values of different dimensions: ask for one dimension at a time.")
        fitting = self._fitting(names, metrics)
        if not fitting:
            raise self._refuse_dimension(values.qualifier or first, names, metrics)
        if qualifier is None:
            # "by current segment for champions" speaks of one segment.
            fitting = [name for name in fitting if name in by] or fitting
        if len(fitting) > 1:
            term = values.qualifier or first
            asked = [known.dimensions[name]["asked"] for name in fitting]
            choices = [
                self._choice(
                    term, words if values.qualifier else f"{words} {term.words}", known.dimensions[name]["label"]
                )
                for name, words in zip(fitting, asked, strict=True)
            ]
            raise asked_back("value", f'"{term.words}" can be of one of several dimensions.', choices)
        dimension = fitting[0]
        return {
            "dimension": dimension,
            "values": [value for term in values.terms for value in self._values_of(term, dimension)],
            "excluded": values.excluded,
        }

    def _have(self, name: str, terms: list[Term], qualifier: list[str] | None) -> bool:
        if qualifier is not None and name not in qualifier:
            return False
        return all(self._values_of(term, name, qualified=qualifier is not None) for term in terms)

    def _values_of(self, term: Term, name: str, *, qualified: bool = True) -> list[str]:
        values = [
            meaning["value"]
            for meaning in term.all("value")
            if meaning["dimension"] == name and (qualified or not meaning["qualified"])
        ]
        number = term.one("number")
        if not values and qualified and number and self.vocabulary.dimensions[name]["numbers"]:
            return [str(number["n"])]
        return values

    def _refuse_repetition(self, metrics: list[str], by: list[str], where: list[Json]) -> None:
        conditions = [condition["dimension"] for condition in where]
        for kind, names in (("metric", metrics), ("dimension", by), ("condition", conditions)):
            for name in names:
                if names.count(name) > 1:
                    label = (self.vocabulary.metrics if kind == "metric" else self.vocabulary.dimensions)[name]["label"]
                    raise refused("repetition", f'The question names "{label}" twice: name each {kind} once.')
        if len(by) > MOST_GROUPS:
            raise refused("groups", f"A question can group by {MOST_GROUPS} dimensions, and this one names {len(by)}.")

    # When

    def _grain(self) -> str | None:
        grains = sorted({grain for grain, _ in self.draft.grains})
        if not grains and self.draft.over_time:
            words = self.draft.over_time
            raise refused(
                "grain",
                f'"{words}" does not say how long a step is: '
                'add "by day", "by week", "by month", "by quarter" or "by year".',
                words=[words],
            )
        if len(grains) > 1:
            raise refused("grain", f"The question asks by {' and by '.join(grains)}: ask by one of them.")
        return grains[0] if grains else None

    def _days(self, grain: str | None) -> Json:
        draft, known = self.draft, self.vocabulary
        assert known.first_day and known.last_day
        period = draft.period or Period(None, None)
        self._refuse_outside(period)
        if draft.shift and period.end:
            # Like for like: days without data yet do not count in the period before either.
            period = period._replace(end=min(period.end, known.last_day))
        compare = draft.compare
        if draft.shift:
            if draft.period is None and not grain:
                raise refused(
                    "comparison",
                    'A comparison needs a period: add one, such as "in 2011" or "this month", '
                    'or a step, such as "by month".',
                )
            period = Period(period.start or known.first_day, period.end or known.last_day, period.grain)
            compare = previous(period, draft.shift)
        if compare is not None:
            self._refuse_outside(compare)
        return {
            "from": _iso(period.start),
            "to": _iso(period.end),
            "compare": None
            if compare is None
            else {"from": _iso(compare.start), "to": _iso(compare.end), "back": draft.shift or None},
            "relative": draft.relative,
        }

    def _refuse_outside(self, period: Period) -> None:
        first, last = self.vocabulary.first_day, self.vocabulary.last_day
        assert first and last
        if (period.start and period.start > last) or (period.end and period.end < first):
            raise refused(
                "outside",
                f"The data are of {in_words(first)} to {in_words(last)}, and nothing is known of "
                f"{period_in_words(period.start, period.end)}.",
            )

    # In which order

    def _top(self, metrics: list[str], by: list[str], grain: str | None) -> Json | None:
        draft = self.draft
        if not draft.rank and draft.top:
            raise refused(
                "order", f'The question asks for {draft.top} rows, and does not say which: add "highest" or "lowest".'
            )
        if not draft.rank:
            return None
        groups = len(by) + (grain is not None)
        if groups != 1:
            needed = (
                "what to list: countries, products, months, ..."
                if groups == 0
                else "one thing to list, and this has several"
            )
            raise refused("order", f'"{draft.rank_words}" needs {needed}.', words=[draft.rank_words])
        if draft.top > MOST_ROWS:
            raise refused("order", f"A list has at most {MOST_ROWS:,} rows, and this one should have {draft.top:,}.")
        order = draft.rank
        good = self.vocabulary.metrics[metrics[0]]["good"]
        if order in ("best", "worst"):
            order = "highest" if (order == "best") == (good == "up") else "lowest"
        return {"n": draft.top or (1 if self._single() else USUAL_TOP), "order": order}

    def _single(self) -> bool:
        terms = [*self.draft.by, *(term for _, term in self.draft.grains)]
        bare = self.draft.bare
        return all(
            any(term is each for each in bare)
            and not any(meaning.get("many") for meaning in [*term.all("dimension"), *term.all("grain")])
            for term in terms
        )


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def in_one_line(reading: Json, vocabulary: Vocabulary) -> str:
    """Return a reading in words.

    Args:
        reading: as `read` returns it.
        vocabulary: what the grammar knows.
    """
    known = vocabulary.dimensions
    day = {key: date.fromisoformat(reading[key]) if reading[key] else None for key in ("from", "to")}
    said = [" and ".join(vocabulary.metrics[name]["label"] for name in reading["metrics"])]
    groups = [known[name]["label"] for name in reading["by"]] + ([reading["grain"]] if reading["grain"] else [])
    if groups:
        said.append("by " + " and ".join(groups))
    for condition in reading["where"]:
        values = " or ".join(condition["values"])
        said.append(f"{known[condition['dimension']]['label']} {'is not' if condition['excluded'] else 'is'} {values}")
    said.append(period_in_words(day["from"], day["to"]))
    if reading["compare"]:
        other = {key: date.fromisoformat(reading["compare"][key]) for key in ("from", "to")}
        said.append(f"compared with {period_in_words(other['from'], other['to'])}")
    if reading["top"]:
        said.append(f"the {reading['top']['n']} {reading['top']['order']}")
    return "; ".join(said) + _about_days(reading, day, vocabulary)


def _about_days(reading: Json, day: dict[str, date | None], vocabulary: Vocabulary) -> str:
    first, last = vocabulary.first_day, vocabulary.last_day
    assert first and last
    notes = []
    if reading["relative"]:
        notes.append(f"counted from {in_words(last)}, the last day of the data")
    elif day["from"] is None and day["to"] is None:
        notes.append(f"{in_words(first)} to {in_words(last)}")
    elif day["to"] and day["to"] > last:
        notes.append(f"the data end on {in_words(last)}")
    starts = [day["from"]] + ([date.fromisoformat(reading["compare"]["from"])] if reading["compare"] else [])
    if any(start and start < first for start in starts):
        notes.append(f"the data begin on {in_words(first)}")
    return f" ({'; '.join(notes)})" if notes else ""
