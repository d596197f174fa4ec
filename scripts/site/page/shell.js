"use strict";
// The shell: data sets, the registry of views, tabs, the address, light and dark. Views use `Site` and nothing else.
// Texts of the data reach the page as text nodes only; nothing here or in a view parses HTML.
const Site = (() => {
  const DAY = 86400000;
  const MONEY_UNITS = 10000;
  const views = [];
  const decoded = new Map();
  let shown = null;

  // --- elements ---------------------------------------------------------------------------------------------------

  // Returns an element. Attributes that begin with "on" are listeners; `false` and null leave an attribute out.
  function el(tag, attributes, ...children) {
    const [name, ...classes] = tag.split(".");
    const element = document.createElement(name);
    if (classes.length) element.className = classes.join(" ");
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key === "class") element.className = `${element.className} ${value}`.trim();
      else if (key in element && typeof value !== "string") element[key] = value;
      else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
    return element;
  }

  // --- data -------------------------------------------------------------------------------------------------------

  // A data set: `rows`, and for each column its `values`; `texts` turn the numbers of a column of texts into texts.
  class Table {
    constructor({ rows, columns }) {
      this.rows = rows;
      this.columns = columns;
    }
    has(name) {
      return name in this.columns;
    }
    values(name) {
      const column = this.columns[name];
      if (!column) throw new Error(`no column ${name}`);
      return column.values;
    }
    texts(name) {
      return this.columns[name].texts;
    }
    // The value of a row as a person expects it: a text, a number of pounds, a Date, true or false.
    get(name, row) {
      const { kind, values, texts } = this.columns[name];
      const value = values[row];
      if (value === null || value === undefined) return null;
      if (kind === "text") return texts[value];
      if (kind === "money") return value / MONEY_UNITS;
      if (kind === "date") return new Date(value * DAY);
      if (kind === "time") return new Date(value * 1000);
      if (kind === "boolean") return value === 1;
      return value;
    }
    // All rows as objects, for data sets of a few thousand rows.
    objects() {
      const names = Object.keys(this.columns);
      return Array.from({ length: this.rows }, (_, row) => Object.fromEntries(names.map((name) => [name, this.get(name, row)])));
    }
  }

  function fromBase64(text) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at += 1) bytes[at] = binary.charCodeAt(at);
    return bytes;
  }

  async function decode(name) {
    const block = document.getElementById(`data-${name}`);
    if (!block) return new Table({ rows: 0, columns: {} });
    const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(block.textContent) : fromBase64(block.textContent);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const content = JSON.parse(await new Response(stream).text());
    block.remove();
    return new Table(content);
  }

  // Returns a promise of a data set; each is decoded once, when the first view asks for it.
  function data(name) {
    if (!decoded.has(name)) decoded.set(name, decode(name));
    return decoded.get(name);
  }

  // --- the address: #/view?name=value, or #/view/at ------------------------------------------------------------------

  function address() {
    const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
    const [id, ...at] = path.split("/").map(decodeURIComponent);
    return { id, params: { ...(at.length ? { at: at.join("/") } : {}), ...Object.fromEntries(new URLSearchParams(query ?? "")) } };
  }

  function link(id, params = {}) {
    const query = new URLSearchParams(
      Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== "")
    ).toString();
    return `#/${encodeURIComponent(id)}${query ? `?${query}` : ""}`;
  }

  // Goes to a view. With `replace`, the step back leaves the view rather than undoing the last filter.
  function go(id, params = {}, { replace = false } = {}) {
    const target = link(id, params);
    if (target === location.hash) return;
    if (replace) {
      history.replaceState(null, "", target);
      route();
    } else {
      location.hash = target;
    }
  }

  // --- views ------------------------------------------------------------------------------------------------------

  // Registers a view: {id, title, needs: [names of data sets], render(root, data, context)}.
  // `render` fills the empty element `root` and may return a function `update(params)`, which is called when only the
  // parameters of the address change. `data` holds the tables of `needs` by name. `context` has `params`, the present
  // parameters, and `set(changes)`, which changes some of them.
  function view(definition) {
    views.push(definition);
  }

  async function route() {
    const { id, params } = address();
    const wanted = views.find((known) => known.id === id) ?? views[0];
    for (const tab of document.querySelectorAll("#tabs a")) {
      if (tab.dataset.view === wanted.id) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    if (shown?.view === wanted && shown.update) {
      shown.context.params = params;
      shown.update(params);
      return;
    }
    const main = document.getElementById("main");
    const root = el("section.view", { id: `view-${wanted.id}`, "aria-label": wanted.title });
    const context = {
      params,
      set(changes, options = { replace: true }) {
        go(wanted.id, { ...context.params, ...changes }, options);
      },
    };
    const own = (shown = { view: wanted, context, update: null });
    try {
      const tables = await Promise.all((wanted.needs ?? []).map(data));
      if (shown !== own) return;
      document.title = `${wanted.title} · ${document.title.split(" · ").pop()}`;
      main.replaceChildren(root);
      own.update = wanted.render(root, Object.fromEntries((wanted.needs ?? []).map((name, at) => [name, tables[at]])), context) ?? null;
    } catch (problem) {
      if (shown !== own) return;
      console.error(problem);
      main.replaceChildren(el("p.problem", { role: "alert" }, `This view cannot be shown: ${problem.message}. The other views are not affected.`));
    }
    document.documentElement.dataset.shown = wanted.id;
  }

  // --- light and dark ---------------------------------------------------------------------------------------------

  const system = matchMedia("(prefers-color-scheme: dark)");
  function theme() {
    return document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light");
  }
  function stored(value) {
    // A page that is opened from a file may have no storage.
    try {
      if (value === undefined) return localStorage.getItem("theme");
      localStorage.setItem("theme", value);
    } catch {
      return null;
    }
    return value;
  }
  function label() {
    const button = document.getElementById("theme");
    button.textContent = theme() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${theme() === "dark" ? "light" : "dark"} colours`);
  }

  // --- numbers and dates as texts -----------------------------------------------------------------------------------

  const locale = "en-GB";
  const formats = {
    count: new Intl.NumberFormat(locale),
    short: new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 3 }),
    pounds: new Intl.NumberFormat(locale, { style: "currency", currency: "GBP", maximumFractionDigits: 0 }),
    pence: new Intl.NumberFormat(locale, { style: "currency", currency: "GBP" }),
    poundsShort: new Intl.NumberFormat(locale, { style: "currency", currency: "GBP", notation: "compact", maximumSignificantDigits: 3 }),
    percent: new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 }),
    change: new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" }),
    day: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }),
    weekday: new Intl.DateTimeFormat(locale, { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" }),
    month: new Intl.DateTimeFormat(locale, { month: "short", year: "numeric", timeZone: "UTC" }),
    time: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", timeZone: "UTC", timeZoneName: "short" }),
  };
  const format = Object.fromEntries(
    Object.entries(formats).map(([name, formatter]) => [
      name,
      (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : formatter.format(value).replace("-", "−")),
    ])
  );

  // --- start --------------------------------------------------------------------------------------------------------

  function start() {
    const tabs = document.getElementById("tabs");
    tabs.append(
      el("ul", {}, views.map(({ id, title }) => el("li", {}, el("a", { href: link(id), "data-view": id }, title))))
    );
    const chosen = stored();
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
    label();
    document.getElementById("theme").addEventListener("click", () => {
      document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
      stored(document.documentElement.dataset.theme);
      label();
    });
    system.addEventListener("change", label);
    document.getElementById("skip").addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById("main").focus();
    });
    addEventListener("hashchange", route);
    // After the first paint: the frame of the page is readable while the data are decoded.
    requestAnimationFrame(() => setTimeout(route));
  }

  return { el, Table, data, view, views, link, go, address, theme, format, start, DAY, MONEY_UNITS };
})();
