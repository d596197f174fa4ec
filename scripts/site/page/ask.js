"use strict";
Site.view({
  id: "ask",
  title: "Ask",
  needs: ["vocabulary", "sales", "invoices", "products", "product_names", "countries"],
  render(root, { vocabulary: shipped, ...tables }, context) {
    const { el, format } = Site;
    const vocabulary = new Ask.Vocabulary(shipped.get("vocabulary", 0));
    const answers = Answers.open(tables, vocabulary);
    const EXAMPLES = [
      "return rate by country in 2011",
      "orders this year compared with last year",
      "net revenue by month in 2011 compared with last year",
      "which 5 countries had the most orders?",
      "average order value in the UK by quarter",
    ];
    const NUMBERS = ["gbp", "percent", "count", "days"];
    const BARS = 15;
    const GRAINS = ["day", "week", "month", "quarter", "year"];

    const input = el("input", { type: "search", id: "question", autocomplete: "off", spellcheck: "false", maxlength: "400" });
    const said = el("div", { role: "status", id: "understood" });
    const shown = el("div", { id: "answer" });
    const form = el(
      "form.ask",
      {
        onsubmit: (event) => {
          event.preventDefault();
          context.set({ q: input.value }, { replace: false });
          tell(input.value);
        },
      },
      el("label", { for: "question" }, "Your question, in English"),
      input,
      el("button", { type: "submit" }, "Ask")
    );
    const buttons = (list, name) =>
      el("ul.choices", { "aria-label": name }, list.map(({ words, question }) => el("li", {}, el("button.quiet", { type: "button", onclick: () => ask(question) }, words))));

    root.append(
      el("h2", {}, "Ask"),
      el("p.note", {}, "A question is answered only if all of it is understood; nothing is guessed. Periods such as “last month” count from the last day of the data."),
      form,
      buttons(EXAMPLES.map((question) => ({ words: question, question })), "Examples"),
      said,
      shown
    );

    function ask(question) {
      context.set({ q: question }, { replace: false });
      show(question);
    }
    function show(question) {
      input.value = question;
      tell(question);
    }

    function tell(question) {
      const outcome = Ask.read(question, vocabulary);
      said.dataset.status = outcome.status;
      shown.replaceChildren();
      if (outcome.status !== "understood") {
        said.replaceChildren(el("p", {}, outcome.says), outcome.choices ? buttons(outcome.choices, "Choices") : "");
        return;
      }
      const answer = answers.answer(outcome.reading);
      said.replaceChildren(el("p", {}, el("strong", {}, "Understood: "), outcome.says));
      if (answer.obstacle) {
        said.dataset.status = "elsewhere";
        said.append(el("p", {}, `The question is clear, but ${answer.obstacle}. In the project, this command answers it: `, el("code", {}, `make ask Q="${question.replace(/["$\\`]/gu, "")}"`)));
        return;
      }
      shown.replaceChildren(...drawn(outcome, answer));
    }

    function cell(value, { unit }) {
      if (value === null || value === undefined || value === Infinity || value === -Infinity) return "none";
      if (GRAINS.includes(unit)) return period(value, unit);
      if (unit === "percent") return `${(value * 100).toFixed(2)} %`;
      if (unit === "gbp") return format.pence(value);
      if (unit === "count" || unit === "days") return Number.isInteger(value) ? format.count(value) : value.toFixed(2);
      return String(value);
    }

    function period(day, grain) {
      const { year, month } = Ask.partsOf(day);
      if (grain === "year") return String(year);
      if (grain === "quarter") return `Q${Math.floor((month - 1) / 3) + 1} ${year}`;
      if (grain === "month") return `${Ask.MONTHS[month - 1].slice(0, 3)} ${year}`;
      return grain === "week" ? `week of ${Ask.iso(day)}` : Ask.iso(day);
    }

    function drawn({ says, reading }, { columns, rows }) {
      const first = columns.findIndex(({ unit }) => NUMBERS.includes(unit));
      const table = {
        caption: says,
        empty: "No rows.",
        columns: columns.map(({ label, unit }) => ({ label, numeric: NUMBERS.includes(unit) })),
        rows: rows.map((row) => row.map((value, at) => cell(value, columns[at]))),
      };
      const body = el("div.scroll", { tabindex: "0", role: "region", "aria-label": "Answer" }, Charts.table(table));
      if (rows.length < 2) return [body];
      const isSeries = reading.grain && columns.length > first && first === 1 && !reading.top;
      const name = (row) => row.slice(0, first).map((value, at) => cell(value, columns[at])).join(", ");
      const points = rows.slice(0, isSeries ? rows.length : BARS).map((row) => ({ name: name(row), at: new Date(row[0] * Site.DAY), value: row[first] ?? 0, before: reading.compare ? row[first + 1] : null }));
      const figure = Charts.figure({
        title: columns[first].label,
        note: !isSeries && rows.length > BARS ? `The first ${BARS} of ${format.count(rows.length)} rows.` : "",
        draw: (width) => (isSeries ? line(width, points, columns[first]) : bars(width, points, columns[first])),
      });
      return [figure.element, body];
    }

    const tick = (column) => (value) => (column.unit === "percent" ? `${(value * 100).toFixed(1)} %` : column.unit === "gbp" ? format.poundsShort(value) : format.short(value));

    function line(width, points, column) {
      return Charts.plot(width, {
        height: 240,
        marginLeft: 64,
        y: { grid: true, tickFormat: tick(column) },
        marks: [
          Plot.ruleY([0]),
          Plot.lineY(points.filter(({ before }) => before !== null), { x: "at", y: "before", stroke: Charts.colour.before, strokeDasharray: "4 3" }),
          Plot.lineY(points, { x: "at", y: "value", stroke: Charts.colour.main, marker: points.length < 40 }),
        ],
      });
    }

    function bars(width, points, column) {
      return Charts.plot(width, {
        height: 40 + points.length * 24,
        marginLeft: Math.min(180, width / 3),
        x: { grid: true, tickFormat: tick(column) },
        y: { label: null, domain: points.map(({ name }) => name) },
        marks: [Plot.barX(points, { x: "value", y: "name", fill: Charts.colour.main }), Plot.ruleX([0])],
      });
    }

    if (context.params.q) show(context.params.q);
    return ({ q }) => {
      if (q && q !== input.value) show(q);
    };
  },
});
