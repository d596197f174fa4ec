"use strict";
Site.view({
  id: "service",
  title: "Service",
  needs: ["releases", "release_changes", "release_sources", "freshness", "files", "runs", "steps", "checks"],
  render(root, tables) {
    const { el, format, DAY } = Site;
    const { bars, colour, plot } = Charts;
    const now = new Date();
    const releases = tables.releases.objects();
    const sources = tables.freshness.objects();
    const runs = tables.runs.objects();
    const files = tables.files.objects();
    const changes = tables.release_changes.objects();
    const held = d3.group(tables.release_sources.objects(), ({ release_id: release }) => release);
    const flapping = tables.checks.objects().filter(({ kind, is_flapping: flaps }) => kind === "check" && flaps);
    const HOUR = DAY / 24;
    const WORD = { met: "met", late: "late", missed: "missed", none: "no file yet" };
    const TONE = { met: "good", late: "warn", missed: "bad" };

    // An age in words.
    function age(milliseconds) {
      const hours = milliseconds / HOUR;
      if (hours < 1) return `${Math.max(0, Math.round(hours * 60))} minutes`;
      if (hours < 48) return `${Math.round(hours)} hours`;
      return `${format.count(Math.round(hours / 24))} days`;
    }
    const duration = (seconds) => (seconds === null ? "–" : seconds >= 90 ? `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s` : `${Math.round(10 * seconds) / 10} s`);

    // What readers could see of a source at a time, against the age at which the source's YAML warns and fails.
    function kept(source, moment) {
      const release = releases.find(({ published_at: at }) => at <= moment);
      const of = release && (held.get(release.release_id) ?? []).find(({ source: name }) => name === source.source);
      if (!of) return { state: "none", age: null };
      const old = moment - of.last_landed_at;
      const state = source.warn_hours !== null && old <= source.warn_hours * HOUR ? "met" : source.error_hours !== null && old <= source.error_hours * HOUR ? "late" : "missed";
      return { state, age: old, landed: of.last_landed_at };
    }

    const first = releases.length ? releases[releases.length - 1].published_at : now;
    const today = Math.floor(now / DAY);
    const days = d3.range(Math.max(Math.floor(first / DAY), today - 89), today + 1);
    const agreed = days.flatMap((day) => sources.map((source) => ({ day, date: new Date(day * DAY), source: source.source, ...kept(source, new Date(Math.min((day + 1) * DAY, +now))) })));
    const judged = agreed.filter(({ state }) => state !== "none");
    const met = judged.filter(({ state }) => state === "met").length;
    const release = releases.find(({ is_published: is }) => is) ?? releases[0];
    const lastRun = runs[0];

    root.append(
      el("h2", {}, "Service"),
      Charts.tiles([
        { name: "age", label: "Age of the release", value: release ? age(now - release.published_at) : "–", detail: release ? `release ${release.release_id}, ${format.time(release.published_at)}` : "" },
        { name: "sla", label: "Freshness met, last 90 days", value: judged.length ? format.percent(met / judged.length) : "–", detail: `${format.count(met)} of ${format.count(judged.length)} days and sources`, tone: met === judged.length ? "good" : "warn" },
        { name: "run", label: "Last build", value: lastRun ? duration(lastRun.seconds) : "–", detail: lastRun ? `${lastRun.status}, ${format.time(lastRun.started_at)}` : "", tone: lastRun?.status === "success" ? "good" : "bad" },
        { name: "flapping", label: "Flapping checks", value: format.count(flapping.length), detail: flapping.length ? "see below" : "none", tone: flapping.length ? "warn" : "good" },
      ]),
      el("div.grid", {}, freshnessCard(), agreedFigure()),
      el("div.grid", {}, runsFigure(), stepsFigure()),
      releasesCard(),
      changesCard(),
      flappingCard()
    );

    function card(title, note, ...content) {
      const id = `card-${title.replace(/\W+/g, "-").toLowerCase()}`;
      return el("section.card", { "aria-labelledby": id }, el("h3", { id }, title), note ? el("p.note", {}, note) : null, ...content);
    }
    function scroll(label, table) {
      return el("div.scroll", { tabindex: "0", role: "region", "aria-label": label }, table);
    }

    function freshnessCard() {
      const landed = d3.group(files, ({ source }) => source);
      return card(
        "Freshness by source",
        "As of now. A source is late after the age at which its YAML file warns, and missed after the age at which it fails.",
        scroll("Freshness by source", Charts.table({
          caption: "Freshness by source",
          empty: "No source declares a freshness.",
          columns: [{ label: "Source" }, { label: "State" }, { label: "Last file" }, { label: "Files", numeric: true }, { label: "Late after" }, { label: "Missed after" }],
          rows: sources.map((source) => {
            const own = landed.get(source.source) ?? [];
            const last = d3.greatest(own, ({ landed_at: at }) => at);
            const { state } = kept(source, now);
            return [
              source.source,
              el("span", { class: TONE[state] ?? null }, WORD[state]),
              last ? `${age(now - last.landed_at)} ago` : "–",
              format.count(own.length),
              source.warn_hours === null ? "–" : age(source.warn_hours * HOUR),
              source.error_hours === null ? "–" : age(source.error_hours * HOUR),
            ];
          }),
        })));
    }

    function agreedFigure() {
      const shade = { met: colour.good, late: colour.warn, missed: colour.bad };
      const shown = agreed.map((of) => ({ ...of, mark: { met: "✓", late: "!", missed: "✗", none: "" }[of.state] }));
      return Charts.figure({
        title: "Freshness met or missed by day",
        note: "The agreement is the freshness that the sources declare. Each day is judged at its end, by the release that readers saw then.",
        describe: `${met} of ${judged.length} met.`,
        empty: "There is no day to judge yet.",
        legend: [{ label: "Met ✓", colour: colour.good }, { label: "Late !", colour: colour.warn }, { label: "Missed ✗", colour: colour.bad }],
        draw: (width) => {
          if (!judged.length) return null;
          const size = Math.min(26, (width - 108) / days.length);
          return plot(width, {
            width: Math.min(width, 108 + days.length * size),
            height: sources.length * 34 + 42,
            marginLeft: 92,
            x: { type: "band", domain: days, tickSize: 0, tickFormat: (day) => ((today - day) % Math.ceil(60 / size) === 0 ? new Date(day * DAY).toLocaleString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }) : ""), padding: 0.1 },
            y: { type: "band", domain: sources.map(({ source }) => source), tickSize: 0, padding: 0.1 },
            marks: [
              Plot.cell(shown.filter(({ state }) => state !== "none"), { x: "day", y: "source", fill: ({ state }) => shade[state], rx: 2, title: (of) => `${of.source}, ${format.day(of.date)}: ${WORD[of.state]}, ${age(of.age)} old` }),
              size >= 12 ? Plot.text(shown, { x: "day", y: "source", text: "mark", fill: "var(--surface)", fontWeight: 700 }) : null,
            ],
          });
        },
        table: {
          columns: [{ label: "Day" }, { label: "Source" }, { label: "State" }, { label: "Age" }],
          rows: () => [...agreed].reverse().map((of) => [format.day(of.date), of.source, WORD[of.state], of.age === null ? "–" : age(of.age)]),
        },
      }).element;
    }

    function runsFigure() {
      const list = runs.slice(0, 20).reverse().map((run, at) => ({ ...run, at }));
      return Charts.figure({
        title: "Build times",
        note: `The last ${list.length === 1 ? "run" : `${list.length} runs`} of dbt, the newest at the right.`,
        describe: lastRun ? `The last took ${duration(lastRun.seconds)}.` : "",
        empty: "No run is on record.",
        legend: [{ label: "Succeeded", colour: colour.main }, { label: "Failed", colour: colour.bad }],
        draw: (width) => list.length ? plot(width, {
          height: 240,
          marginLeft: 48,
          x: { type: "band", domain: list.map(({ at }) => at), tickSize: 0, tickFormat: (at) => (at === 0 || at === list.length - 1 ? list[at].started_at.toLocaleString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" }) : ""), padding: 0.25, ...(list.length < 6 ? { insetRight: width * (1 - list.length / 6) * 0.8 } : {}) },
          y: { grid: true, ticks: 5, tickFormat: (seconds) => `${seconds} s`, nice: true },
          marks: [
            Plot.barY(list, { x: "at", y: "seconds", fill: ({ status }) => (status === "success" ? colour.main : colour.bad), title: (run) => `${run.command}\n${format.time(run.started_at)}\n${run.status}, ${duration(run.seconds)}` }),
            Plot.ruleY([0], { stroke: colour.rule }),
          ],
        }) : null,
        table: {
          columns: [{ label: "Started" }, { label: "Command" }, { label: "Result" }, { label: "Took", numeric: true }, { label: "Release", numeric: true }, { label: "Code" }],
          rows: () => runs.map((run) => [format.time(run.started_at), run.command, run.status, duration(run.seconds), run.release_id === null ? "–" : String(run.release_id), run.git_commit]),
        },
      }).element;
    }

    function stepsFigure() {
      const { steps } = tables;
      const invocation = lastRun?.invocation_id;
      const list = steps.objects().filter((step) => step.invocation_id === invocation).map((step) => ({ ...step, seconds: Number(step.seconds) })).sort((a, b) => b.seconds - a.seconds);
      return Charts.figure({
        title: "Build times by step",
        note: `The slowest of the ${format.count(list.length)} steps of the last run. Steps run side by side, so their times add up to more than the build.`,
        describe: list.slice(0, 3).map((step) => `${step.name} ${duration(step.seconds)}`).join(", "),
        empty: "No step is on record.",
        draw: (width) => bars(width, list.slice(0, 10), { value: ({ seconds }) => seconds, text: ({ seconds, resource_type: type }) => `${type} · ${duration(seconds)}` }),
        table: {
          columns: [{ label: "Step" }, { label: "Kind" }, { label: "Result" }, { label: "Took", numeric: true }, { label: "Rows", numeric: true }],
          rows: () => list.map((step) => [step.name, step.resource_type, step.status, duration(step.seconds), step.rows_affected === null ? "–" : format.count(step.rows_affected)]),
        },
      }).element;
    }

    function releasesCard() {
      return card(
        "Releases and rollbacks",
        null,
        scroll("Releases and rollbacks", Charts.table({
          caption: "Releases and rollbacks, the newest first",
          columns: [{ label: "Release", numeric: true }, { label: "Kind" }, { label: "Published" }, { label: "Until" }, { label: "Files", numeric: true }, { label: "Checks" }, { label: "Code" }],
          rows: releases.map((of) => [
            String(of.release_id),
            el("span", { class: of.kind === "rollback" ? "warn" : null }, of.kind === "rollback" ? `rollback of ${of.rolled_back}` : of.taken_back_by ? `taken back by ${of.taken_back_by}` : "release"),
            format.time(of.published_at),
            of.published_until ? format.time(of.published_until) : "now",
            format.count(of.files),
            `${format.count(of.checks_passed)} passed${of.checks_warned ? `, warned: ${of.checks_warned}` : ""}`,
            of.git_commit,
          ]),
        })));
    }

    function changesCard() {
      return card(
        "What releases changed",
        "Each release is compared with the one before, row by row and by primary key.",
        scroll("What releases changed", Charts.table({
          caption: "What releases changed, the newest first",
          empty: "No release has changed a row of another one yet.",
          columns: [{ label: "Release", numeric: true }, { label: "Relation" }, { label: "What changed" }],
          rows: changes.map((of) => [String(of.release_id), of.relation, of.in_words]),
        })));
    }

    function flappingCard() {
      return card(
        "Flapping checks",
        "A check flaps if its result changed often in its last runs: fix it or its threshold, because people stop believing it.",
        scroll("Flapping checks", Charts.table({
          caption: "Flapping checks",
          empty: "No check flaps.",
          columns: [{ label: "Check" }, { label: "Owner" }, { label: "Changes in the last runs", numeric: true }, { label: "Runs", numeric: true }, { label: "Passed", numeric: true }, { label: "Warned", numeric: true }],
          rows: flapping.map((check) => [check.name, check.owner, format.count(check.recent_changes), format.count(check.runs), format.count(check.passes), format.count(check.warnings)]),
        })));
    }
    return null;
  },
});
