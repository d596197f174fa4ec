"use strict";
// The grammar of questions for the page: the same as the modules of this folder in Python, function by function. A test
// runs every question of the test set through both, and their readings must be equal. No dependencies.
const Ask = (() => {
  // --- outcome.py ---------------------------------------------------------------------------------------------------

  class Outcome extends Error {
    constructor(content) {
      super(content.says);
      this.content = content;
    }
  }
  const refused = (reason, says, more = {}) => new Outcome({ status: "refused", reason, says, ...more });
  const askedBack = (reason, says, choices) => new Outcome({ status: "asked_back", reason, says, choices });

  // --- text.py ------------------------------------------------------------------------------------------------------

  const LONGEST = 300;
  const BLANK = /[\t\n\r\u00a0\u2000-\u200a\u202f\u3000]/gu;
  const INVISIBLE =
    /[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\u{e0000}-\u{e0fff}]/u;
  const ACCENT = /[\u0300-\u036f]/gu;
  const SPELLINGS = {
    "\u2019": "'", "\u2018": "'", "`": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-",
    "\u2010": "-", "\u2011": "-", "\u2212": "-",
  };
  const APOSTROPHE = /(?<=[\p{L}\p{N}])'(?=[\p{L}\p{N}]| |$)/gu;
  const TOKEN = new RegExp(
    "(?<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?![0-9-]))" +
      "|(?<slashes>[0-9]{1,4}[/.][0-9]{1,2}[/.][0-9]{1,4}(?![0-9]))" +
      "|(?<month>[0-9]{4}-[0-9]{1,2}(?![0-9-])|[0-9]{1,2}/[0-9]{4}(?![0-9]))" +
      "|(?<word>[\\p{L}\\p{N}]+)" +
      "|(?<comma>,)" +
      "|(?<dash>(?<= )-(?= )|(?<=[0-9])-(?=[0-9]))" +
      "|(?<between>[ .?!:\"'()/&+_\\-])",
    "uy"
  );
  const GLUED = /^(top|bottom|best|worst|last|past)([0-9]{1,4})$/u;
  const code = (character) => `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;

  function folded(text) {
    const plain = text.normalize("NFKD").replace(ACCENT, "").toLowerCase();
    return [...plain].map((letter) => SPELLINGS[letter] ?? letter).join("");
  }

  function tokens(question) {
    const text = question.replace(BLANK, " ");
    if (!text.trim()) throw refused("empty", 'The question is empty: ask, for example, "return rate by country in 2011".');
    const length = [...text].length;
    if (length > LONGEST)
      throw refused("too_long", `The question has ${length} characters: ask with at most ${LONGEST}, one question at a time.`);
    const hidden = text.match(INVISIBLE);
    if (hidden)
      throw refused("character", `The question has an invisible character, ${code(hidden[0])}: type the question again without it.`);
    return split(folded(text).replace(APOSTROPHE, ""));
  }

  function split(text) {
    const found = [];
    let position = 0;
    while (position < text.length) {
      TOKEN.lastIndex = position;
      const match = TOKEN.exec(text);
      if (!match) {
        const character = String.fromCodePoint(text.codePointAt(position));
        throw refused("character", `The character ${character} (${code(character)}) has no meaning in a question: leave it out.`);
      }
      position = TOKEN.lastIndex;
      const glued = match[0].match(GLUED);
      const kind = Object.keys(match.groups).find((name) => match.groups[name] !== undefined);
      if (glued) found.push({ kind: "word", text: glued[1] }, { kind: "word", text: glued[2] });
      else if (kind !== "between") found.push({ kind, text: match[0] });
    }
    if (!found.length) throw refused("empty", 'The question has no word: ask, for example, "return rate by country in 2011".');
    return found;
  }

  const joined = (parts) => parts.map((part) => part.text).join(" ").replaceAll(" ,", ",");

  // --- nearest.py ---------------------------------------------------------------------------------------------------

  const MOST_NEAR = 3;
  const LEAST = 0.75;

  // The similarity by insertions and deletions, 0 to 1: twice the longest common subsequence by the letters of both.
  function similarity(left, right) {
    const [one, two] = [[...left], [...right]];
    const letters = one.length + two.length;
    if (2 * Math.min(one.length, two.length) < LEAST * letters) return 0;
    let before = new Array(two.length + 1).fill(0);
    for (const letter of one) {
      const row = [0];
      for (let at = 1; at <= two.length; at += 1)
        row.push(letter === two[at - 1] ? before[at - 1] + 1 : Math.max(before[at], row[at - 1]));
      before = row;
    }
    return letters ? (2 * before[two.length]) / letters : 1;
  }

  const gist = (meanings) =>
    ["is", "name", "dimension", "value", "grain", "n", "order"].map((key) => meanings[0][key] ?? "").join("/");
  const byText = (left, right) => (left < right ? -1 : left > right ? 1 : 0);

  function nearest(words, known) {
    const rated = [];
    for (const [phrase, meanings] of known) {
      if (!meanings.some((meaning) => meaning.is !== "filler")) continue;
      const rating = similarity(words, phrase);
      if (rating >= LEAST) rated.push([-Math.round(rating * 1e9), phrase]);
    }
    rated.sort((left, right) => left[0] - right[0] || byText(left[1], right[1]));
    const found = new Map();
    for (const [, phrase] of rated) {
      const meant = gist(known.get(phrase));
      if (!found.has(meant)) found.set(meant, phrase);
    }
    return [...found.values()].slice(0, MOST_NEAR);
  }

  function containing(words, known) {
    const wanted = words.split(" ");
    const found = [...known.keys()].filter((phrase) => {
      const parts = phrase.split(" ");
      return wanted.every((word) => parts.includes(word));
    });
    return found.sort((left, right) => [...left].length - [...right].length || byText(left, right)).slice(0, MOST_NEAR);
  }

  // --- calendar.py: days are numbers of days since 1970 -----------------------------------------------------------------

  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const MONTHS_OF = { month: 1, quarter: 3, half: 6, year: 12 };
  const DAY_MS = 86400000;
  const dayOf = (year, month, day) => Math.round(new Date(0).setUTCFullYear(year, month - 1, day) / DAY_MS);
  const partsOf = (day) => {
    const date = new Date(day * DAY_MS);
    return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
  };
  const lengthOf = (year, month) => partsOf(dayOf(year, month + 1, 1) - 1).day;
  const iso = (day) => (day === null ? null : new Date(day * DAY_MS).toISOString().slice(0, 10));
  const fromIso = (text) => (text === null ? null : Math.round(Date.parse(`${text}T00:00:00Z`) / DAY_MS));
  const weekday = (day) => (((day + 3) % 7) + 7) % 7;
  const isPeriod = (period) => "start" in period;
  const Period = (start, end, grain = "days") => ({ start, end, grain });

  function startOf(day, grain) {
    if (grain === "day") return day;
    if (grain === "week") return day - weekday(day);
    const { year, month } = partsOf(day);
    const months = MONTHS_OF[grain];
    return dayOf(year, Math.floor((month - 1) / months) * months + 1, 1);
  }

  function shifted(day, grain, steps) {
    if (grain === "day" || grain === "week") return day + steps * (grain === "week" ? 7 : 1);
    const parts = partsOf(day);
    const index = parts.year * 12 + parts.month - 1 + steps * MONTHS_OF[grain];
    const [year, month] = [Math.floor(index / 12), (index % 12) + 1];
    return dayOf(year, month, Math.min(parts.day, lengthOf(year, month)));
  }

  function periodOf(day, grain) {
    const start = startOf(day, grain);
    return Period(start, shifted(start, grain, 1) - 1, grain);
  }

  function earlier(period, grain, steps = 1) {
    const start = shifted(period.start, grain, -steps);
    let end = shifted(period.end, grain, -steps);
    if (grain in MONTHS_OF && partsOf(period.end + 1).day === 1) {
      const { year, month } = partsOf(end);
      end = dayOf(year, month, lengthOf(year, month));
    }
    return Period(start, end, period.grain);
  }

  function justBefore(period) {
    if (period.grain === "week" || period.grain in MONTHS_OF) return periodOf(shifted(period.start, period.grain, -1), period.grain);
    const length = period.end - period.start + 1;
    return Period(period.start - length, period.start - 1, period.grain);
  }

  const inWords = (day) => {
    const parts = partsOf(day);
    return `${parts.day} ${MONTHS[parts.month - 1]} ${parts.year}`;
  };

  function periodInWords(start, end) {
    if (start === null && end === null) return "all days";
    if (end === null) return `since ${inWords(start)}`;
    if (start === null) return `until ${inWords(end)}`;
    if (start === end) return inWords(start);
    const { year, month } = partsOf(start);
    for (const grain of ["month", "year"]) {
      const whole = periodOf(start, grain);
      if (whole.start === start && whole.end === end) return grain === "month" ? `${MONTHS[month - 1]} ${year}` : `${year}`;
    }
    return `${inWords(start)} to ${inWords(end)}`;
  }

  // --- terms.py -----------------------------------------------------------------------------------------------------

  const [FIRST_YEAR, LAST_YEAR] = [1900, 2100];

  class Vocabulary {
    constructor(content) {
      this.firstDay = fromIso(content.first_day);
      this.lastDay = fromIso(content.last_day);
      this.metrics = content.metrics;
      this.dimensions = content.dimensions;
      this.words = new Map(Object.entries(content.words));
      this.longest = Math.max(1, ...[...this.words.keys()].map((phrase) => phrase.split(" ").length));
    }
  }

  class Term {
    constructor(start, end, words, meanings) {
      Object.assign(this, { start, end, words, meanings });
    }
    all(kind) {
      return this.meanings.filter((meaning) => meaning.is === kind);
    }
    one(kind) {
      return this.meanings.find((meaning) => meaning.is === kind) ?? null;
    }
    has(...kinds) {
      return this.meanings.some((meaning) => kinds.includes(meaning.is));
    }
  }

  function termsOf(parts, vocabulary) {
    const found = [];
    for (let position = 0; position < parts.length; ) {
      const term = termAt(parts, position, vocabulary);
      found.push(term);
      position = term.end;
    }
    refuseUnknown(found, parts, vocabulary);
    return found;
  }

  function termAt(parts, start, vocabulary) {
    const { kind, text } = parts[start];
    if (kind === "comma") return new Term(start, start + 1, text, [{ is: "and" }, { is: "comma" }]);
    if (kind === "dash") return new Term(start, start + 1, text, [{ is: "to" }]);
    if (kind !== "word") return new Term(start, start + 1, text, [{ is: kind === "month" ? "month_number" : kind }]);
    for (let end = Math.min(parts.length, start + vocabulary.longest); end > start; end -= 1) {
      const slice = parts.slice(start, end);
      if (!slice.every((part) => part.kind === "word")) continue;
      const words = slice.map((part) => part.text).join(" ");
      const meanings = [...(vocabulary.words.get(words) ?? []), ...(end === start + 1 ? builtIn(text) : [])];
      if (meanings.length) return new Term(start, end, words, meanings);
    }
    return new Term(start, start + 1, text, []);
  }

  function builtIn(text) {
    const ordinal = text.match(/^([0-9]{1,4})(st|nd|rd|th)$/u);
    const quarter = text.match(/^(?:q([1-4])|([1-4])q)$/u);
    const half = text.match(/^h([12])$/u);
    if (ordinal) return [{ is: "number", n: Number(ordinal[1]), ordinal: true }];
    if (quarter) return [{ is: "quarter", n: Number(quarter[1] ?? quarter[2]) }];
    if (half) return [{ is: "half_year", n: Number(half[1]) }];
    if (!/^[0-9]{1,9}$/u.test(text)) return [];
    const n = Number(text);
    const isYear = text.length === 4 && n >= FIRST_YEAR && n <= LAST_YEAR;
    return [...(isYear ? [{ is: "year", n }] : []), { is: "number", n, ordinal: false }];
  }

  function refuseUnknown(found, parts, vocabulary) {
    const runs = [];
    for (const term of found) {
      const last = runs[runs.length - 1];
      if (!term.meanings.length && last && last[1] === term.start) last[1] = term.end;
      else if (!term.meanings.length) runs.push([term.start, term.end]);
    }
    if (!runs.length) return;
    const unknown = runs.map(([start, end]) => parts.slice(start, end).map((part) => part.text).join(" "));
    const near = new Map();
    for (const words of unknown) {
      const others = nearest(words, vocabulary.words);
      near.set(words, others.length ? others : containing(words, vocabulary.words));
    }
    const named = unknown.map((words) => `"${words}"`).join(", ");
    const [start, end] = runs[0];
    if (near.get(unknown[0]).length && runs.length === 1) {
      const choices = near.get(unknown[0]).map((words) => ({
        words,
        question: joined([...parts.slice(0, start), { kind: "word", text: words }, ...parts.slice(end)]),
      }));
      throw askedBack("unknown_word", `The word ${named} is unknown. Did you mean one of these?`, choices);
    }
    const [word, is] = unknown.length === 1 ? ["word", "is"] : ["words", "are"];
    const suggested = [...near]
      .filter(([, others]) => others.length)
      .map(([words, others]) => `near "${words}": ${others.map((each) => `"${each}"`).join(", ")}`)
      .join("; ");
    throw refused(
      "unknown_word",
      `The ${word} ${named} ${is} unknown, and a question is answered only if all of it is understood${suggested ? ` (${suggested}).` : "."}`,
      { words: unknown }
    );
  }

  // --- periods.py: a partial period has no start and no end ---------------------------------------------------------------

  const [LONGEST_DAY, LAST_WEEK, MOST_PERIODS, CENTURY] = [31, 53, 1000, 2000];
  const Partial = (grain, number, day = 0) => ({ grain, number, day });
  const Found = (next, period, relative = false) => ({ next, period, relative });
  const noSuchDay = () => refused("period", "The question names a day that no calendar has: give another one.");

  function weekOf(year, week) {
    const first = startOf(dayOf(year, 1, 4), "week");
    const start = first + (week - 1) * 7;
    return partsOf(start + 3).year === year ? Period(start, start + 6, "week") : null;
  }

  function complete(partial, year) {
    if (partial.grain === "day") {
      if (partial.day < 1 || partial.day > lengthOf(year, partial.number)) return null;
      return periodOf(dayOf(year, partial.number, partial.day), "day");
    }
    if (partial.grain === "week") return weekOf(year, partial.number);
    const months = { month: 1, quarter: 3, half: 6 }[partial.grain];
    return periodOf(dayOf(year, (partial.number - 1) * months + 1, 1), partial.grain);
  }

  function withYear(period, year) {
    const found = isPeriod(period) ? period : complete(period, year);
    if (found === null) throw noSuchDay();
    return found;
  }

  class Periods {
    constructor(terms, parts, vocabulary, comparing = false) {
      Object.assign(this, { terms, parts, first: vocabulary.firstDay, last: vocabulary.lastDay, comparing });
    }
    has(at, ...kinds) {
      return at >= 0 && at < this.terms.length && this.terms[at].has(...kinds);
    }
    skip(at) {
      let next = at;
      while (this.has(next, "filler", "the")) next += 1;
      return next;
    }
    number(at, kind = "number") {
      return (at < this.terms.length && this.terms[at].one(kind)?.n) || 0;
    }
    grain(at) {
      return (at < this.terms.length && this.terms[at].one("grain")?.grain) || "";
    }
    textOf(start, end) {
      return joined(this.parts.slice(this.terms[start].start, this.terms[end - 1].end));
    }

    bounded(at) {
      let found = this.twoSided(at);
      for (const bound of ["since", "until", "before", "after"])
        if (found === null && this.has(at, bound)) found = this.oneSided(at, bound);
      return found ?? this.listed(at);
    }

    twoSided(at) {
      if (!this.has(at, "between", "from")) return null;
      const left = this.point(this.skip(at + 1));
      if (left === null) return null;
      const joint = this.has(at, "between") ? "and" : "to";
      const right = this.has(left.next, joint) ? this.point(this.skip(left.next + 1)) : null;
      if (right !== null) return this.range(at + 1, left, right);
      if (this.has(at, "between"))
        throw refused("period", 'After "between", two days or periods are needed, with "and" between them.');
      if (this.has(left.next, "onwards")) return this.since(at + 1, { ...left, next: left.next + 1 });
      this.whole(at + 1, left);
      const words = this.textOf(at + 1, left.next);
      throw this.choose(at, left.next, `"from ${words}" has two meanings.`, [`in ${words}`, `since ${words}`]);
    }

    choose(start, end, says, words, reason = "period") {
      const [first, last] = [this.terms[start].start, this.terms[end - 1].end];
      const choices = words.map((each) => ({
        words: each,
        question: joined([...this.parts.slice(0, first), { kind: "word", text: each }, ...this.parts.slice(last)]),
      }));
      return askedBack(reason, says, choices);
    }

    oneSided(at, bound) {
      const found = this.point(this.skip(at + 1));
      if (found === null) return null;
      if (bound === "since") return this.since(at + 1, found);
      const period = this.whole(at + 1, found);
      const bounded = {
        until: Period(null, period.end),
        before: Period(null, period.start - 1),
        after: Period(period.end + 1, null),
      };
      return Found(found.next, bounded[bound], found.relative);
    }

    since(at, found) {
      const end = this.has(found.next, "onwards") && !this.point(found.next + 1) ? found.next + 1 : found.next;
      const period = this.whole(at, found);
      return Found(end, Period(period.start, null), found.relative);
    }

    listed(at) {
      const found = this.point(at);
      if (found === null) return null;
      if (this.has(found.next, "onwards") && !this.has(found.next, "filler")) return this.since(at, found);
      const after = this.skip(found.next + 1);
      if (this.has(found.next, "to") && !this.comparing) {
        const right = this.point(after);
        if (right !== null) return this.range(at, found, right);
      }
      if (this.has(found.next, "and") && !this.comparing) {
        const right = this.point(after);
        if (right !== null) return this.sideBySide(at, found, right);
      }
      return Found(found.next, this.whole(at, found), found.relative);
    }

    range(at, left, right) {
      const [start, end] = this.completed(at, left, right);
      if (start.start > end.end) throw refused("period", "The period ends before it starts: exchange its two sides.");
      let period = Period(start.start, end.end);
      const whole = periodOf(period.start, "year");
      if (whole.start === period.start && whole.end === period.end) period = whole;
      return Found(right.next, period, left.relative || right.relative);
    }

    sideBySide(at, left, right) {
      let [first, second] = this.completed(at, left, right);
      if (first.start > second.start) [first, second] = [second, first];
      if (first.end + 1 !== second.start)
        throw refused(
          "period",
          "The two periods do not follow each other, and an answer is of one period: " +
            'ask twice, or compare them with "compared with".'
        );
      return Found(right.next, Period(first.start, second.end), left.relative || right.relative);
    }

    completed(at, left, right) {
      if (!isPeriod(left.period) && isPeriod(right.period))
        return [withYear(left.period, partsOf(right.period.end).year), right.period];
      if (!isPeriod(left.period)) {
        const year = this.year(at, right.next, left.period);
        return [withYear(left.period, year), withYear(right.period, year)];
      }
      if (!isPeriod(right.period)) {
        const end = complete(right.period, partsOf(left.period.start).year);
        if (end === null || end.end < left.period.start) return [left.period, this.whole(right.next - 1, right)];
        return [left.period, end];
      }
      return [left.period, right.period];
    }

    whole(at, found) {
      return withYear(found.period, this.year(at, found.next, found.period));
    }

    year(at, end, period) {
      if (isPeriod(period)) return 0;
      const years = [];
      for (let year = partsOf(this.first).year; year <= partsOf(this.last).year; year += 1) {
        const whole = complete(period, year);
        if (whole && whole.end >= this.first && whole.start <= this.last) years.push(year);
      }
      const words = this.textOf(at, end);
      if (!years.length) throw refused("period", `"${words}" needs a year, and no year of the data has it.`);
      if (years.length > 1)
        throw this.choose(at, end, `"${words}" is in several years of the data.`, years.map((year) => `${words} ${year}`));
      return years[0];
    }

    point(at) {
      if (at >= this.terms.length) return null;
      return this.written(at) ?? this.relative(at) ?? this.named(at);
    }

    written(at) {
      const term = this.terms[at];
      if (term.has("date")) return Found(at + 1, this.day(...term.words.split("-").map(Number)));
      if (term.has("month_number")) {
        const [left, right] = term.words.replaceAll("/", "-").split("-");
        const [year, month] = left.length > 2 ? [Number(left), Number(right)] : [Number(right), Number(left)];
        return Found(at + 1, periodOf(this.date(year, month, 1), "month"));
      }
      return term.has("slashes") ? Found(at + 1, this.slashes(at)) : null;
    }

    date(year, month, day) {
      if (year < FIRST_YEAR || year > LAST_YEAR)
        throw refused("period", `The year ${year} is not from ${FIRST_YEAR} to ${LAST_YEAR}: give another one.`);
      if (month < 1 || month > 12 || day < 1 || day > lengthOf(year, month)) throw noSuchDay();
      return dayOf(year, month, day);
    }

    day(year, month, day) {
      return periodOf(this.date(year, month, day), "day");
    }

    slashes(at) {
      const text = this.terms[at].words;
      const pieces = text.replaceAll("/", ".").split(".");
      const [first, second, third] = pieces.map(Number);
      if (pieces[0].length === 4) return this.day(first, second, third);
      const year = third < 100 ? third + CENTURY : third;
      const readings = [[first, second], [second, first]].filter(([, month]) => month >= 1 && month <= 12);
      if (!readings.length) throw noSuchDay();
      const periods = (first === second ? readings.slice(0, 1) : readings).map(([day, month]) => this.day(year, month, day));
      if (periods.length > 1)
        throw this.choose(at, at + 1, `"${text}" is one of two days.`, periods.map((period) => inWords(period.start).toLowerCase()));
      return periods[0];
    }

    relative(at) {
      const term = this.terms[at];
      if (term.has("last_day")) return Found(at + 1, periodOf(this.last, "day"), true);
      const toDate = term.one("period_to_date");
      if (toDate) return Found(at + 1, this.soFar(toDate.grain), true);
      if (!term.has("last", "this")) return null;
      const count = this.number(at + 1);
      const place = at + 1 + (count ? 1 : 0);
      const grain = this.grain(place);
      if (!grain || grain === "period") return null;
      if (term.has("this") && !count) return Found(place + 1, this.soFar(grain), true);
      if (!term.has("last") || count > MOST_PERIODS) return null;
      return Found(place + 1, this.lastOf(grain, count), true);
    }

    soFar(grain) {
      return Period(startOf(this.last, grain), this.last, grain);
    }

    lastOf(grain, count) {
      if (grain === "day") return Period(this.last - Math.max(count, 1) + 1, this.last, count > 1 ? "days" : "day");
      const begin = startOf(this.last, grain);
      return Period(shifted(begin, grain, -Math.max(count, 1)), begin - 1, count <= 1 ? grain : "days");
    }

    named(at) {
      const found = this.partial(at);
      if (found === null) {
        const year = this.number(at, "year");
        if (!year) return null;
        const inner = this.partial(at + 1);
        if (inner !== null && !isPeriod(inner.period) && !this.yearAfter(inner.next))
          return Found(inner.next, withYear(inner.period, year));
        return Found(at + 1, periodOf(dayOf(year, 1, 1), "year"));
      }
      const after = this.yearAfter(found.next);
      if (after) return Found(after[0], withYear(found.period, after[1]), !this.number(after[0] - 1, "year"));
      return found;
    }

    yearAfter(start) {
      const at = this.skip(this.has(start, "comma") ? start + 1 : start);
      const year = this.number(at, "year");
      if (year) return [at + 1, year];
      if (!this.has(at, "last", "this") || this.grain(at + 1) !== "year") return null;
      return [at + 2, partsOf(this.last).year - (!this.has(at, "this") || this.terms[at].has("last") ? 1 : 0)];
    }

    partial(at) {
      if (at >= this.terms.length) return null;
      const term = this.terms[at];
      const [number, after] = [this.number(at), this.skip(at + 1)];
      if (term.has("quarter")) return Found(at + 1, Partial("quarter", this.number(at, "quarter")));
      if (term.has("half_year")) return Found(at + 1, Partial("half", this.number(at, "half_year")));
      if (number >= 1 && number <= LONGEST_DAY && this.number(after, "month"))
        return Found(after + 1, Partial("day", this.number(after, "month"), number));
      if (number && term.one("number").ordinal) {
        if (number <= 4 && this.grain(at + 1) === "quarter") return Found(at + 2, Partial("quarter", number));
        if (number <= 2 && this.has(at + 1, "half")) return Found(at + 2, Partial("half", number));
      }
      const next = this.number(at + 1);
      if (this.grain(at) === "quarter" && next >= 1 && next <= 4) return Found(at + 2, Partial("quarter", next));
      if (this.grain(at) === "week" && next >= 1 && next <= LAST_WEEK) return Found(at + 2, Partial("week", next));
      const month = this.number(at, "month");
      return month ? this.month(at, month) : null;
    }

    month(at, month) {
      const after = this.has(at + 1, "the") ? at + 2 : at + 1;
      const number = after < this.terms.length ? this.terms[after].one("number") : null;
      if (number === null || number.n < 1 || number.n > LONGEST_DAY || this.has(after, "year"))
        return Found(at + 1, Partial("month", month));
      const day = Partial("day", month, number.n);
      if (number.ordinal || this.yearAfter(after + 1)) return Found(after + 1, day);
      const [first, last] = [partsOf(this.first).year, partsOf(this.last).year];
      const words = [];
      if (CENTURY + day.day >= first && CENTURY + day.day <= last)
        words.push(`${MONTHS[month - 1]} ${CENTURY + day.day}`.toLowerCase());
      for (let year = first; year <= last; year += 1) {
        const whole = complete(day, year);
        if (whole && whole.start >= this.first && whole.start <= this.last) words.push(inWords(whole.start).toLowerCase());
      }
      const text = this.textOf(at, after + 1);
      if (!words.length) throw refused("period", `"${text}" needs a year, and no year of the data has it.`);
      throw this.choose(at, after + 1, `"${text}" is a month of a year, or a day of a month.`, words);
    }
  }
  // --- parser.py ----------------------------------------------------------------------------------------------------

  const Values = (terms) => ({ terms, excluded: false, qualifier: null, versus: false });

  class Parser {
    constructor(terms, parts, vocabulary) {
      Object.assign(this, { terms, parts, vocabulary });
      this.comparing = terms.some((term) => term.has("comparing"));
      this.periods = new Periods(terms, parts, vocabulary, this.comparing);
      this.draft = {
        metrics: [], either: [], by: [], bare: [], grains: [], values: [], period: null, relative: false, rank: "",
        rankWords: "", top: 0, howMany: false, overTime: "", compare: null, shift: "", version: null,
      };
      this.joined = false;
      this.askedHowMany = false;
      this.lastValues = null;
    }
    has(at, ...kinds) {
      return this.periods.has(at, ...kinds);
    }

    parse() {
      this.refuseBeyond();
      const steps = [
        this.comparison, this.period, this.exclusion, this.grouping, this.every, this.ranking, this.numberOfRows,
        this.version, this.metric, this.valuesHere, this.dimension, this.joint, this.filler,
      ];
      for (let at = 0; at < this.terms.length; ) {
        let end = 0;
        for (const step of steps) {
          const next = step.call(this, at);
          if (next > at) {
            end = next;
            break;
          }
        }
        if (!end) throw this.unused(at);
        at = end;
      }
      return this.draft;
    }

    unused(at) {
      const term = this.terms[at];
      const { words } = term;
      const names = [...new Set(term.all("value").map((value) => value.dimension))].sort(byText);
      if (names.length) {
        const asked = names.map((name) => `${this.vocabulary.dimensions[name].asked} ${words}`);
        const wider = containing(words, this.vocabulary.words).filter((phrase) => phrase !== words);
        return this.periods.choose(at, at + 1, `"${words}" needs the name of what it is.`, [...asked, ...wider], "value");
      }
      return refused(
        "unused_word",
        `The word "${words}" has no use at its place, and a question is answered only if all of it is understood: ` +
          "leave it out, or say it in another way.",
        { words: [words] }
      );
    }

    refuseBeyond() {
      for (const term of this.terms) {
        const meaning = term.meanings[0];
        if (meaning.is !== "beyond") continue;
        const says = meaning.says.replaceAll("{last_day}", inWords(this.vocabulary.lastDay));
        throw refused("beyond", `"${term.words}" ${says}.`, { words: [term.words] });
      }
    }

    comparison(at) {
      const shift = this.terms[at].one("shift");
      if (shift) return this.compareShift(at + 1, shift.grain);
      if (this.has(at, "comparing") && !this.has(at, "compare")) return at + 1;
      const explicit = this.has(at, "compare");
      if (!explicit && !(this.comparing && this.has(at, "with", "to", "and"))) return at;
      let after = this.periods.skip(at + 1);
      while (this.has(after, "with", "to", "compare", "filler", "the")) after += 1;
      const end = this.compareWith(after, explicit);
      if (end) return end;
      if (explicit && this.comparing && !this.draft.metrics.length && this.has(at, "comparing")) return at + 1;
      if (explicit && this.draft.metrics.length && this.has(after, "metric")) {
        this.joined = true;
        return after;
      }
      if (explicit)
        throw refused(
          "comparison",
          `After "${this.terms[at].words}", say with what: "last year", "the previous month", a period, ` +
            "or another value of the same kind."
        );
      return at;
    }

    compareWith(start, explicit) {
      const same = this.has(start, "same");
      const at = same ? this.periods.skip(start + 1) : start;
      if (at >= this.terms.length) return 0;
      const before = this.terms[at].one("before_that");
      if (before) return this.compareShift(at + 1, before.grain);
      const grain = this.has(at, "last") ? this.periods.grain(at + 1) : "";
      if (grain) return this.compareShift(at + 2, grain);
      if (this.draft.period !== null || this.draft.grains.length) {
        const found = this.periods.bounded(at);
        if (found) return this.comparePeriod(at, found.next, found.period);
      }
      if (!same && this.lastValues !== null && (explicit || this.comparing)) {
        const [end, values] = this.valueList(at);
        if (values) {
          this.lastValues.terms.push(...values.terms);
          this.lastValues.versus = true;
          this.lastValues.qualifier = this.lastValues.qualifier ?? values.qualifier;
          return end;
        }
      }
      return 0;
    }

    comparePeriod(at, end, period) {
      const base = this.draft.period;
      if (base === null || this.draft.compare || period.start === null || period.end === null)
        throw refused("comparison", "Two periods can be compared, each with a first and a last day: name both.");
      const words = this.periods.textOf(at, end);
      if (period.grain === "year" && ["day", "week", "month", "quarter", "half"].includes(base.grain) && base.start !== null) {
        const moved = earlier(base, "year", partsOf(base.start).year - partsOf(period.start).year);
        throw this.periods.choose(at, end, `"${words}" is the whole year, or the same days of that year.`, [
          `1 january ${words} to 31 december ${words}`,
          span(moved),
        ]);
      }
      this.draft.compare = period;
      this.joined = false;
      return end;
    }

    compareShift(end, grain) {
      if (this.draft.compare || this.draft.shift)
        throw refused("comparison", "A question compares with one other period: leave one of them out.");
      this.draft.shift = grain;
      this.joined = false;
      return end;
    }

    period(at) {
      if (this.has(at, "all_time")) return at + 1;
      const found = this.periods.bounded(at);
      if (found === null) return at;
      if (this.draft.period !== null)
        throw refused("period", 'The question names two periods: name one, or compare them with "compared with".');
      this.draft.period = found.period;
      this.draft.relative = found.relative;
      this.joined = false;
      return found.next;
    }

    grouping(at) {
      if (!this.has(at, "by")) return at;
      let end = at;
      while (this.has(end, "by", "and") || end === at) {
        let after = this.periods.skip(end + 1);
        while (this.has(after, "by")) after = this.periods.skip(after + 1);
        const taken = this.group(after);
        if (!taken) break;
        end = taken;
      }
      if (end > at) {
        this.joined = false;
        return end;
      }
      const after = this.periods.skip(at + 1);
      if (this.has(after, "metric") && !this.draft.metrics.length) {
        this.joined = true;
        return after;
      }
      return at;
    }

    group(at) {
      if (at >= this.terms.length) return 0;
      const term = this.terms[at];
      if (term.has("dimension")) {
        this.draft.by.push(term);
        return at + 1;
      }
      const grain = this.periods.grain(at);
      if (grain && grain !== "period" && !this.isPeriod(at)) {
        this.draft.grains.push([grain, term]);
        return at + 1;
      }
      const spoken = term.has("last") ? this.periods.grain(at + 2) : "";
      if (spoken && this.periods.number(at + 1) && !this.draft.period) {
        this.draft.grains.push([spoken, term]);
        return this.period(at);
      }
      return 0;
    }

    isPeriod(at) {
      const found = this.periods.partial(at);
      return found !== null && found.next > at + 1;
    }

    every(at) {
      const every = this.terms[at].one("every");
      if (every === null) return at;
      this.draft.grains.push([every.grain, this.terms[at]]);
      this.joined = false;
      return at + 1;
    }

    ranking(at) {
      let [number, word] = this.counts(at) ? [this.periods.number(at), at + 1] : [0, at];
      const rank = word < this.terms.length ? this.terms[word].one("rank") : null;
      if (rank === null) return at;
      if (this.draft.rank)
        throw refused(
          "order",
          `The question asks for two orders, "${this.draft.rankWords}" and "${this.terms[word].words}": ask for one.`
        );
      let end = word + 1;
      const next = this.periods.skip(end);
      if (!number && this.counts(next) && !this.periods.point(next)) {
        number = this.periods.number(next);
        end = next + 1;
        if (!number) throw refused("order", "A list of 0 rows says nothing: ask for 1 or more.");
      }
      this.draft.rank = rank.order;
      this.draft.rankWords = this.terms[word].words;
      this.draft.top = number || this.draft.top;
      return end;
    }

    numberOfRows(at) {
      if (!this.counts(at) || this.draft.top || !this.has(at + 1, "dimension", "grain")) return at;
      this.draft.top = this.periods.number(at);
      return this.draft.top ? at + 1 : at;
    }

    counts(at) {
      const meaning = at < this.terms.length ? this.terms[at].one("number") : null;
      return meaning !== null && !meaning.ordinal;
    }

    version(at) {
      for (const [kind, version] of [["as_was", "was"], ["as_is", "is"]]) {
        if (!this.has(at, kind)) continue;
        if (this.draft.version && this.draft.version[0] !== version)
          throw refused("version", 'Say either "as it was" or "as it is now", not both.');
        this.draft.version = [version, this.terms[at]];
        return at + 1;
      }
      return at;
    }

    metric(at) {
      const term = this.terms[at];
      if (!term.has("metric")) return at;
      const { metrics, either } = this.draft;
      if (term.has("dimension") && !(this.joined && metrics.length) && !this.askedHowMany) either.push(term);
      else if (metrics.length && !this.joined && !this.askedHowMany)
        throw refused(
          "metrics",
          `The question names two metrics, "${metrics[metrics.length - 1].words}" and "${term.words}": put "and" between ` +
            "them if you want both, or leave one out."
        );
      else metrics.push(term);
      this.joined = this.askedHowMany = false;
      return at + 1;
    }

    exclusion(at) {
      if (!this.has(at, "not")) return at;
      const [end, values] = this.valueList(this.periods.skip(at + 1));
      if (values === null) return at;
      values.excluded = true;
      this.draft.values.push(values);
      this.joined = false;
      return end;
    }

    valuesHere(at) {
      const [end, values] = this.valueList(at);
      if (values === null) return at;
      this.draft.values.push(values);
      this.lastValues = values;
      this.joined = false;
      return end;
    }

    valueList(start) {
      const values = Values([]);
      let at = start;
      const after = this.periods.skip(at + 1);
      if (this.has(at, "dimension") && this.isValueOf(after, this.terms[at])) {
        values.qualifier = this.terms[at];
        at = after;
      }
      let end = at;
      while (this.isValueOf(at, values.qualifier)) {
        values.terms.push(this.terms[at]);
        end = at + 1;
        if (!this.has(end, "and", "or") || (this.comparing && !this.has(end, "comma"))) break;
        at = this.periods.skip(end + 1);
        while (this.has(at, "and", "or")) at = this.periods.skip(at + 1);
      }
      if (!values.terms.length) return [end, null];
      if (values.qualifier === null && this.has(end, "dimension") && this.names(end, values)) {
        values.qualifier = this.terms[end];
        end += 1;
      }
      return [end, values];
    }

    isValueOf(at, qualifier) {
      if (at >= this.terms.length) return false;
      const term = this.terms[at];
      if (qualifier === null) return term.all("value").some((value) => !value.qualified);
      const names = qualifier.all("dimension").map((meaning) => meaning.name);
      const numbers = names.some((name) => this.vocabulary.dimensions[name].numbers) && term.has("number");
      return numbers || term.all("value").some((value) => names.includes(value.dimension));
    }

    names(at, values) {
      const names = this.terms[at].all("dimension").map((meaning) => meaning.name);
      return values.terms.every((term) => term.all("value").some((value) => names.includes(value.dimension)));
    }

    dimension(at) {
      const term = this.terms[at];
      if (term.has("dimension")) {
        const isMany = term.all("dimension").some((meaning) => meaning.many);
        if (!this.draft.rank && !this.draft.top && !this.has(at - 1, "which") && !isMany) {
          const { words } = term;
          const says = `"${words}" may be what to group by, or only a word: say "by ${words}", or leave it out.`;
          throw refused("unused_word", says, { words: [words] });
        }
        this.draft.by.push(term);
        this.draft.bare.push(term);
        this.joined = false;
        return at + 1;
      }
      const grain = this.periods.grain(at);
      if (grain && grain !== "period" && (this.draft.rank || this.has(at - 1, "which"))) {
        this.draft.grains.push([grain, term]);
        this.draft.bare.push(term);
        return at + 1;
      }
      return at;
    }

    joint(at) {
      if (this.has(at, "and")) {
        this.joined = true;
        return at + 1;
      }
      if (this.has(at, "to", "from") && this.valueList(this.periods.skip(at + 1))[1]) return at + 1;
      return at;
    }

    filler(at) {
      if (this.has(at, "how_many")) {
        const counted = this.periods.skip(at + 1);
        const isQualifier = counted < this.terms.length && this.isValueOf(this.periods.skip(counted + 1), this.terms[counted]);
        if (this.has(counted, "dimension", "grain") && !this.has(counted, "metric") && !isQualifier) {
          const { words } = this.terms[counted];
          throw refused("metric", `No metric counts "${words}": ask for a metric by them.`, { words: [words] });
        }
        this.askedHowMany = this.draft.howMany = true;
        return at + 1;
      }
      if (this.has(at, "over_time")) {
        this.draft.overTime = this.terms[at].words;
        return at + 1;
      }
      return this.has(at, "filler", "the", "which") ? at + 1 : at;
    }
  }

  const span = ({ start, end }) => (start === end ? inWords(start) : `${inWords(start)} to ${inWords(end)}`).toLowerCase();
  const previous = (period, grain) => (grain === "period" ? justBefore(period) : earlier(period, grain));

  // --- reading.py ---------------------------------------------------------------------------------------------------

  const [USUAL_TOP, MOST_ROWS, MOST_METRICS, MOST_GROUPS, MOST_CHOICES] = [10, 1000, 4, 3, 10];

  // Returns what a question comes to; see `read` in reading.py.
  function read(question, vocabulary, isChoice = false) {
    let reading;
    try {
      const parts = tokens(question);
      if (vocabulary.firstDay === null)
        throw refused("no_data", "The release has no line of sales yet: land files and run `make build`.");
      const terms = termsOf(parts, vocabulary);
      reading = new Resolver(new Parser(terms, parts, vocabulary).parse(), parts, vocabulary).resolve();
    } catch (outcome) {
      if (!(outcome instanceof Outcome)) throw outcome;
      return isChoice ? outcome.content : withUsefulChoices(outcome.content, vocabulary);
    }
    return { status: "understood", reading, says: inOneLine(reading, vocabulary) };
  }

  function withUsefulChoices(content, vocabulary) {
    if (content.status !== "asked_back") return content;
    const choices = content.choices.filter((choice) => read(choice.question, vocabulary, true).status !== "refused");
    if (choices.length) return { ...content, choices };
    const near = content.choices.map((choice) => `"${choice.words}"`).join(", ");
    return {
      status: "refused",
      reason: content.reason,
      says: `${content.says.split(". ")[0].replace(/\.+$/u, "")}. Near it are ${near}, which make no question either.`,
    };
  }

  class Resolver {
    constructor(draft, parts, vocabulary) {
      Object.assign(this, { draft, parts, vocabulary });
      this.versionUsed = false;
    }

    resolve() {
      this.decideEither();
      const metrics = this.metrics();
      const by = this.draft.by.map((term) => this.group(term, metrics));
      const where = this.draft.values.map((values) => this.condition(values, metrics, by));
      this.draft.values.forEach((values, place) => {
        if (values.versus && !by.includes(where[place].dimension)) by.push(where[place].dimension);
      });
      const grain = this.grain();
      if (this.draft.version && !this.versionUsed) {
        const { words } = this.draft.version[1];
        throw refused("unused_word", `The words "${words}" change nothing here: leave them out.`, { words: [words] });
      }
      this.refuseRepetition(metrics, by, where);
      return { metrics, by, grain, where, ...this.days(grain), top: this.top(metrics, by, grain) };
    }

    decideEither() {
      const { draft } = this;
      for (const term of draft.either) {
        const grouped = draft.by.length || draft.grains.length;
        if (!draft.metrics.length && (grouped || !draft.rank)) draft.metrics.push(term);
        else if (draft.rank || !draft.metrics.length) {
          draft.by.push(term);
          draft.bare.push(term);
        } else {
          const known = this.vocabulary;
          throw askedBack("role", `"${term.words}" is a metric, and what metrics can be grouped by.`, [
            this.choice(term, `by ${known.dimensions[term.all("dimension")[0].name].asked}`),
            this.choice(term, `and ${known.metrics[term.all("metric")[0].name].asked}`),
          ]);
        }
      }
    }

    choice(term, words, shown = "") {
      const question = joined([...this.parts.slice(0, term.start), { kind: "word", text: words }, ...this.parts.slice(term.end)]);
      return { words: shown || words, question };
    }

    metrics() {
      const found = [];
      for (const term of this.draft.metrics) {
        const names = term.all("metric").map((meaning) => meaning.name);
        const known = this.vocabulary.metrics;
        if (names.length > 1)
          throw askedBack(
            "metric",
            `"${term.words}" has several definitions.`,
            names.map((name) => this.choice(term, known[name].asked, known[name].label))
          );
        found.push(...names);
      }
      if (!found.length) throw this.noMetric();
      if (found.length > MOST_METRICS)
        throw refused("metrics", `A question can name ${MOST_METRICS} metrics, and this one names ${found.length}.`);
      return found;
    }

    noMetric() {
      const wanted = this.draft.by.map((term) => term.all("dimension").map((meaning) => meaning.name));
      for (const values of this.draft.values)
        for (const term of values.terms) wanted.push(term.all("value").map((meaning) => meaning.dimension));
      const fitting = Object.values(this.vocabulary.metrics).filter(
        (metric) =>
          wanted.every((names) => !names.length || names.some((name) => metric.by.includes(name))) &&
          (metric.unit === "count" || !this.draft.howMany)
      );
      const question = joined(this.parts);
      const choices = fitting
        .slice(0, MOST_CHOICES)
        .map((metric) => ({ words: metric.label, question: `${metric.asked}: ${question}` }));
      let says = "The question names no metric, so it does not say what to count.";
      if (fitting.length > MOST_CHOICES) says += ` ${fitting.length} metrics go with it; these are the first ${MOST_CHOICES}.`;
      return choices.length ? askedBack("no_metric", says, choices) : refused("no_metric", says);
    }

    fits(name, metrics) {
      return metrics.every((metric) => this.vocabulary.metrics[metric].by.includes(name));
    }

    fitting(names, metrics) {
      const known = this.vocabulary.dimensions;
      const fitting = names.filter((name) => this.fits(name, metrics));
      if (!this.draft.version) return fitting;
      const named = fitting.filter((name) => known[name].as === this.draft.version[0]);
      this.versionUsed = this.versionUsed || named.length > 0;
      return named.length ? named : fitting.filter((name) => !known[name].as);
    }

    refuseDimension(term, names, metrics) {
      const known = this.vocabulary;
      const labels = metrics.map((metric) => `"${known.metrics[metric].label}"`).join(" and ");
      const together = metrics.length > 1 ? " together" : "";
      const offered = Object.keys(known.dimensions)
        .filter((name) => this.fits(name, metrics))
        .map((name) => `"${known.dimensions[name].asked}"`)
        .join(", ");
      return refused(
        "dimension",
        `${labels}${together} cannot be asked by "${term.words}" (${known.dimensions[names[0]].label}): ` +
          (offered ? `it goes with ${offered}.` : "it goes with days, weeks, months, quarters and years only."),
        { words: [term.words] }
      );
    }

    group(term, metrics) {
      const names = term.all("dimension").map((meaning) => meaning.name);
      const fitting = this.fitting(names, metrics);
      if (!fitting.length) throw this.refuseDimension(term, names, metrics);
      if (fitting.length > 1) {
        const known = this.vocabulary.dimensions;
        throw askedBack(
          "dimension",
          `"${term.words}" can be one of several dimensions.`,
          fitting.map((name) => this.choice(term, known[name].asked, known[name].label))
        );
      }
      return fitting[0];
    }

    condition(values, metrics, by) {
      const known = this.vocabulary.dimensions;
      const qualifier = values.qualifier ? values.qualifier.all("dimension").map((meaning) => meaning.name) : null;
      const names = Object.keys(known).filter((name) => this.have(name, values.terms, qualifier));
      if (!names.length) {
        const words = values.terms.map((term) => `"${term.words}"`).join(", ");
        throw refused("value", `${words} are values of different dimensions: ask for one dimension at a time.`);
      }
      const term = values.qualifier ?? values.terms[0];
      let fitting = this.fitting(names, metrics);
      if (!fitting.length) throw this.refuseDimension(term, names, metrics);
      if (qualifier === null) {
        const grouped = fitting.filter((name) => by.includes(name));
        if (grouped.length) fitting = grouped;
      }
      if (fitting.length > 1)
        throw askedBack(
          "value",
          `"${term.words}" can be of one of several dimensions.`,
          fitting.map((name) =>
            this.choice(term, values.qualifier ? known[name].asked : `${known[name].asked} ${term.words}`, known[name].label)
          )
        );
      const dimension = fitting[0];
      return {
        dimension,
        values: values.terms.flatMap((each) => this.valuesOf(each, dimension)),
        excluded: values.excluded,
      };
    }

    have(name, terms, qualifier) {
      if (qualifier !== null && !qualifier.includes(name)) return false;
      return terms.every((term) => this.valuesOf(term, name, qualifier !== null).length);
    }

    valuesOf(term, name, qualified = true) {
      const values = term
        .all("value")
        .filter((meaning) => meaning.dimension === name && (qualified || !meaning.qualified))
        .map((meaning) => meaning.value);
      const number = term.one("number");
      if (!values.length && qualified && number && this.vocabulary.dimensions[name].numbers) return [String(number.n)];
      return values;
    }

    refuseRepetition(metrics, by, where) {
      const conditions = where.map((condition) => condition.dimension);
      for (const [kind, names] of [["metric", metrics], ["dimension", by], ["condition", conditions]])
        for (const name of names)
          if (names.filter((other) => other === name).length > 1) {
            const { label } = (kind === "metric" ? this.vocabulary.metrics : this.vocabulary.dimensions)[name];
            throw refused("repetition", `The question names "${label}" twice: name each ${kind} once.`);
          }
      if (by.length > MOST_GROUPS)
        throw refused("groups", `A question can group by ${MOST_GROUPS} dimensions, and this one names ${by.length}.`);
    }

    grain() {
      const grains = [...new Set(this.draft.grains.map(([grain]) => grain))].sort(byText);
      if (!grains.length && this.draft.overTime) {
        const words = this.draft.overTime;
        throw refused(
          "grain",
          `"${words}" does not say how long a step is: add "by day", "by week", "by month", "by quarter" or "by year".`,
          { words: [words] }
        );
      }
      if (grains.length > 1) throw refused("grain", `The question asks by ${grains.join(" and by ")}: ask by one of them.`);
      return grains.length ? grains[0] : null;
    }

    days(grain) {
      const { draft, vocabulary } = this;
      let period = draft.period ?? Period(null, null);
      this.refuseOutside(period);
      if (draft.shift && period.end !== null) period = { ...period, end: Math.min(period.end, vocabulary.lastDay) };
      let { compare } = draft;
      if (draft.shift) {
        if (draft.period === null && !grain)
          throw refused(
            "comparison",
            'A comparison needs a period: add one, such as "in 2011" or "this month", or a step, such as "by month".'
          );
        period = Period(period.start ?? vocabulary.firstDay, period.end ?? vocabulary.lastDay, period.grain);
        compare = previous(period, draft.shift);
      }
      if (compare !== null) this.refuseOutside(compare);
      return {
        from: iso(period.start),
        to: iso(period.end),
        compare: compare === null ? null : { from: iso(compare.start), to: iso(compare.end), back: draft.shift || null },
        relative: draft.relative,
      };
    }

    refuseOutside(period) {
      const { firstDay: first, lastDay: last } = this.vocabulary;
      if ((period.start !== null && period.start > last) || (period.end !== null && period.end < first))
        throw refused(
          "outside",
          `The data are of ${inWords(first)} to ${inWords(last)}, and nothing is known of ` +
            `${periodInWords(period.start, period.end)}.`
        );
    }

    top(metrics, by, grain) {
      const { draft } = this;
      if (!draft.rank && draft.top)
        throw refused("order", `The question asks for ${draft.top} rows, and does not say which: add "highest" or "lowest".`);
      if (!draft.rank) return null;
      const groups = by.length + (grain === null ? 0 : 1);
      if (groups !== 1) {
        const needed =
          groups === 0 ? "what to list: countries, products, months, ..." : "one thing to list, and this has several";
        throw refused("order", `"${draft.rankWords}" needs ${needed}.`, { words: [draft.rankWords] });
      }
      if (draft.top > MOST_ROWS)
        throw refused(
          "order",
          `A list has at most ${MOST_ROWS.toLocaleString("en-GB")} rows, and this one should have ${draft.top.toLocaleString("en-GB")}.`
        );
      let order = draft.rank;
      const { good } = this.vocabulary.metrics[metrics[0]];
      if (order === "best" || order === "worst") order = (order === "best") === (good === "up") ? "highest" : "lowest";
      return { n: draft.top || (this.single() ? 1 : USUAL_TOP), order };
    }

    single() {
      const terms = [...this.draft.by, ...this.draft.grains.map(([, term]) => term)];
      return terms.every(
        (term) =>
          this.draft.bare.includes(term) && ![...term.all("dimension"), ...term.all("grain")].some((meaning) => meaning.many)
      );
    }
  }

  function inOneLine(reading, vocabulary) {
    const known = vocabulary.dimensions;
    const day = { from: fromIso(reading.from), to: fromIso(reading.to) };
    const said = [reading.metrics.map((name) => vocabulary.metrics[name].label).join(" and ")];
    const groups = [...reading.by.map((name) => known[name].label), ...(reading.grain ? [reading.grain] : [])];
    if (groups.length) said.push(`by ${groups.join(" and ")}`);
    for (const condition of reading.where)
      said.push(
        `${known[condition.dimension].label} ${condition.excluded ? "is not" : "is"} ${condition.values.join(" or ")}`
      );
    said.push(periodInWords(day.from, day.to));
    if (reading.compare)
      said.push(`compared with ${periodInWords(fromIso(reading.compare.from), fromIso(reading.compare.to))}`);
    if (reading.top) said.push(`the ${reading.top.n} ${reading.top.order}`);
    return said.join("; ") + aboutDays(reading, day, vocabulary);
  }

  function aboutDays(reading, day, { firstDay: first, lastDay: last }) {
    const notes = [];
    if (reading.relative) notes.push(`counted from ${inWords(last)}, the last day of the data`);
    else if (day.from === null && day.to === null) notes.push(`${inWords(first)} to ${inWords(last)}`);
    else if (day.to !== null && day.to > last) notes.push(`the data end on ${inWords(last)}`);
    const starts = [day.from, ...(reading.compare ? [fromIso(reading.compare.from)] : [])];
    if (starts.some((start) => start !== null && start < first)) notes.push(`the data begin on ${inWords(first)}`);
    return notes.length ? ` (${notes.join("; ")})` : "";
  }

  return { Vocabulary, read, startOf, fromIso, iso, partsOf, dayOf, MONTHS, MONTHS_OF };
})();
if (typeof module !== "undefined") module.exports = Ask;
