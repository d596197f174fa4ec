"use strict";
// The history of a customer or product on both axes of time: when something was true, and when the warehouse knew it.
(() => {
  const { el, format, DAY, link } = Site;
  const KINDS = {
    customer: { title: "Customer", many: "customers", table: "customer_versions", key: "customer_id", shows: ["segment", "country_name"], as: "dim_customer_as_known", history: "snp_customer_versions" },
    product: { title: "Product", many: "products", table: "product_versions", key: "stock_code", shows: ["description", "price_band", "categories", "product_class"], as: "dim_product_as_known", history: "snp_product_versions" },
  };
  const LABELS = { segment: "Segment", country_name: "Country", description: "Description", price_band: "Price band", categories: "Categories", product_class: "Class" };
  const MISSING = "none";

  // The versions of one kind, by key.
  function read(kind, tables, steps) {
    const { table, key, shows } = KINDS[kind];
    const data = tables[table];
    const stepOf = new Map(steps.flatMap(({ moments }, at) => moments.map((moment) => [moment, at])));
    const of = new Map();
    for (let row = 0; row < data.rows; row += 1) {
      const id = String(data.get(key, row));
      const to = data.get("known_to", row);
      const version = {
        from: data.values("valid_from")[row],
        known: stepOf.get(data.get("known_from", row)),
        until: to === null ? Infinity : stepOf.get(to),
        values: shows.map((name) => data.get(name, row)),
      };
      if (!of.has(id)) of.set(id, []);
      of.get(id).push(version);
    }
    const keys = [...of].map(([id, versions]) => ({
      id,
      versions,
      states: new Set(versions.flatMap(({ known, until }) => [known, until]).filter(Number.isFinite)).size,
      words: kind === "product" ? [...new Set(versions.map(({ values }) => values[0]).filter(Boolean))].join(", ") : "",
    }));
    keys.sort((a, b) => b.states - a.states || b.versions.length - a.versions.length || (a.id < b.id ? -1 : 1));
    return { ...KINDS[kind], kind, keys, of: new Map(keys.map((each) => [each.id, each])), index: Search.index(keys.map((each) => ({ ...each, name: each.id, text: each.words, weight: each.states > 1 ? 5 : 0 }))) };
  }

  // Returns what was known at a step, as versions with their last day: [{from, to, values}].
  function known(versions, step) {
    const valid = versions.filter((version) => version.known <= step && version.until > step).sort((a, b) => a.from - b.from);
    return valid.map((version, at) => ({ ...version, to: at + 1 < valid.length ? valid[at + 1].from : Infinity }));
  }

  const at = (versions, step, day) => known(versions, step).find(({ from, to }) => from <= day && day < to) ?? null;
  const same = (a, b) => a && b && a.values.every((value, place) => value === b.values[place]);
  const date = (day) => (day === Infinity ? "open" : format.day(new Date(day * DAY)));
  const iso = (day) => new Date(day * DAY).toISOString().slice(0, 10);
  const dayOf = (text) => Math.round(Date.parse(text) / DAY);

  Site.view({
    id: "history",
    title: "History",
    needs: ["customer_versions", "product_versions", "history_steps", "history_sizes"],
    render(root, tables, context) {
      const steps = Array.from({ length: tables.history_steps.rows }, (_, row) => ({
        moments: tables.history_steps.get("moments", row),
        at: tables.history_steps.get("known_from", row),
        release: tables.history_steps.get("release_id", row),
      }));
      root.append(
        el("h2", {}, "History"),
        el("p.lead", {}, "Choose a customer or a product to see what was true when, and what the warehouse knew when. A late or corrected file changes the past: each state of knowledge stays on record.")
      );
      if (!steps.length) {
        root.append(el("p.empty", {}, "The warehouse has no versions of customers or products yet."));
        return null;
      }
      const last = steps.length - 1;
      const stepName = (step) => `${format.time(steps[step].at)}${steps[step].release === null ? ", not published" : `, release ${steps[step].release}`}`;
      const sets = {};
      const set = (kind) => (sets[kind] ??= read(kind, tables, steps));
      const frame = el("div.stack");
      const kinds = el("div.choices", { role: "group", "aria-label": "Customer or product" });
      const find = el("div");
      root.append(kinds, find, frame);

      function update(params) {
        const kind = params.kind in KINDS ? params.kind : "customer";
        const data = set(kind);
        kinds.replaceChildren(...Object.entries(KINDS).map(([name, { title }]) => el("button.quiet", { type: "button", "aria-pressed": String(name === kind), onclick: () => context.set({ kind: name, id: null, day: null, known: null, show: null }) }, title)));
        if (find.dataset.kind !== kind) {
          find.dataset.kind = kind;
          find.replaceChildren(field(data).element);
        }
        if (!data.keys.length) {
          frame.replaceChildren(el("p.empty", {}, `The warehouse knows no ${data.many} yet.`));
          return;
        }
        const chosen = data.of.get(params.id ?? data.keys[0].id);
        frame.replaceChildren(...(chosen ? subject(data, chosen, params) : [el("p.empty", { role: "status" }, `The page has no ${kind} ${params.id}. `, omitted(data) ?? `No ${kind} of this ${data.key === "customer_id" ? "number" : "code"} is known.`)]), leftOut(data));
      }

      function field(data) {
        return Search.field({
          id: `history-${data.kind}`,
          label: data.kind === "customer" ? "Search a customer by number" : "Search a product by stock code or description",
          placeholder: data.kind === "customer" ? `Customer number, e.g. ${data.keys[0]?.id ?? ""}` : "Stock code or description",
          results: (query) => (query.trim() ? Search.find(data.index, query, 30) : data.keys.slice(0, 8)),
          line: (entry, query) => [
            el("span.kind", {}, `${format.count(entry.versions.length)} version${entry.versions.length === 1 ? "" : "s"}`),
            el("span.name", {}, Search.marked(entry.id, query)),
            el("span.text", {}, Search.marked(entry.words || (entry.states > 1 ? `${entry.states} states of knowledge` : ""), query)),
          ],
          choose: (entry) => context.set({ id: entry.id, day: null, known: null }, { replace: false }),
          none: () => [`No ${data.kind} on this page is named so. `, omitted(data)].filter(Boolean),
        });
      }

      // How many keys the page leaves out, in words; null if it has all.
      function omitted(data) {
        const sizes = tables.history_sizes.objects().find(({ kind }) => kind === data.kind);
        const missing = (sizes?.keys ?? 0) - data.keys.length;
        return missing > 0 ? `The page has ${format.count(data.keys.length)} of ${format.count(sizes.keys)} ${data.many}: those with corrections first, then those with most versions.` : null;
      }

      function leftOut(data) {
        const missing = omitted(data);
        return el("p.note", { "data-name": "left-out" },
          missing ?? `The page has all ${format.count(data.keys.length)} ${data.many} that the release knows. `,
          missing ? " Ask for the others in SQL: " : "In SQL: ",
          el("code", {}, `select * from history.${data.history} where ${data.key} = ${data.kind === "customer" ? "12346" : "'85123A'"} order by valid_from, dbt_valid_from`));
      }

      function subject(data, { id, versions, words, states }, params) {
        const first = Math.min(...versions.map(({ from }) => from));
        const lastFrom = Math.max(...versions.map(({ from }) => from));
        const end = lastFrom + Math.max(30, Math.round((lastFrom - first) * 0.12));
        const given = params.day ? dayOf(params.day) : NaN;
        const day = Number.isFinite(given) ? given : lastFrom;
        const asked = params.known === undefined || params.known === "" ? NaN : Number(params.known);
        const step = Number.isInteger(asked) && asked >= 0 && asked <= last ? asked : last;
        // By default, the first attribute that has changed.
        const changed = data.shows.find((_, number) => new Set(versions.map(({ values }) => values[number])).size > 1);
        const show = data.shows.includes(params.show) ? params.show : changed ?? data.shows[0];
        const place = data.shows.indexOf(show);
        // A band for each state of knowledge of this key, the newest first.
        const changes = [...new Set(versions.flatMap(({ known: from, until }) => [from, until]))].filter(Number.isFinite).sort((a, b) => a - b);
        const bands = changes.map((from, number) => ({ from, to: number + 1 < changes.length ? changes[number + 1] : Infinity, versions: known(versions, from), before: number ? known(versions, changes[number - 1]) : null })).reverse();
        const texts = [...new Set(versions.map(({ values }) => values[place] ?? MISSING))];
        const shade = (text) => Charts.colour.series[texts.indexOf(text) % Charts.colour.series.length];
        return [
          el("section.card", { "data-name": "history" },
            el("h3", {}, `${data.title} ${id}`),
            words ? el("p.note", {}, words) : null,
            el("p.note", {}, `${format.count(versions.length)} version${versions.length === 1 ? "" : "s"} in ${states === 1 ? "one state of knowledge: nothing was corrected since" : `${states} states of knowledge`}.`),
            controls(data, { day, step, show, first, end }),
            answer(data, id, versions, { day, step }),
            chart({ data, id, bands, first, end, day, step, place, shade, show })),
          lists(data, id, versions, step),
        ];
      }

      function controls(data, { day, step, show, first, end }) {
        return el("div.choices", { role: "group", "aria-label": "What to ask" },
          el("label.check", {}, "True on ", el("input", { type: "date", value: iso(day), min: iso(first), max: iso(end), onchange: (event) => event.target.value && context.set({ day: event.target.value }) })),
          el("label.check", {}, "as known since ", el("select", { onchange: (event) => context.set({ known: event.target.value }) }, steps.map((_, number) => el("option", { value: String(number), selected: number === step }, stepName(number))).reverse())),
          el("label.check", {}, "colour by ", el("select", { onchange: (event) => context.set({ show: event.target.value }) }, data.shows.map((name) => el("option", { value: name, selected: name === show }, LABELS[name])))));
      }

      function said(data, version) {
        return data.shows.map((name, place) => `${LABELS[name].toLowerCase()} ${version.values[place] ?? MISSING}`).join(", ");
      }

      function answer(data, id, versions, { day, step }) {
        const then = at(versions, step, day);
        const now = at(versions, last, day);
        const parts = [then ? said(data, then) : `no version was known for this day`];
        if (step !== last) parts.push(same(then, now) || (!then && !now) ? "The same is known today." : `Known today: ${now ? said(data, now) : "no version"}.`);
        // The end of the step: a moment of its last run, to the microsecond.
        const moment = `${steps[step].moments[steps[step].moments.length - 1]}+00`;
        const key = data.kind === "customer" ? id : `'${id.replace(/'/g, "''")}'`;
        const query = `select * from gold.${data.as}('${moment}')\nwhere ${data.key} = ${key} and '${iso(day)}' >= valid_from and '${iso(day)}' < valid_to`;
        return el("div.answer", {},
          el("p", { "data-name": "answer", role: "status" }, `On ${date(day)}, as known since ${stepName(step)}: `, el("strong", {}, parts[0]), ". ", parts[1] ?? null),
          el("details", {}, el("summary", {}, "The same in SQL"), el("pre", { tabindex: "0" }, el("code", {}, query))));
      }

      function chart({ data, id, bands, first, end, day, step, place, shade, show }) {
        const title = `${LABELS[show]} by valid time and system time`;
        return Charts.figure({
          title,
          note: "Across: when it was true in the shop. Upwards: when the warehouse knew it, the newest state on top. A bar on top of a version marks what differs from the state below it. Click to ask about a day and a state.",
          describe: `${bands.length} states of knowledge. ${bands.map((band) => `As known since ${stepName(band.from)}: ${band.versions.map((version) => `${version.values[place] ?? MISSING} from ${date(version.from)}`).join(", ")}`).slice(0, 3).join(". ")}.`,
          draw: (width) => drawing({ bands, width, first, end, day, step, place, shade }),
          table: {
            columns: [{ label: "Known since" }, { label: "Known until" }, { label: "True from" }, { label: "True until" }, { label: LABELS[show] }],
            rows: () => bands.flatMap((band) => band.versions.map((version) => [stepName(band.from), band.to === Infinity ? "now" : stepName(band.to), date(version.from), date(version.to), version.values[place] ?? MISSING])),
          },
        }).element;
      }

      function drawing({ bands, width, first, end, day, step, place, shade }) {
        const [high, gap, top, foot] = [40, 22, 4, 26];
        const height = top + bands.length * (high + gap) + foot;
        const x = d3.scaleUtc([new Date(first * DAY), new Date(end * DAY)], [1, width - 1]);
        const across = (value) => Math.max(1, Math.min(width - 1, x(new Date(Math.min(value, end) * DAY))));
        const svg = d3.create("svg").attr("viewBox", [0, 0, width, height]).attr("width", width).attr("height", height).attr("class", "bitemporal");
        bands.forEach((band, number) => {
          const y = top + number * (high + gap) + gap - 6;
          const isAsked = band.from <= step && step < band.to;
          const group = svg.append("g").attr("class", isAsked ? "band is-asked" : "band");
          group.append("text").attr("class", "caption").attr("x", 1).attr("y", y - 5).text(`Known since ${stepName(band.from)}${band.to === Infinity ? " until now" : ""}`);
          for (const version of band.versions) {
            const [left, right] = [across(version.from), across(version.to)];
            const text = version.values[place] ?? MISSING;
            const piece = group.append("g");
            piece.append("rect").attr("class", "version").attr("x", left).attr("y", y).attr("width", Math.max(1, right - left - 1)).attr("height", high).style("--shade", shade(text));
            piece.append("rect").attr("class", "edge-of-version").attr("x", left).attr("y", y).attr("width", Math.min(3, Math.max(1, right - left - 1))).attr("height", high).style("--shade", shade(text));
            const before = band.before?.find((other) => other.from <= version.from && version.from < other.to);
            const isNew = band.before && !(before && before.from === version.from && before.to === version.to && same(before, version));
            if (isNew) piece.append("rect").attr("class", "differs").attr("x", left).attr("y", y).attr("width", Math.max(1, right - left - 1)).attr("height", 4);
            const room = Math.floor((right - left - 14) / 6.6);
            if (room > 2) piece.append("text").attr("x", left + 8).attr("y", y + high / 2 + 5).text(text.length > room ? `${text.slice(0, room - 1)}…` : text);
            piece.append("title").text(`${text}: true from ${date(version.from)} until ${date(version.to)}, known since ${stepName(band.from)}${isNew ? "; differs from the state before" : ""}`);
          }
        });
        if (day >= first && day <= end) svg.append("line").attr("class", "asked-day").attr("x1", across(day)).attr("x2", across(day)).attr("y1", top).attr("y2", height - foot);
        svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - foot + 2})`).call(d3.axisBottom(x).ticks(Math.max(2, width / 110)).tickSizeOuter(0));
        svg.on("click", (event) => {
          const [px, py] = d3.pointer(event, svg.node());
          const number = Math.max(0, Math.min(bands.length - 1, Math.floor((py - top) / (high + gap))));
          context.set({ day: iso(Math.floor(+x.invert(px) / DAY)), known: String(Math.min(last, bands[number].to - 1)) });
        });
        return svg.node();
      }

      function lists(data, id, versions, step) {
        const now = known(versions, step);
        const cells = (version) => version.values.map((value) => value ?? MISSING);
        return el("div.stack", {},
          el("section.card", { "data-name": "true-when" }, el("h3", {}, "What was true when"), el("p.note", {}, `As known since ${stepName(step)}.`),
            el("div.scroll", { tabindex: "0", role: "region", "aria-label": "What was true when" }, Charts.table({
              columns: [{ label: "From" }, { label: "Until before" }, ...data.shows.map((name) => ({ label: LABELS[name] }))],
              rows: now.map((version) => [date(version.from), date(version.to), ...cells(version)]),
              empty: "Nothing was known of it then.",
            }))),
          el("section.card", { "data-name": "known-when" }, el("h3", {}, "What we knew when"), el("p.note", {}, "Each version with the time during which the warehouse believed it."),
            el("div.scroll", { tabindex: "0", role: "region", "aria-label": "What we knew when" }, Charts.table({
              columns: [{ label: "From" }, ...data.shows.map((name) => ({ label: LABELS[name] })), { label: "Known since" }, { label: "Known until" }],
              rows: [...versions].sort((a, b) => a.from - b.from || a.known - b.known).map((version) => [date(version.from), ...cells(version), stepName(version.known), version.until === Infinity ? "now" : stepName(version.until)]),
            }))));
      }

      update(context.params);
      return update;
    },
  });
})();
