"use strict";
Site.view({
  id: "quality",
  title: "Quality",
  needs: ["checks", "check_days", "failing_rows", "quarantine", "rejected", "expected", "incidents", "drifts", "reconciliation", "files"],
  render(root, tables, context) {
    const { el, format } = Site;
    const { colour, bars } = Charts;
    const stages = new Map(tables.reconciliation.objects().map((stage) => [stage.stage, stage]));
    const checks = tables.checks.objects();
    const own = checks.filter(({ kind }) => kind === "check");
    const failing = tables.failing_rows.objects();
    const history = d3.group(tables.check_days.objects(), ({ check_name: name }) => name);
    const files = tables.files.objects();
    const waiting = tables.quarantine.objects();
    const rejected = tables.rejected.objects();

    const state = (check) => (check.last_status === null ? "never ran" : check.last_status === "pass" ? "passed" : check.last_status === "warn" ? "warned" : check.last_status);
    const tone = { passed: "good", warned: "warn" };
    const lines = (stage) => stages.get(stage)?.lines ?? 0;
    const differences = [
      ["Rows of the files", "read", [["rejected", "rejected"], ["bronze", "in bronze"]]],
      ["Lines in bronze", "bronze", [["quarantined", "in quarantine"], ["superseded", "replaced"], ["silver", "in silver"]]],
      ["Lines in silver", "silver", [["gold", "in gold"]]],
    ].map(([name, stage, parts]) => ({
      difference: lines(stage) - d3.sum(parts, ([part]) => lines(part)),
      text: `${name}: ${format.count(lines(stage))} = ${parts.map(([part, word]) => `${format.count(lines(part))} ${word}`).join(" + ")}`,
    }));
    const moneyDifference = differenceOf("silver", "gold");
    const addsUp = differences.every(({ difference }) => difference === 0) && moneyDifference === 0;

    // In units of 1/10,000 pound, so that a difference of a fraction of a penny shows.
    function differenceOf(left, right) {
      const amount = (stage) => {
        const row = tables.reconciliation.rows ? tables.reconciliation.texts("stage").indexOf(stage) : -1;
        const at = tables.reconciliation.rows ? tables.reconciliation.values("stage").indexOf(row) : -1;
        return at < 0 ? 0 : tables.reconciliation.values("amount")[at] ?? 0;
      };
      return amount(left) - amount(right);
    }

    const counted = (word) => own.filter((check) => state(check) === word).length;
    root.append(
      el("h2", {}, "Quality"),
      Charts.tiles([
        { name: "checks", label: "Checks passed in the last build", value: `${format.count(counted("passed"))} of ${format.count(own.length)}`, detail: counted("warned") ? `${counted("warned")} warned` : "none warned", tone: counted("warned") ? "warn" : "good" },
        { name: "reconciles", label: "From file to gold", value: addsUp ? "Adds up" : "Does not add up", detail: addsUp ? "every row and every penny" : "see the differences below", tone: addsUp ? "good" : "bad" },
        { name: "quarantined", label: "Rows in quarantine", value: format.count(d3.sum(waiting, (of) => of.lines)), exact: d3.sum(waiting, (of) => of.lines) },
        { name: "rejected", label: "Rows that could not be read", value: format.count(d3.sum(rejected, (of) => of.rows ?? 0)), exact: d3.sum(rejected, (of) => of.rows ?? 0) },
      ]),
      funnelFigure(),
      checksSection(),
      el("div.grid", {}, quarantineFigure(), rejectedFigure()),
      el("h2", { id: "unusual" }, "Unusual days"),
      ...anomalies()
    );

    // --- from file to gold ----------------------------------------------------------------------------------------------

    function funnelFigure() {
      const order = ["read", "rejected", "bronze", "quarantined", "superseded", "silver", "gold"];
      const list = order.filter((stage) => stages.has(stage)).map((stage) => stages.get(stage));
      const isLoss = (stage) => ["rejected", "quarantined", "superseded"].includes(stage);
      const most = d3.max(list, (of) => of.lines) || 1;
      const figure = Charts.figure({
        title: "From file to gold",
        note: "Lines of transactions. Each count is of the relation that is named; a rejected or quarantined line has no amount that can be read.",
        describe: differences.map(({ text }) => text).join(". "),
        legend: [{ label: "Lines that go on", colour: colour.main }, { label: "Lines that are set aside", colour: "var(--c2)" }],
        draw: (width) => (lines("read") ? bars(width, list.map((of) => ({ ...of, name: of.label })), {
          value: (of) => of.lines,
          text: (of) => `${format.count(of.lines)}${of.amount === null ? "" : ` · ${width < 480 ? format.poundsShort(of.amount) : format.pence(of.amount)}`}`,
          shade: (of) => (isLoss(of.stage) ? "var(--c2)" : colour.main),
        }) : null),
        empty: "No file has landed.",
        table: {
          columns: [{ label: "Stage" }, { label: "Relation" }, { label: "Lines", numeric: true }, { label: "Net amount", numeric: true }],
          rows: () => list.map((of) => [of.label, of.relation, format.count(of.lines), of.amount === null ? "–" : format.pence(of.amount)]),
        },
      });
      figure.element.append(
        el("ul.sums", { id: "sums" },
          differences.map(({ difference, text }) => el("li", { "data-difference": String(difference) },
            el(`span.mark.${difference === 0 ? "good" : "bad"}`, {}, difference === 0 ? "✓" : "✗"), ` ${text}`, difference === 0 ? "" : `: a difference of ${format.count(difference)}`)),
          el("li", { "data-difference": String(moneyDifference) },
            el(`span.mark.${moneyDifference === 0 ? "good" : "bad"}`, {}, moneyDifference === 0 ? "✓" : "✗"), ` Money in silver: ${format.pence(stages.get("silver")?.amount ?? 0)} = ${format.pence(stages.get("gold")?.amount ?? 0)} in gold`, moneyDifference === 0 ? ", to the fourth decimal" : `: a difference of £${moneyDifference / Site.MONEY_UNITS}`)),
        addsUp ? "" : el("p.note", {}, "Silver holds what the last build read; gold is the release. They differ while a build is not published.")
      );
      return figure.element;
    }

    // --- checks ---------------------------------------------------------------------------------------------------------

    function checksSection() {
      const search = el("input", { type: "search", id: "check-search", placeholder: "name, reason or relation", oninput: fill });
      const owners = [...new Set(own.map(({ owner }) => owner ?? "–"))].sort();
      const owner = el("select", { id: "check-owner", onchange: fill }, [["", "All owners"], ...owners.map((name) => [name, name])].map(([value, text]) => el("option", { value }, text)));
      const result = el("select", { id: "check-state", onchange: fill }, [["", "All results"], ...[...new Set(own.map(state))].sort().map((word) => [word, word])].map(([value, text]) => el("option", { value }, text)));
      const count = el("p.note", { role: "status" });
      const body = el("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": "Checks" });
      const parts = d3.group(checks.filter(({ kind }) => kind !== "check"), ({ check_name: name }) => name);

      // What found something comes first.
      const byResult = [...own].sort((a, b) => (state(a) === "passed") - (state(b) === "passed") || a.position - b.position);

      function fill() {
        const wanted = search.value.trim().toLowerCase();
        const list = byResult.filter((check) =>
          (!owner.value || (check.owner ?? "–") === owner.value) &&
          (!result.value || state(check) === result.value) &&
          (!wanted || [check, ...(parts.get(check.check_name) ?? [])].some((of) => `${of.name} ${of.states} ${of.reason} ${of.protects}`.toLowerCase().includes(wanted)))
        );
        count.textContent = `${format.count(list.length)} of ${format.count(own.length)} checks`;
        body.replaceChildren(Charts.table({
          caption: "Checks",
          empty: "No check fits.",
          columns: [{ label: "Check" }, { label: "Owner" }, { label: "Severity" }, { label: "Last result" }, { label: "Days" }, { label: "Last found something" }],
          rows: list.map((check) => [
            entry(check, parts.get(check.check_name) ?? []),
            check.owner,
            check.severity,
            el("span", { class: tone[state(check)] ?? (check.last_status === null ? null : "bad") }, state(check), check.last_failures ? `, ${format.count(check.last_failures)} rows` : ""),
            strip(check.check_name),
            check.last_failed_at ? `${format.day(check.last_failed_at)}, ${format.count(check.rows_found_then)} rows` : "never",
          ]),
        }));
      }

      function entry(check, rules) {
        const rows = failing.filter(({ check_name: name }) => name === check.check_name);
        const names = rows.length ? Object.keys(rows[0].row) : [];
        return el("details.entry", {},
          el("summary", {}, el("code", {}, check.name)),
          el("p", {}, check.reason),
          el("p.note", {}, check.states),
          el("p.note", {}, `Protects ${check.protects}. ${format.count(check.runs ?? 0)} runs, ${format.count(check.passes ?? 0)} passed, ${format.count(check.warnings ?? 0)} warned.`),
          rules.length ? el("details", {}, el("summary", {}, `${rules.length} rules and references`), el("ul.rules", {}, rules.map((rule) => el("li", {}, el("code", {}, rule.name), ` ${rule.reason ?? rule.states}`)))) : null,
          rows.length ? el("p.note", {}, `Rows found: ${rows.length < rows[0].all_rows ? `the first ${rows.length} of ` : ""}${format.count(rows[0].all_rows)}. All are in audit.${check.check_name}.`) : null,
          rows.length ? el("div.scroll", { tabindex: "0", role: "region", "aria-label": `Rows found by ${check.name}` }, Charts.table({ caption: `Rows found by ${check.name}`, columns: names.map((name) => ({ label: name })), rows: rows.map(({ row }) => names.map((name) => (row[name] === null ? "–" : String(row[name])))) })) : null
        );
      }

      // One mark for each day with a run, the last days at the right.
      function strip(name) {
        const days = (history.get(name) ?? []).slice(-20);
        const bad = days.filter((day) => day.passes < day.runs);
        return el("span.strip", { role: "img", "aria-label": `${days.length} days with runs, ${bad.length} with findings` },
          days.map((day) => el("span", { class: day.passes === day.runs ? "pass" : day.passes + day.warnings === day.runs ? "warned" : "failed", title: `${format.day(day.ran_on)}: ${day.passes} of ${day.runs} runs passed` })));
      }

      fill();
      return el("section.card", { "aria-labelledby": "checks-title" },
        el("h3", { id: "checks-title" }, "Checks"),
        el("p.note", {}, "A hard check that finds a row stops the release; a soft one warns. Open a check for its reason and the rows that it found."),
        el("div.filters.inner", {},
          el("div.field", {}, el("label", { for: "check-search" }, "Search"), search),
          el("div.field", {}, el("label", { for: "check-owner" }, "Owner"), owner),
          el("div.field", {}, el("label", { for: "check-state" }, "Last result"), result)),
        count, body);
    }

    // --- quarantine and rejected rows -----------------------------------------------------------------------------------

    function quarantineFigure() {
      const ages = [[1, "up to a day"], [7, "up to a week"], [30, "up to 30 days"], [90, "up to 90 days"], [Infinity, "older"]];
      const now = Date.now();
      const age = (of) => ages.findIndex(([days]) => (now - of.first_seen_at) / Site.DAY <= days);
      const reasons = d3.rollups(waiting, (rows) => ({ lines: d3.sum(rows, (of) => of.lines), ages: ages.map((_, at) => d3.sum(rows.filter((of) => age(of) === at), (of) => of.lines)) }), (of) => of.quarantine_reasons ?? "–")
        .map(([name, of]) => ({ name, ...of })).sort((a, b) => b.lines - a.lines);
      return Charts.figure({
        title: "Quarantine by reason and age",
        note: "Rows that could not be typed wait here until a corrected file brings them again. Ages are as of now.",
        describe: reasons.slice(0, 3).map((of) => `${of.name}: ${of.lines}`).join(", "),
        empty: "Nothing is in quarantine.",
        draw: (width) => bars(width, reasons.slice(0, 12), { value: (of) => of.lines, text: (of) => `${format.count(of.lines)}, ${ages[d3.maxIndex(of.ages, (count, at) => (count ? at : -1))]?.[1] ?? ""}`, shade: "var(--c2)" }),
        table: reasons.length ? {
          columns: [{ label: "Reason" }, { label: "Rows", numeric: true }, ...ages.map(([, label]) => ({ label, numeric: true }))],
          rows: () => reasons.map((of) => [of.name, format.count(of.lines), ...of.ages.map((count) => (count ? format.count(count) : ""))]),
        } : null,
      }).element;
    }

    function rejectedFigure() {
      const byFile = d3.rollups(rejected.filter((of) => !of.is_file), (rows) => d3.sum(rows, (of) => of.rows), (of) => of.name).map(([name, rows]) => ({ name, rows })).sort((a, b) => b.rows - a.rows);
      const refused = rejected.filter((of) => of.is_file);
      return Charts.figure({
        title: "Rejected rows by file",
        note: `Rows that no reader could take apart.${refused.length ? ` ${format.count(refused.length)} files were refused as a whole.` : " No file was refused as a whole."}`,
        describe: byFile.slice(0, 3).map((of) => `${of.name}: ${of.rows}`).join(", "),
        empty: "No row was rejected.",
        draw: (width) => bars(width, byFile.slice(0, 12), { value: (of) => of.rows, text: (of) => format.count(of.rows), shade: "var(--c2)" }),
        table: rejected.length ? {
          columns: [{ label: "File" }, { label: "Reason" }, { label: "Rows", numeric: true }, { label: "First line", numeric: true }, { label: "When" }],
          rows: () => rejected.map((of) => [of.name, of.reason, of.is_file ? "the file" : format.count(of.rows), of.first_line === null ? "–" : format.count(of.first_line), format.day(of.seen_at)]),
        } : null,
      }).element;
    }

    // --- anomalies ------------------------------------------------------------------------------------------------------

    function anomalies() {
      const { expected } = tables;
      if (!expected.rows) return [el("p.empty", {}, "No day is rated yet: the first nine weeks have no past.")];
      const rows = d3.range(expected.rows);
      const unusual = rows.filter((row) => expected.values("is_anomaly")[row]).sort((a, b) => expected.values("date_day")[b] - expected.values("date_day")[a]);
      const money = new Set(["net_amount", "gross_amount", "largest_amount", "typical_price"]);
      const countries = expected.texts("country_name");
      const measures = expected.texts("measure");
      const words = (measure) => measure.replaceAll("_", " ");
      const figure = Charts.figure({ title: "" });
      const country = el("select", { id: "series-country", onchange: () => show() }, countries.map((name) => el("option", { value: name }, name)));
      const measure = el("select", { id: "series-measure", onchange: () => show() }, measures.map((name) => el("option", { value: name }, words(name))));

      function show() {
        const wantedCountry = countries.indexOf(country.value);
        const wantedMeasure = measures.indexOf(measure.value);
        const series = rows.filter((row) => expected.values("country_name")[row] === wantedCountry && expected.values("measure")[row] === wantedMeasure);
        const text = money.has(measure.value) ? format.pounds : (value) => format.count(value === null ? null : Math.round(100 * value) / 100);
        const days = series.map((row) => ({
          date: expected.get("date_day", row), value: expected.get("observed", row), low: expected.get("expected_low", row),
          high: expected.get("expected_high", row), middle: expected.get("expected", row), isAnomaly: expected.get("is_anomaly", row),
        }));
        const found = days.filter(({ isAnomaly }) => isAnomaly);
        figure.update({
          title: `${words(measure.value)}, ${country.value}`,
          note: `${format.count(found.length)} of ${format.count(days.length)} rated days are unusual.`,
          describe: found.slice(-5).map((of) => `${format.day(of.date)}: ${text(of.value)}, expected ${text(of.middle)}`).join("; "),
          legend: Charts.rangeLegend(words(measure.value)),
          empty: "This measure is not rated for this country.",
          draw: (width) => (days.length ? Charts.ranged(width, days, { tick: money.has(measure.value) ? format.poundsShort : format.short, text, height: 300 }) : null),
          table: {
            columns: [{ label: "Day" }, { label: "Observed", numeric: true }, { label: "Expected", numeric: true }, { label: "From", numeric: true }, { label: "To", numeric: true }],
            rows: () => found.map((of) => [format.weekday(of.date), text(of.value), text(of.middle), text(of.low), text(of.high)]),
          },
        });
      }
      function choose(row) {
        pick(expected.get("country_name", row), expected.get("measure", row));
      }

      const start = unusual.find((row) => expected.get("measure", row) === "net_amount") ?? unusual[0] ?? 0;
      country.value = expected.get("country_name", start);
      measure.value = expected.get("measure", start);
      show();
      const kinds = (kind) => (kind ?? "").replaceAll("_", " ");
      const found = tables.incidents.objects();
      const drifted = tables.drifts.objects();
      return [found.length ? incidentsCard(found) : "", drifted.length ? driftsCard(drifted) : "", el("div.grid.wide", {},
        el("div", {}, el("div.filters", {},
          el("div.field", {}, el("label", { for: "series-country" }, "Country"), country),
          el("div.field", {}, el("label", { for: "series-measure" }, "Measure"), measure)), figure.element),
        el("section.card", { "aria-labelledby": "unusual-title" },
          el("h3", { id: "unusual-title" }, "The latest"),
          el("p.note", {}, `${format.count(unusual.length)} unusual values. Choose one to see it in its series.`),
          el("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": "Unusual values" }, Charts.table({
            caption: "Unusual values",
            empty: "No value is unusual.",
            columns: [{ label: "Day" }, { label: "Series" }, { label: "Why" }],
            rows: unusual.slice(0, 60).map((row) => [
              format.day(expected.get("date_day", row)),
              el("button.link", { type: "button", onclick: () => choose(row) }, `${words(expected.get("measure", row))}, ${expected.get("country_name", row)}`),
              kinds(expected.get("kind", row)),
            ]),
          }))))];

      // Alarms of one cause are one incident. What is expected or acknowledged is a line of a seed.
      function incidentsCard(list) {
        const open = list.filter(({ status, severity }) => status === "open" && severity === "alarm");
        const span = (of) => (+of.first_date === +of.last_date ? format.day(of.first_date) : `${format.day(of.first_date)} to ${format.day(of.last_date)}`);
        return el("section.card", { "aria-labelledby": "incidents-title" },
          el("h3", { id: "incidents-title" }, "Incidents"),
          el("p.note", {}, `Unusual values of one cause are one incident. ${format.count(open.length)} of ${format.count(list.length)} are open alarms. To close one, add its line to seeds/known_incidents.csv as expected or acknowledged.`),
          el("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": "Incidents" }, Charts.table({
            caption: "Incidents",
            columns: [{ label: "Incident" }, { label: "When" }, { label: "At stake", numeric: true }, { label: "State" }, { label: "Series" }],
            rows: list.map((of) => [
              el("details.entry", {},
                el("summary", {}, of.reason),
                of.known_reason ? el("p.note", {}, `${of.status} by ${of.declared_by ?? "–"}: ${of.known_reason}`) : [
                  el("p.note", {}, "The lines to choose between; say why and who:"),
                  ["expected", "acknowledged"].map((status) => el("pre", { tabindex: "0" }, csv([of.scope, isoDay(of.first_date), isoDay(of.last_date), status, "why", "who"]))),
                ]),
              span(of),
              format.pounds(of.stake_amount),
              el("span", { class: of.status === "open" ? (of.severity === "alarm" ? "bad" : null) : "good" }, of.status === "open" ? `open ${of.severity}` : of.status),
              countries.includes(of.country_name) && measures.includes(of.main_measure)
                ? el("button.link", { type: "button", onclick: () => pick(of.country_name, of.main_measure) }, `${words(of.main_measure)}, ${of.country_name}`)
                : words(of.measures ?? of.main_measure),
            ]),
          })));
      }
      // Right line by line, and wrong as a whole: no rule about rows finds it.
      function driftsCard(list) {
        return el("section.card", { "aria-labelledby": "drifts-title" },
          el("h3", { id: "drifts-title" }, "Columns that look different"),
          el("p.note", {}, `The profile of release ${format.count(list[0].release)}, beside that of release ${format.count(list[0].was_release)}. The check assert_no_column_drifts warns of these.`),
          el("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": "Columns that look different" }, Charts.table({
            caption: "Columns that look different",
            columns: [{ label: "Column" }, { label: "Measure" }, { label: "Was" }, { label: "Is" }],
            rows: list.map((of) => [of.column_name ? `${of.relation}.${of.column_name}` : of.relation, of.measure, of.was_value, of.is_value]),
          })));
      }
      function pick(name, wanted) {
        country.value = name;
        measure.value = wanted;
        show();
        figure.element.scrollIntoView({ block: "nearest" });
      }
    }
    function isoDay(date) {
      return date.toISOString().slice(0, 10);
    }
    function csv(cells) {
      return cells.map((cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",");
    }
    return null;
  },
});
