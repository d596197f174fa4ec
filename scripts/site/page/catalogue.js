"use strict";
// The catalogue: search over everything that is declared, and a page for each relation, column, check, term and so on.
Site.view({
  id: "catalogue",
  title: "Catalogue",
  needs: ["catalogue"],
  render(root, { catalogue }, context) {
    const { el, format, link, go } = Site;
    const all = catalogue.rows ? catalogue.values("content")[0] : null;
    if (!all) {
      root.append(el("h2", {}, "Catalogue"), el("p.empty", {}, "This page was written without a catalogue."));
      return null;
    }
    const LAYERS = {
      gold: "The star schema and the marts: query these",
      silver: "Typed and classified lines, and what is derived from them",
      history: "Every version that was ever known, and when",
      profiles: "Personal data of the customer master: its tables and columns are listed here, and no page shows a value",
      bronze: "The files as delivered, and the ledger of landed files",
      audit: "How builds and checks went",
    };
    const KINDS = { relation: "relation", column: "column", metric: "metric", check: "check", term: "term", exposure: "exposure", owner: "owner" };
    const MADE = {
      incremental_by_key: "table, built incrementally by key",
      incremental_by_partition: "partitioned table, built incrementally by partition",
      stable_view: "view",
      published_view: "view, part of the release",
      seed: "seed: a file of the project",
      snapshot: "snapshot: rows are closed, never rewritten",
      function: "function that returns rows",
    };
    const href = (at) => link("catalogue", { at });
    const relations = new Map(all.relations.map((relation) => [relation.name, relation]));
    const columns = new Map(all.relations.flatMap((relation) => relation.columns.map((column) => [`${relation.name}.${column.name}`, { relation, column }])));
    const owners = new Map(all.owners.map((owner) => [owner.name, owner]));
    const checks = new Map(all.checks.map((check) => [check.name, check]));
    const lineage = Lineage.read(all.lineage);
    const bare = new Map(all.relations.map((relation) => [relation.name.split(".").pop(), relation.name]));

    // What protects a relation or column, by its name.
    const guards = new Map();
    for (const check of all.checks) for (const name of check.protects) guards.set(name, [...(guards.get(name) ?? []), check]);
    const exposuresOf = d3.rollup(all.exposures.flatMap((exposure) => exposure.uses.map((name) => [name, exposure])), (pairs) => pairs.map(([, each]) => each), ([name]) => name);
    const metricsOf = d3.rollup(all.metrics.flatMap((metric) => metric.uses.map((name) => [name, metric])), (pairs) => pairs.map(([, each]) => each), ([name]) => name);
    const readersOf = d3.rollup(all.relations.flatMap((relation) => relation.reads.map((name) => [name, relation.name])), (pairs) => pairs.map(([, each]) => each), ([name]) => name);

    // The address of what a piece of code in a description names: a relation, or a column of the present relation.
    const named = (within) => (code) => {
      const name = relations.has(code) ? code : bare.get(code);
      if (name) return name === within ? null : href(name);
      if (within && columns.has(`${within}.${code}`)) return href(`${within}.${code}`);
      const [head, ...rest] = code.split(".");
      const full = bare.has(head) ? `${bare.get(head)}.${rest.join(".")}` : code;
      return columns.has(full) ? href(full) : null;
    };
    const prose = (text, within) => (text?.trim() ? el("div.prose", {}, Markdown.blocks(text, named(within))) : el("p.empty", {}, "No description is declared."));
    const owned = (name) => (owners.has(name) ? el("a", { href: href(`owner:${name}`) }, owners.get(name).title) : name ?? "none declared");

    // --- search -------------------------------------------------------------------------------------------------------

    const weight = { gold: 14, silver: 4, history: 3, profiles: 3, bronze: 4, audit: 0 };
    const entries = [
      ...all.relations.map(({ name, layer, description }) => ({ at: name, kind: "relation", name, text: description, weight: 18 + weight[layer] })),
      ...[...columns].map(([name, { relation, column }]) => ({ at: name, kind: "column", name, text: column.description, weight: weight[relation.layer] })),
      ...all.metrics.map(({ name, label, description, synonyms }) => ({ at: `metric:${name}`, kind: "metric", name: label, text: `${name}. ${description} ${synonyms.join(", ")}`, weight: 20 })),
      ...all.checks.map(({ name, states, reason }) => ({ at: `check:${name}`, kind: "check", name, text: `${states} ${reason}`, weight: 4 })),
      ...all.terms.map(([term, text]) => ({ at: `term:${term}`, kind: "term", name: term, text, weight: 22 })),
      ...all.exposures.map(({ name, label, description }) => ({ at: `exposure:${name}`, kind: "exposure", name: label, text: `${name} ${description}`, weight: 12 })),
      ...all.owners.map(({ name, title, email, description }) => ({ at: `owner:${name}`, kind: "owner", name: title, text: `${name} ${email} ${description}`, weight: 12 })),
    ];
    const index = Search.index(entries.map((entry) => ({ ...entry, text: (entry.text ?? "").replace(/[`*]/g, "") })));
    const search = Search.field({
      id: "catalogue-search",
      label: "Search relations, columns, metrics, checks, terms, exposures and owners",
      placeholder: "Search everything, e.g. net amount",
      results: (query) => Search.find(index, query),
      line: (entry, query) => [
        el("span.kind", {}, KINDS[entry.kind]),
        el("span.name", {}, Search.marked(entry.name, query)),
        el("span.text", {}, Search.marked(Search.excerpt(entry.text, query), query)),
      ],
      choose: (entry) => go("catalogue", { at: entry.at }),
      none: (query) => {
        const like = Search.nearest(index, query);
        return ["Nothing is named or described so. ", like.length ? ["Nearest: ", like.flatMap(({ at, name }, place) => [place ? ", " : "", el("a", { href: href(at), onmousedown: (event) => event.preventDefault() }, name)])] : "Try one word of it."].flat(Infinity);
      },
    });
    const slash = (event) => {
      if (!root.isConnected) return removeEventListener("keydown", slash);
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(input|select|textarea)$/i.test(event.target.tagName)) return;
      event.preventDefault();
      search.focus();
    };
    addEventListener("keydown", slash);

    // --- parts that several pages share -------------------------------------------------------------------------------

    const empty = (text) => el("p.empty", {}, text);
    const card = (title, name, ...content) => el("section.card", { "data-name": name }, el("h3", {}, title), ...content);
    const facts = (pairs) => el("dl.facts", {}, pairs.filter(Boolean).map(([term, ...value]) => el("div", {}, el("dt", {}, term), el("dd", {}, ...value))));
    const moment = (text) => (text ? format.time(new Date(text)) : "never");
    const short = (name) => name.split(".").slice(1).join(".");
    // A name that may break after its underscores and dots, and nowhere else.
    const breakable = (name) => name.split(/(?<=[_.])/).flatMap((part, at) => (at ? [el("wbr"), part] : [part]));
    const listed = (names) => (names.length ? names.flatMap((name, at) => [at ? ", " : "", relations.has(name) || columns.has(name) ? el("a", { href: href(name) }, name) : name]) : ["none"]);
    const badge = (text, title) => el("span.badge", { title }, text);
    const crumbs = (...parts) => el("nav.crumbs", { "aria-label": "Place in the catalogue" }, el("a", { href: href(null) }, "Catalogue"), parts.flatMap(([text, at]) => [" › ", at ? el("a", { href: href(at) }, text) : el("span", { "aria-current": "page" }, text)]));

    function checkList(members) {
      if (!members.length) return empty("No check or rule is declared.");
      return Charts.table({
        columns: [{ label: "Name" }, { label: "Holds" }, { label: "Severity" }, { label: "Last failed" }],
        rows: members.map((check) => [
          el("a", { class: "name", href: href(`check:${check.name}`) }, breakable(check.name)),
          el("span", {}, check.kind === "rule" ? el("code", {}, check.states) : check.states === "row_rules" ? "all rules and references of the relation, in one scan" : Markdown.inline(check.states, named()), check.reason ? el("span.why", {}, Markdown.inline(check.reason, named())) : null),
          check.severity,
          moment(check.last_failed_at),
        ]),
      });
    }

    // --- pages --------------------------------------------------------------------------------------------------------

    function front() {
      const of = (kind) => entries.filter((entry) => entry.kind === kind).length;
      return [
        el("p.lead", {}, `${of("relation")} relations with ${format.count(of("column"))} columns, ${of("metric")} metrics, ${of("check")} checks and rules, ${of("term")} terms, ${of("exposure")} exposures and ${of("owner")} owners. Press / to search.`),
        Erd.card(all.relations, href),
        el(
          "div.grid",
          {},
          card("Metrics", "metrics", all.metrics.length ? el("ul.bullets", {}, all.metrics.map(({ name, label }) => el("li", {}, el("a", { href: href(`metric:${name}`) }, label)))) : empty("The project declares no metrics.")),
          el("div.stack", {},
            card("Exposures", "exposures", all.exposures.length ? el("ul.bullets", {}, all.exposures.map(({ name, label, type, owner }) => el("li", {}, el("a", { href: href(`exposure:${name}`) }, label), `, ${type} of ${owner}`))) : empty("The project declares no exposures.")),
            card("Owners", "owners", all.owners.length ? el("ul.bullets", {}, all.owners.map(({ name, title, description }) => el("li", {}, el("a", { href: href(`owner:${name}`) }, title), ": ", Markdown.inline(description ?? "")))) : empty("The project declares no owners.")))
        ),
        card("Glossary", "glossary", all.terms.length ? el("dl.terms", {}, all.terms.map(([term, text]) => el("div", {}, el("dt", {}, el("a", { href: href(`term:${term}`) }, term)), el("dd", {}, Markdown.inline(text, named()))))) : empty("The project declares no terms.")),
      ];
    }

    function ofRelation(relation) {
      const { name, layer } = relation;
      const guarded = (guards.get(name) ?? []).filter(({ kind }) => kind === "check");
      const used = exposuresOf.get(name) ?? [];
      const measured = metricsOf.get(name) ?? [];
      return [
        crumbs([layer, `layer:${layer}`], [short(name)]),
        el("h3.subject", {}, short(name), " ", badge(layer), relation.kind === "function" ? badge("function") : null),
        prose(relation.description, name),
        facts([
          ["Owner", owned(relation.owner)],
          ["Grain", relation.grain ? el("span", {}, Markdown.inline(relation.grain, named(name))) : "none declared"],
          relation.kind === "function" ? null : ["Rows", el("span", { "data-name": "rows" }, !relation.is_built ? "not built yet" : relation.rows === null ? "not counted" : relation.rows === 0 ? "0: the relation has no rows" : format.count(relation.rows))],
          ["Made as", relation.kind === "source" ? `source, written by ${relation.loader ?? "another program"}` : MADE[relation.made] ?? relation.made],
          ["Primary key", relation.key.length ? relation.key.flatMap((column, at) => [at ? ", " : "", el("a", { href: href(`${name}.${column}`) }, column)]) : "none declared"],
          relation.kind === "source" ? null : ["Last build", relation.built ? `${moment(relation.built)}${relation.seconds === null ? "" : `, in ${relation.seconds.toFixed(1)} s`}` : "not on record"],
          layer === "gold" ? ["Last changed in", relation.release ? `release ${relation.release}` : "no release on record"] : null,
          ["Reads", el("span", {}, listed(relation.reads))],
          ["Read by", el("span", {}, listed(readersOf.get(name) ?? []))],
          ["Declared in", el("code", {}, relation.path)],
        ]),
        card(
          `${format.count(relation.columns.length)} columns`,
          "columns",
          relation.columns.length
            ? el("div.scroll.tall", { tabindex: "0", role: "region", "aria-label": `Columns of ${name}` }, Charts.table({
                columns: [{ label: "Column" }, { label: "Type" }, { label: "Description" }, { label: "Keys, checks and rules" }],
                rows: relation.columns.map((column) => [
                  el("a", { class: "name", href: href(`${name}.${column.name}`) }, breakable(column.name)),
                  el("code", {}, column.type),
                  el("span", {}, Markdown.inline((column.description ?? "").replace(/\s+/g, " "), named(name))),
                  marks(relation, column),
                ]),
              }))
            : empty("No columns are declared, and the relation is not built yet.")
        ),
        card(`Checks of ${short(name)}`, "checks", checkList(guarded)),
        card("Used by", "used", used.length || measured.length
          ? el("ul.bullets", {}, used.map(({ name: id, label, type, owner }) => el("li", {}, el("a", { href: href(`exposure:${id}`) }, label), `, ${type} of ${owner}`)), measured.map(({ name: id, label }) => el("li", {}, "metric ", el("a", { href: href(`metric:${id}`) }, label))))
          : empty("No exposure or metric declares that it reads this relation.")),
      ];
    }

    function marks(relation, column) {
      const found = guards.get(`${relation.name}.${column.name}`) ?? [];
      const rules = found.filter(({ kind }) => kind !== "reference").length;
      return el("span.badges", {},
        relation.key.includes(column.name) ? badge("primary key") : null,
        column.to ? badge(`→ ${column.to[0].split(".").pop()}`, `foreign key to ${column.to[0]}.${column.to[1]}`) : null,
        column.required && !relation.key.includes(column.name) ? badge("required") : null,
        rules ? badge(`${rules} rule${rules > 1 ? "s" : ""}`) : null,
        column.class ? badge(String(column.class)) : null);
    }

    function ofColumn({ relation, column }) {
      const id = `${relation.name}.${column.name}`;
      const found = guards.get(id) ?? [];
      return [
        crumbs([relation.layer, `layer:${relation.layer}`], [short(relation.name), relation.name], [column.name]),
        el("h3.subject", {}, column.name, " ", badge(column.type), " ", marks(relation, column)),
        prose(column.description, relation.name),
        facts([
          ["Relation", el("a", { href: href(relation.name) }, relation.name)],
          ["Owner", owned(relation.owner)],
          ["Type", el("code", {}, column.type)],
          ["Primary key", relation.key.includes(column.name) ? (relation.key.length > 1 ? `part of ${relation.key.join(", ")}` : "yes") : "no"],
          ["Foreign key", column.to ? el("span", {}, "to ", el("a", { href: href(`${column.to[0]}.${column.to[1]}`) }, `${column.to[0]}.${column.to[1]}`), ` (${column.to[2]})`) : "none declared"],
          ["Required", column.required ? "yes" : "not declared"],
          ["Classification", column.class ? String(column.class) : "none declared"],
          column.headers ? ["Headers in files", column.headers.join(", ")] : null,
        ]),
        Profiles.card(all.profiles?.[id], relation),
        card("Checks and rules", "rules", checkList(found)),
        Lineage.card(lineage, relation.name, column.name, (name) => (relations.has(name) || columns.has(name) ? href(name) : null)),
      ];
    }

    function ofLayer(layer) {
      const members = all.relations.filter((relation) => relation.layer === layer);
      return [
        crumbs([layer]),
        el("h3.subject", {}, layer),
        el("p.lead", {}, LAYERS[layer] ?? ""),
        card(`${members.length} relations`, "relations", Charts.table({
          columns: [{ label: "Relation" }, { label: "Grain" }, { label: "Owner" }, { label: "Rows", numeric: true }],
          rows: members.map((relation) => [el("a", { href: href(relation.name) }, short(relation.name)), el("span", {}, Markdown.inline(relation.grain ?? "none declared", named(relation.name))), owned(relation.owner), relation.rows === null ? (relation.is_built ? "–" : "not built") : format.count(relation.rows)]),
        })),
      ];
    }

    function ofCheck(check) {
      const parts = all.checks.filter((each) => each.check_name === check.name && each.name !== check.name);
      return [
        crumbs([check.name]),
        el("h3.subject", {}, check.name, " ", badge(check.kind), " ", badge(check.severity)),
        el("div.prose", {}, el("p", {}, check.kind === "rule" ? el("code", {}, check.states) : check.states === "row_rules" ? "All rules and references of the relation, in one scan." : Markdown.inline(check.states, named())), el("p", {}, Markdown.inline(check.reason ?? "", named()))),
        facts([
          ["Owner", owned(check.owner)],
          ["Severity", check.severity === "hard" ? "hard: a row that is found stops the release" : "soft: a row that is found makes the build warn"],
          check.check_name !== check.name ? ["Part of", el("a", { href: href(`check:${check.check_name}`) }, check.check_name)] : null,
          ["Threshold", check.threshold.length ? check.threshold.join(", ") : "none declared"],
          ["Protects", el("span", {}, listed(check.protects))],
          ["Last run", moment(check.last_run_at)],
          ["Last failed", check.last_failed_at ? `${moment(check.last_failed_at)}, ${format.count(check.rows_found_then)} rows` : "never"],
        ]),
        parts.length ? card("Rules and references in it", "parts", checkList(parts)) : null,
      ];
    }

    function ofMetric(metric) {
      return [
        crumbs([metric.label]),
        el("h3.subject", {}, metric.label, " ", badge("metric"), badge(metric.type)),
        prose(metric.description),
        facts([
          ["Name", el("code", {}, metric.name)],
          ["Owner", owned(metric.owner)],
          ["Unit", metric.unit ?? "none declared"],
          ["Also called", metric.synonyms.length ? metric.synonyms.join(", ") : "no other name declared"],
          metric.of.length ? ["Made of", metric.of.flatMap((name, at) => [at ? ", " : "", el("a", { href: href(`metric:${name}`) }, name)])] : null,
          ["Reads", el("span", {}, listed(metric.uses))],
        ]),
      ];
    }

    function ofExposure(exposure) {
      return [
        crumbs([exposure.label]),
        el("h3.subject", {}, exposure.label, " ", badge(exposure.type)),
        prose(exposure.description),
        facts([["Owner", exposure.owner ?? "none declared"], ["Maturity", exposure.maturity ?? "none declared"], ["Reads", el("span", {}, listed(exposure.uses))]]),
      ];
    }

    function ofOwner(owner) {
      const own = all.relations.filter((relation) => relation.owner === owner.name);
      const guarding = all.checks.filter((check) => check.owner === owner.name && check.kind === "check");
      return [
        crumbs([owner.title]),
        el("h3.subject", {}, owner.title, " ", badge("owner")),
        prose(owner.description),
        facts([["Write to", owner.email ?? "no address declared"], ["Relations", el("span", {}, listed(own.map(({ name }) => name)))]]),
        card(`${guarding.length} checks`, "checks", checkList(guarding)),
      ];
    }

    function ofTerm([term, text]) {
      const like = Search.find(index, term, 12).filter((entry) => entry.kind !== "term");
      return [
        crumbs([term]),
        el("h3.subject", {}, term, " ", badge("term")),
        el("div.prose", {}, el("p", {}, Markdown.inline(text, named()))),
        card("What is named or described so", "like", like.length ? el("ul.bullets", {}, like.map(({ at, name, kind }) => el("li", {}, el("a", { href: href(at) }, name), ` (${KINDS[kind]})`))) : empty("Nothing else.")),
      ];
    }

    function pageOf(at) {
      if (!at) return front();
      if (relations.has(at)) return ofRelation(relations.get(at));
      if (columns.has(at)) return ofColumn(columns.get(at));
      const [kind, ...rest] = at.split(":");
      const name = rest.join(":");
      if (kind === "check" && checks.has(name)) return ofCheck(checks.get(name));
      if (kind === "owner" && owners.has(name)) return ofOwner(owners.get(name));
      if (kind === "layer" && name in LAYERS) return ofLayer(name);
      const found = {
        term: () => all.terms.find(([term]) => term === name),
        metric: () => all.metrics.find((metric) => metric.name === name),
        exposure: () => all.exposures.find((exposure) => exposure.name === name),
      }[kind]?.();
      if (found) return { term: ofTerm, metric: ofMetric, exposure: ofExposure }[kind](found);
      const like = Search.nearest(index, at);
      return [
        crumbs([at]),
        el("p.empty", {}, `The catalogue of this release has no ${at}. `, like.length ? ["Nearest: ", like.flatMap((entry, place) => [place ? ", " : "", el("a", { href: href(entry.at) }, entry.name)]), "."] : null),
      ];
    }

    // --- the frame: relations by layer on the left ---------------------------------------------------------------------

    const content = el("div.catalogue-page", { tabindex: "-1" });
    const layers = d3.group(all.relations, ({ layer }) => layer);
    const tree = el("nav.tree", { "aria-label": "Relations" }, [...layers].map(([layer, members]) =>
      el("details", { open: layer === "gold" }, el("summary", {}, `${layer} (${members.length})`), el("ul", {}, members.map(({ name }) => el("li", {}, el("a", { href: href(name), "data-at": name }, short(name)))))
    )));
    root.append(el("h2", {}, "Catalogue"), search.element, el("div.catalogue", {}, tree, content));

    let shown;
    function update({ at }) {
      if (at === shown) return;
      const isFirst = shown === undefined;
      shown = at;
      content.replaceChildren(...pageOf(at).filter(Boolean));
      for (const each of tree.querySelectorAll("a")) {
        const isHere = at === each.dataset.at || at?.startsWith(`${each.dataset.at}.`);
        if (isHere) each.setAttribute("aria-current", "page");
        else each.removeAttribute("aria-current");
        if (isHere) each.closest("details").open = true;
      }
      if (!isFirst) {
        content.focus({ preventScroll: true });
        if (content.getBoundingClientRect().top < 0) root.scrollIntoView({ block: "start" });
      }
    }
    shown = undefined;
    update(context.params.at ? context.params : { at: "" });
    return (params) => update({ at: params.at ?? "" });
  },
});
