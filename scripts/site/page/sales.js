"use strict";
Site.view({
  id: "sales",
  title: "Sales",
  needs: ["sales", "products", "product_names", "invoices", "invoice_categories", "category_weights", "expected"],
  render(root, tables, context) {
    const { el, format } = Site;
    const { bars, colour, plot, ranged } = Charts;
    const cubes = Cubes.open(tables);
    const expected = expectedSeries(tables.expected);
    const heading = el("h2", {}, "Sales");
    if (cubes.isEmpty) {
      root.append(heading, el("p.empty", {}, "This release has no sales yet."));
      return null;
    }

    const filters = filterBar();
    const tiles = el("div", { "aria-live": "polite" });
    const figures = {};
    const slots = [
      ["days"], ["expected", "toDate"], ["top", "falling"], ["countries", "segments"], ["newcomers", "cohorts"], ["baskets", "returns"], ["returned"],
    ];
    root.append(heading, filters.element, tiles);
    for (const names of slots) {
      const row = el("div.grid", {});
      for (const name of names) {
        figures[name] = Charts.figure({ title: "" });
        row.append(figures[name].element);
      }
      root.append(row);
    }

    function show(params) {
      const started = performance.now();
      const chosen = cubes.choice(params);
      filters.set(chosen);
      const money = cubes.money(chosen);
      const orders = cubes.orders(chosen);
      let counted = null;
      const goods = () => (counted ??= cubes.goods(chosen));
      tiles.replaceChildren(tilesOf(chosen, money, orders));
      figures.days.update(() => daysFigure(chosen, money));
      figures.expected.update(() => expectedFigure(chosen, money));
      figures.toDate.update(() => toDateFigure(chosen, money));
      figures.top.update(() => productsFigure(chosen, goods()));
      figures.falling.update(() => fallingFigure(goods()));
      figures.countries.update(() => shareFigure("Countries", "Of the line, as in the reports by country.", money.countries, money.total));
      figures.segments.update(() => shareFigure("Segments", "As they were on the day of the line.", money.segments, money.total));
      figures.newcomers.update(() => newcomersFigure(orders));
      figures.cohorts.update(() => cohortsFigure(orders));
      figures.baskets.update(() => basketsFigure(chosen, orders));
      figures.returns.update(() => returnsFigure(money));
      figures.returned.update(() => returnedFigure(goods()));
      // What `make bench` measures: from the choice until everything in sight is drawn.
      document.documentElement.dataset.filterMs = (performance.now() - started).toFixed(1);
    }

    // --- filters ------------------------------------------------------------------------------------------------------

    function filterBar() {
      const months = [];
      for (let month = cubes.lastMonth; month >= cubes.firstMonth; month -= 1) months.push([Cubes.monthText(month), format.month(Cubes.monthDate(month))]);
      const everything = (label) => [["", label]];
      const plain = (list) => list.map((text) => [text, text]);
      const inputs = {};
      function field(name, label, options) {
        const select = el("select", { id: `filter-${name}`, name, onchange: () => context.set({ [name]: select.value || null }) }, options.map(([value, text]) => el("option", { value }, text)));
        inputs[name] = select;
        return el("div.field", {}, el("label", { for: `filter-${name}` }, label), select);
      }
      const fields = [
        field("from", "From", months),
        field("to", "To", months),
        field("country", "Country", [...everything("All countries"), ...plain(cubes.countries)]),
        field("segment", "Segment", [...everything("All segments"), ...plain(cubes.segments)]),
        cubes.categories.length > 1 ? field("category", "Category", [...everything("All categories"), ...plain(cubes.categories)]) : null,
        field("amount", "Revenue is", Object.entries(Cubes.definitions).map(([value, { label }]) => [value, label])),
        el("div.field", {}, el("button", { type: "button", id: "reset", onclick: () => context.set(Object.fromEntries(Object.keys(inputs).map((name) => [name, null]))) }, "Reset")),
      ];
      return {
        element: el("form.filters", { "aria-label": "Filters", onsubmit: (event) => event.preventDefault() }, fields),
        set(chosen) {
          inputs.from.value = Cubes.monthText(chosen.from);
          inputs.to.value = Cubes.monthText(chosen.to);
          for (const name of ["country", "segment", "category"]) if (inputs[name]) inputs[name].value = chosen[name] ?? "";
          inputs.amount.value = chosen.amount;
        },
      };
    }

    // --- tiles --------------------------------------------------------------------------------------------------------

    function change(now, before, { isShare = false, lessIsBetter = false } = {}) {
      if (before === null || now === null || !before) return { detail: "no year before to compare with" };
      const by = isShare ? now - before : now / before - 1;
      const sign = by > 0 ? "▲" : by < 0 ? "▼" : "=";
      const text = isShare ? `${format.change(by).replace("%", "")} points` : format.change(by);
      const isGood = lessIsBetter ? by <= 0 : by >= 0;
      return { detail: `${sign} ${text} on the year before`, tone: isGood ? "good" : "bad" };
    }

    function tilesOf(chosen, money, orders) {
      const { toDate } = money;
      return Charts.tiles([
        { name: "revenue", label: `Revenue: ${Cubes.definitions[chosen.amount].label.toLowerCase()}`, value: format.pounds(money.total), exact: money.units, ...change(money.total, money.before) },
        { name: "to-date", label: `Month to date, ${format.day(new Date(cubes.lastDay * Site.DAY))}`, value: format.pounds(toDate.now), ...change(toDate.now, toDate.before) },
        { name: "orders", label: "Orders", value: format.count(orders.orders), exact: orders.orders, ...change(orders.orders, orders.ordersBefore) },
        { name: "customers", label: "Customers", value: format.count(orders.customers), exact: orders.customers, ...change(orders.customers, orders.customersBefore) },
        { name: "average", label: "Average order", value: format.pence(orders.average), ...change(orders.average, orders.averageBefore) },
        { name: "returns", label: "Returned, of merchandise sold", value: format.percent(money.returnRate), ...change(money.returnRate, money.returnRateBefore, { isShare: true, lessIsBetter: true }) },
      ]);
    }

    // --- figures ------------------------------------------------------------------------------------------------------

    const poundAxis = (width) => ({ grid: true, tickFormat: format.poundsShort, ticks: width < 400 ? 4 : 5, nice: true });
    const dayRange = ({ from, to }) => `${format.day(new Date(from * Site.DAY))} to ${format.day(new Date(to * Site.DAY))}`;

    function daysFigure(chosen, money) {
      const { series } = money;
      const isLong = series.length > 120;
      const shown = isLong ? smooth(series, 7) : series;
      const hasBefore = series.some(({ before }) => before !== null);
      return {
        title: "Revenue by day",
        note: `${Cubes.definitions[chosen.amount].label} counts ${Cubes.definitions[chosen.amount].help}.${isLong ? " Lines are means of seven days, bars are the days." : ""}${hasBefore ? " The year before is 52 weeks back, so that a Saturday meets a Saturday." : ""}`,
        describe: `${dayRange(money)}. In all ${format.pounds(money.total)}${money.before === null ? "" : `, the year before ${format.pounds(money.before)}`}.`,
        legend: [{ label: "This period", colour: colour.main, kind: "line" }, hasBefore ? { label: "52 weeks before", colour: colour.before, kind: "dashed" } : null].filter(Boolean),
        draw: (width) =>
          plot(width, {
            height: 280,
            marginLeft: 52,
            x: { type: "utc" },
            y: poundAxis(width),
            marks: [
              Plot.ruleY([0], { stroke: colour.rule }),
              isLong ? Plot.ruleX(series, { x: "date", y: "value", stroke: colour.range, strokeWidth: Math.max(0.6, Math.min(2, width / series.length - 0.6)) }) : null,
              hasBefore ? Plot.lineY(shown, { x: "date", y: "before", stroke: colour.before, strokeDasharray: "2 3", strokeWidth: 1.5 }) : null,
              Plot.lineY(shown, { x: "date", y: "value", stroke: colour.main, strokeWidth: 2 }),
              Plot.tip(series, Plot.pointerX({ x: "date", y: "value", filter: (of) => of.value !== null, title: (of) => `${format.weekday(of.date)}\n${format.pounds(of.value)}${of.before === null ? "" : `\n52 weeks before: ${format.pounds(of.before)}`}` })),
            ],
          }),
        table: {
          columns: [{ label: "Day" }, { label: "Revenue", numeric: true }, { label: "52 weeks before", numeric: true }],
          rows: () => series.map(({ date, value, before }) => [format.weekday(date), format.pence(value), format.pence(before)]),
        },
      };
    }

    // Means of the days that traded, of `count` days until each day.
    function smooth(series, count) {
      const mean = (at, name) => {
        const values = series.slice(Math.max(0, at - count + 1), at + 1).map((of) => of[name]).filter((value) => value !== null);
        return values.length ? d3.sum(values) / count : null;
      };
      return series.map((of, at) => ({ ...of, value: mean(at, "value"), before: mean(at, "before") }));
    }

    function expectedSeries(table) {
      const series = new Map();
      if (!table.rows) return series;
      const measures = table.texts("measure");
      const wanted = measures.indexOf("net_amount");
      const measure = table.values("measure");
      for (let row = 0; row < table.rows; row += 1) {
        if (measure[row] !== wanted) continue;
        const country = table.get("country_name", row);
        if (!series.has(country)) series.set(country, []);
        series.get(country).push(row);
      }
      return series;
    }

    function expectedFigure(chosen, money) {
      const busiest = [...expected].sort((a, b) => b[1].length - a[1].length);
      const home = money.countries.find(({ name }) => expected.has(name))?.name ?? busiest[0]?.[0];
      const country = chosen.country !== null ? (expected.has(chosen.country) ? chosen.country : null) : home;
      const title = country ? `Against the expected range: ${country}` : "Against the expected range";
      if (!country) return { title, empty: chosen.country ? `${chosen.country} has too few lines to be rated.` : "No country has enough lines to be rated." };
      const { expected: table } = tables;
      const day = table.values("date_day");
      const days = expected.get(country)
        .filter((row) => day[row] >= money.from && day[row] <= money.to)
        .map((row) => ({
          date: table.get("date_day", row), value: table.get("observed", row), low: table.get("expected_low", row),
          high: table.get("expected_high", row), middle: table.get("expected", row), isAnomaly: table.get("is_anomaly", row),
        }));
      const unusual = days.filter(({ isAnomaly }) => isAnomaly);
      return {
        title,
        note: "Everything billed, of all segments and categories. The range is what the days before let expect; docs/anomalies.md has the method.",
        describe: `${unusual.length} of ${days.length} days are unusual.`,
        empty: "No day of this choice is rated: the first nine weeks have no past.",
        legend: Charts.rangeLegend("Net amount"),
        draw: (width) => (days.length ? ranged(width, days, { tick: format.poundsShort, text: format.pounds }) : null),
        table: {
          columns: [{ label: "Day" }, { label: "Net amount", numeric: true }, { label: "From", numeric: true }, { label: "To", numeric: true }, { label: "Unusual" }],
          rows: () => days.map((of) => [format.weekday(of.date), format.pence(of.value), format.pence(of.low), format.pence(of.high), of.isAnomaly ? "yes" : ""]),
        },
      };
    }

    function toDateFigure(chosen, money) {
      const { toDate } = money;
      const name = format.month(Cubes.monthDate(toDate.month));
      const nameBefore = format.month(Cubes.monthDate(toDate.month - 12));
      return {
        title: `Month to date: ${name}`,
        note: "Added up day by day. Always the last month of the data, whatever months are chosen.",
        describe: `${format.pounds(toDate.now)} until now${toDate.before === null ? "" : `, ${format.pounds(toDate.before)} in the same days of ${nameBefore}`}.`,
        legend: [{ label: name, colour: colour.main, kind: "line" }, toDate.lineBefore.length ? { label: nameBefore, colour: colour.before, kind: "dashed" } : null].filter(Boolean),
        draw: (width) =>
          plot(width, {
            height: 260,
            marginLeft: 52,
            marginBottom: 36,
            x: { label: "day of the month", labelArrow: "none", labelAnchor: "center", ticks: [1, 8, 15, 22, 29], tickFormat: "d", domain: [1, 31] },
            y: poundAxis(width),
            marks: [
              Plot.ruleY([0], { stroke: colour.rule }),
              Plot.lineY(toDate.lineBefore, { x: "dayOfMonth", y: "value", stroke: colour.before, strokeDasharray: "2 3", strokeWidth: 1.75 }),
              Plot.lineY(toDate.line, { x: "dayOfMonth", y: "value", stroke: colour.main, strokeWidth: 2.5 }),
              Plot.dot(toDate.line.slice(-1), { x: "dayOfMonth", y: "value", fill: colour.main, r: 4 }),
              Plot.tip(toDate.line, Plot.pointerX({ x: "dayOfMonth", y: "value", title: (of) => `Day ${of.dayOfMonth}\n${format.pounds(of.value)}` })),
            ],
          }),
        table: {
          columns: [{ label: "Day of the month" }, { label: name, numeric: true }, { label: nameBefore, numeric: true }],
          rows: () => d3.range(Math.max(toDate.line.length, toDate.lineBefore.length)).map((at) => [String(at + 1), format.pence(toDate.line[at]?.value), format.pence(toDate.lineBefore[at]?.value)]),
        },
      };
    }

    function productsFigure(chosen, goods) {
      return {
        title: "Top products",
        note: `Merchandise less returns, so that a large order that came back is no success. ${format.count(goods.count)} products in all.`,
        describe: goods.top.slice(0, 3).map(({ name, net }) => `${name} ${format.pounds(net)}`).join(", "),
        draw: (width) => bars(width, goods.top.slice(0, 10), { value: ({ net }) => net, text: ({ net }) => format.pounds(net) }),
        table: {
          columns: [{ label: "Product" }, { label: "Code" }, { label: "Net amount", numeric: true }, { label: "Net units", numeric: true }],
          rows: () => goods.top.map(({ name, code, net, units }) => [name, code, format.pence(net), format.count(units)]),
        },
      };
    }

    function fallingFigure(goods) {
      const { compared } = goods;
      const span = compared ? (compared.first === compared.last ? format.month(Cubes.monthDate(compared.first)) : `${format.month(Cubes.monthDate(compared.first))} to ${format.month(Cubes.monthDate(compared.last))}`) : "";
      return {
        title: "Falling products",
        note: compared ? `${span} against ${compared.isYear ? "the same months of the year before" : "the months just before"}: closed months only.` : "",
        empty: compared ? "No product fell." : "The chosen months have no closed month with one to compare it with.",
        describe: goods.falling.slice(0, 3).map(({ name, now, before }) => `${name} from ${format.pounds(before)} to ${format.pounds(now)}`).join(", "),
        draw: (width) => bars(width, goods.falling.slice(0, 10).map((of) => ({ ...of, fall: of.before - of.now })), { value: ({ fall }) => fall, text: ({ fall }) => format.pounds(-fall), shade: "var(--c2)" }),
        table: {
          columns: [{ label: "Product" }, { label: "Code" }, { label: "Before", numeric: true }, { label: "Now", numeric: true }, { label: "Change", numeric: true }],
          rows: () => goods.falling.map(({ name, code, before, now }) => [name, code, format.pence(before), format.pence(now), format.pence(now - before)]),
        },
      };
    }

    function shareFigure(title, note, list, total) {
      const few = list.length > 10 ? [...list.slice(0, 9), { name: `${list.length - 9} others`, value: d3.sum(list.slice(9), ({ value }) => value) }] : list;
      const share = (value) => (total > 0 ? format.percent(value / total) : "–");
      return {
        title,
        note,
        describe: list.slice(0, 3).map(({ name, value }) => `${name} ${share(value)}`).join(", "),
        draw: (width) => bars(width, few, { value: ({ value }) => value, text: ({ value }) => `${format.poundsShort(value)} · ${share(value)}` }),
        table: {
          columns: [{ label: title.replace(/ies$/, "y").replace(/s$/, "") }, { label: "Revenue", numeric: true }, { label: "Share", numeric: true }],
          rows: () => list.map(({ name, value }) => [name, format.pence(value), share(value)]),
        },
      };
    }

    function newcomersFigure(orders) {
      const long = orders.months.flatMap((of) => [
        { date: of.date, kind: "new", count: of.fresh },
        { date: of.date, kind: "returning", count: of.back },
      ]);
      return {
        title: "New and returning customers",
        note: "A customer is new in the month of their first order. Orders without an account are in neither group.",
        describe: orders.months.slice(-1).map((of) => `${format.month(of.date)}: ${of.fresh} new, ${of.back} returning.`).join(""),
        legend: [{ label: "New", colour: "var(--c2)" }, { label: "Returning", colour: colour.main }],
        draw: (width) =>
          long.length
            ? plot(width, {
                height: 260,
                marginLeft: 44,
                x: { type: "band", tickFormat: monthTick(orders.months), tickRotate: 0, padding: 0.2 },
                y: { grid: true, ticks: 5, tickFormat: format.short, nice: true },
                marks: [
                  Plot.barY(long, { x: "date", y: "count", fill: ({ kind }) => (kind === "new" ? "var(--c2)" : colour.main), order: ["returning", "new"], z: "kind", title: (of) => `${format.month(of.date)}\n${format.count(of.count)} ${of.kind}` }),
                  Plot.ruleY([0], { stroke: colour.rule }),
                ],
              })
            : null,
        table: {
          columns: [{ label: "Month" }, { label: "New", numeric: true }, { label: "Returning", numeric: true }, { label: "Orders", numeric: true }, { label: "Sales to new", numeric: true }, { label: "Sales to returning", numeric: true }],
          rows: () => orders.months.map((of) => [format.month(of.date), format.count(of.fresh), format.count(of.back), format.count(of.orders), format.pence(of.amountFresh), format.pence(of.amountBack)]),
        },
      };
    }

    // Every month has a tick, and so many of them a text as there is room for.
    function monthTick(months) {
      const every = Math.max(1, Math.ceil(months.length / 9));
      const years = new Set();
      return (date, at) => {
        const place = months.findIndex((of) => +of.date === +date);
        if ((months.length - 1 - place) % every) return "";
        const year = date.getUTCFullYear();
        const month = date.toLocaleString("en-GB", { month: "short", timeZone: "UTC" });
        if (years.has(year)) return month;
        years.add(year);
        return `${month}\n${year}`;
      };
    }

    function cohortsFigure(orders) {
      const rows = orders.cohorts.filter(({ cells }) => cells.length > 1).slice(-12);
      const cells = rows.flatMap(({ cells }) => cells).filter(({ since }) => since > 0);
      const most = d3.max(cells, ({ rate }) => rate) || 1;
      const longest = d3.max(cells, ({ since }) => since) ?? 0;
      return {
        title: "Do customers come back?",
        note: "Rows: customers by the month of their first order. Columns: the share of them who order again so many months later. Closed months only.",
        describe: cells.length ? `Between ${format.percent(d3.min(cells, ({ rate }) => rate))} and ${format.percent(most)} of a month's new customers order again in a later month.` : "",
        empty: "The chosen months have no closed month in which customers ordered for the first time.",
        draw: (width) => {
          if (!cells.length) return null;
          const fits = (width - 70) / longest >= 26;
          return plot(width, {
            height: rows.length * 22 + 44,
            marginLeft: 62,
            marginTop: 24,
            marginBottom: 4,
            x: { axis: "top", type: "band", domain: d3.range(1, longest + 1), tickSize: 0, tickFormat: (since) => (fits || since % 3 === 1 ? String(since) : "") },
            y: { type: "band", domain: rows.map(({ date }) => date), tickFormat: format.month, tickSize: 0 },
            marks: [
              Plot.cell(cells, { x: "since", y: ({ month }) => rows.find((of) => of.month === month).date, fill: colour.main, fillOpacity: ({ rate }) => 0.06 + 0.84 * (rate / most), inset: 0.75, rx: 2, title: (of) => `First order ${format.month(of.date)}: ${format.count(of.size)} customers\n${of.since} months later: ${format.count(of.active)}, ${format.percent(of.rate)}` }),
              fits ? Plot.text(cells, { x: "since", y: ({ month }) => rows.find((of) => of.month === month).date, text: ({ rate }) => Math.round(100 * rate), fill: ({ rate }) => (rate / most > 0.72 ? "var(--surface)" : "var(--ink)"), fontSize: 11 }) : null,
            ],
          });
        },
        table: {
          columns: [{ label: "First order" }, { label: "Customers", numeric: true }, ...d3.range(1, longest + 1).map((since) => ({ label: `+${since}`, numeric: true }))],
          rows: () => rows.map(({ date, size, cells: own }) => [format.month(date), format.count(size), ...d3.range(1, longest + 1).map((since) => (own[since] ? format.percent(own[since].rate) : ""))]),
        },
      };
    }

    const EDGES = [0, 25, 50, 100, 150, 200, 300, 400, 600, 1000, 2000, 5000, Infinity];
    function basketsFigure(chosen, orders) {
      const { baskets } = orders;
      const bins = EDGES.slice(0, -1).map((low, at) => {
        const high = EDGES[at + 1];
        const name = high === Infinity ? `£${format.short(low)}+` : `£${format.short(low)}`;
        return { at, name, label: high === Infinity ? `£${format.count(low)} and more` : `£${format.count(low)} to below £${format.count(high)}`, count: d3.bisectLeft(baskets, high) - d3.bisectLeft(baskets, low) };
      });
      const below = d3.bisectLeft(baskets, 0);
      if (below) bins[0].count += below;
      const median = baskets.length ? d3.quantileSorted(baskets, 0.5) : null;
      return {
        title: "Baskets",
        note: `Half of the orders are below ${format.pence(median)}; the mean is ${format.pence(orders.average)}, ${orders.lines === null ? "–" : format.count(Math.round(10 * orders.lines) / 10)} lines and ${orders.unitsPerOrder === null ? "–" : format.count(Math.round(orders.unitsPerOrder))} units.${chosen.category ? " Orders that hold something of the category, each as a whole." : ""}`,
        describe: `${format.count(baskets.length)} orders by merchandise sold.`,
        draw: (width) =>
          baskets.length
            ? plot(width, {
                height: 260,
                marginLeft: 44,
                marginBottom: 36,
                x: { type: "band", domain: bins.map(({ at }) => at), tickFormat: (at) => (width < 420 && at % 2 ? "" : bins[at].name), tickSize: 0, padding: 0.08, label: "order of at least", labelArrow: "none" },
                y: { grid: true, ticks: 5, tickFormat: format.short, nice: true },
                marks: [
                  Plot.barY(bins, { x: "at", y: "count", fill: colour.main, title: (of) => `${of.label}\n${format.count(of.count)} orders` }),
                  Plot.ruleY([0], { stroke: colour.rule }),
                ],
              })
            : null,
        table: {
          columns: [{ label: "Merchandise sold" }, { label: "Orders", numeric: true }, { label: "Share", numeric: true }],
          rows: () => bins.map(({ label, count }) => [label, format.count(count), format.percent(baskets.length ? count / baskets.length : null)]),
        },
      };
    }

    function returnsFigure(money) {
      const { months } = money;
      const rated = months.filter(({ rate }) => rate !== null);
      return {
        title: "Returns",
        note: "Returned merchandise as a share of merchandise sold, by the month of the return.",
        describe: `${format.pounds(money.returned)} of ${format.pounds(money.sale)}, ${format.percent(money.returnRate)}.`,
        empty: "No merchandise was sold.",
        draw: (width) =>
          rated.length
            ? plot(width, {
                height: 260,
                marginLeft: 44,
                x: { type: "band", domain: months.map(({ date }) => date), tickFormat: monthTick(months), padding: 0.25 },
                y: { grid: true, ticks: 5, tickFormat: format.percent, nice: true, domain: [0, Math.max(d3.max(rated, ({ rate }) => rate), 0.001)] },
                marks: [
                  Plot.barY(rated, { x: "date", y: "rate", fill: "var(--c4)", title: (of) => `${format.month(of.date)}\n${format.percent(of.rate)}: ${format.pounds(of.returned)} of ${format.pounds(of.sale)}` }),
                  Plot.ruleY([0], { stroke: colour.rule }),
                ],
              })
            : null,
        table: {
          columns: [{ label: "Month" }, { label: "Sold", numeric: true }, { label: "Returned", numeric: true }, { label: "Share", numeric: true }],
          rows: () => months.map(({ date, sale, returned, rate }) => [format.month(date), format.pence(sale), format.pence(returned), format.percent(rate)]),
        },
      };
    }

    function returnedFigure(goods) {
      return {
        title: "Most returned products",
        note: "By the money that returns took back.",
        empty: "Nothing was returned.",
        describe: goods.returned.slice(0, 3).map(({ name, returned }) => `${name} ${format.pounds(returned)}`).join(", "),
        draw: (width) => bars(width, goods.returned, { value: ({ returned }) => returned, text: ({ returned, returnedUnits }) => `${format.pounds(returned)} · ${format.short(returnedUnits)} units`, shade: "var(--c4)" }),
        table: {
          columns: [{ label: "Product" }, { label: "Code" }, { label: "Returned", numeric: true }, { label: "Units", numeric: true }],
          rows: () => goods.returned.map(({ name, code, returned, returnedUnits }) => [name, code, format.pence(returned), format.count(returnedUnits)]),
        },
      };
    }

    show(context.params);
    return show;
  },
});
