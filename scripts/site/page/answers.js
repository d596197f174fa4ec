"use strict";
// Computes readings of questions from the data sets of the page, exactly as gold does, or says why the page cannot. No drawing
// here. Money and units are whole numbers until the last step, so sums are exact.
const Answers = (() => {
  const { MONEY_UNITS } = Site;
  const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const PAID = ["sale", "return", "postage", "discount", "voucher"];
  const share = (part, whole) => (whole ? part / whole : null);
  const amounts = (of, types) => types.reduce((sum, type) => sum + (of.amount[type] ?? 0), 0);

  // The metrics of models/semantic that the data sets of the page can answer: from lines, or from invoices. A test compares
  // each of them with gold.
  const METRICS = {
    billed_revenue: { of: "lines", value: (of) => of.all / MONEY_UNITS },
    gross_revenue: { of: "lines", value: (of) => amounts(of, ["sale"]) / MONEY_UNITS },
    net_revenue: { of: "lines", value: (of) => amounts(of, ["sale", "return"]) / MONEY_UNITS },
    paid_revenue: { of: "lines", value: (of) => amounts(of, PAID) / MONEY_UNITS },
    return_amount: { of: "lines", value: (of) => -amounts(of, ["return"]) / MONEY_UNITS || 0 },
    return_rate: { of: "lines", value: (of) => share(-amounts(of, ["return"]), amounts(of, ["sale"])) },
    revenue_share: { of: "lines", isOfAllRows: true, value: (of) => amounts(of, ["sale", "return"]) },
    gross_to_net: { of: "lines", value: (of) => share(amounts(of, ["sale", "return"]), amounts(of, ["sale"])) },
    units_sold: { of: "lines", value: (of) => of.quantity.sale ?? 0 },
    units_returned: { of: "lines", value: (of) => -(of.quantity.return ?? 0) || 0 },
    orders: { of: "invoices", value: (of) => of.orders },
    average_order_value: { of: "invoices", value: (of) => share(of.amount / MONEY_UNITS, of.orders) },
    ordered_amount: { of: "invoices", value: (of) => of.amount / MONEY_UNITS },
    units_per_order: { of: "invoices", value: (of) => share(of.units, of.orders) },
    lines_per_order: { of: "invoices", value: (of) => share(of.lines, of.orders) },
    ordered_units: { of: "invoices", value: (of) => of.units },
    ordered_lines: { of: "invoices", value: (of) => of.lines },
    active_customers: { of: "invoices", value: (of) => of.customers.size },
  };
  const newGroup = {
    lines: () => ({ all: 0, amount: {}, quantity: {} }),
    products: () => ({ amount: { sale: 0, return: 0 }, quantity: { sale: 0, return: 0 } }),
    invoices: () => ({ orders: 0, amount: 0, units: 0, lines: 0, customers: new Set() }),
  };

  const weekdayOf = (day) => WEEKDAYS[(((day + 3) % 7) + 7) % 7];
  const isWeekend = (row) => String(["Saturday", "Sunday"].includes(weekdayOf(row.day)));
  const category = (row) => row.categories.split("; ")[0];
  // Dimensions of a row, by the name that the metrics have for them; `lines` and `invoices` know different ones.
  const DIMENSIONS = {
    lines: {
      country__country_name: (row) => row.country,
      country__region: (row) => row.region,
      customer__segment: (row) => row.segment,
      line__line_type: (row) => row.type,
      product__category: category,
      date__weekday: (row) => weekdayOf(row.day),
      date__is_weekend: isWeekend,
    },
    // Merchandise by product and month.
    products: {
      country__country_name: (row) => row.country,
      country__region: (row) => row.region,
      customer__segment: (row) => row.segment,
      product__category: category,
      product__current_description: (row) => row.description,
      product__stock_code: (row) => row.code,
    },
    invoices: {
      country__country_name: (row) => row.country,
      country__region: (row) => row.region,
      customer__segment: (row) => row.segment,
      date__weekday: (row) => weekdayOf(row.day),
      date__is_weekend: isWeekend,
    },
  };
  const OF_PRODUCTS = ["product__current_description", "product__stock_code"];
  // Of merchandise alone, so that they can be summed from the products.
  const MERCHANDISE = ["gross_revenue", "net_revenue", "return_amount", "return_rate", "gross_to_net", "units_sold", "units_returned"];

  const column = (table, name) => {
    if (!table.has(name)) return () => null;
    const values = table.values(name);
    const texts = table.texts(name);
    return texts ? (row) => (values[row] === null ? null : texts[values[row]]) : (row) => values[row];
  };

  function rowsOf(table, names) {
    const read = Object.entries(names).map(([key, name]) => [key, column(table, name)]);
    return Array.from({ length: table.rows }, (_, at) => {
      const row = {};
      for (const [key, value] of read) row[key] = value(at);
      return row;
    });
  }

  // Returns what answers readings: {answer(reading)}.
  function open({ sales, invoices, products, product_names: names, countries }, vocabulary) {
    const regions = new Map(rowsOf(countries, { name: "country_name", region: "region" }).map(({ name, region }) => [name, region]));
    const descriptions = new Map(rowsOf(names, { code: "stock_code", name: "current_description" }).map(({ code, name }) => [code, name]));
    const source = {
      products: rowsOf(products, { day: "month_start", code: "stock_code", country: "country_name", segment: "segment", categories: "categories", sale: "sale_amount", back: "return_amount", sold: "units_sold", returned: "units_returned" }),
      lines: rowsOf(sales, { day: "date_day", country: "country_name", segment: "segment", categories: "categories", type: "line_type", quantity: "quantity", amount: "net_amount" }),
      invoices: rowsOf(invoices, { day: "date_day", country: "country_name", segment: "segment", customer: "customer_number", isOrder: "is_order", lines: "lines_sold", units: "units_sold", amount: "sale_amount" }),
    };
    for (const rows of Object.values(source)) for (const row of rows) row.region = regions.get(row.country) ?? null;
    for (const row of source.products) row.description = descriptions.get(row.code) ?? null;
    const add = {
      products(of, row) {
        of.amount.sale += row.sale;
        of.amount.return += row.back;
        of.quantity.sale += row.sold;
        of.quantity.return -= row.returned;
      },
      lines(of, row) {
        of.all += row.amount;
        of.amount[row.type] = (of.amount[row.type] ?? 0) + row.amount;
        of.quantity[row.type] = (of.quantity[row.type] ?? 0) + row.quantity;
      },
      invoices(of, row) {
        if (!row.isOrder) return;
        of.orders += 1;
        of.amount += row.amount;
        of.units += row.units;
        of.lines += row.lines;
        if (row.customer) of.customers.add(row.customer);
      },
    };

    const named = (reading) => [...reading.by, ...reading.where.map(({ dimension }) => dimension)];
    const isOfProducts = (reading) => named(reading).some((name) => OF_PRODUCTS.includes(name));
    const kindOf = (metric, reading) => (METRICS[metric].of === "lines" && isOfProducts(reading) ? "products" : METRICS[metric].of);

    // Products are shipped by month, without those that had neither a sale nor a return.
    function obstacleOfProducts(reading) {
      const outside = reading.metrics.find((name) => !MERCHANDISE.includes(name));
      if (outside) return `the page holds “${vocabulary.metrics[outside].label}” without products`;
      const isList = reading.by.length === 1 && OF_PRODUCTS.includes(reading.by[0]) && reading.top?.order === "highest";
      if (reading.grain || reading.compare || (reading.by.length && !isList)) return "the page holds products for lists of the highest, and for totals";
      const [from, to] = [Ask.fromIso(reading.from), Ask.fromIso(reading.to)];
      const isWhole = (from === null || Ask.partsOf(from).day === 1) && (to === null || Ask.partsOf(to + 1).day === 1 || to >= vocabulary.lastDay);
      return isWhole ? null : "the page holds products by whole months";
    }

    // Returns why the page cannot answer, or null.
    function obstacle(reading) {
      for (const name of reading.metrics)
        if (!(name in METRICS)) return `the page holds no data for “${vocabulary.metrics[name].label}”`;
      for (const name of named(reading))
        for (const metric of reading.metrics)
          if (!(name in DIMENSIONS[kindOf(metric, reading)]))
            return `the page holds “${vocabulary.metrics[metric].label}” without “${vocabulary.dimensions[name].label}”`;
      return isOfProducts(reading) ? obstacleOfProducts(reading) : null;
    }

    function groups(kind, reading, from, to) {
      const dimension = DIMENSIONS[kind];
      const conditions = reading.where.map(({ dimension: name, values, excluded }) => [dimension[name], new Set(values), excluded]);
      const keys = reading.by.map((name) => dimension[name]);
      const found = new Map();
      if (!keys.length && !reading.grain) found.set("", { key: [], of: newGroup[kind]() });
      for (const row of source[kind]) {
        if ((from !== null && row.day < from) || (to !== null && row.day > to)) continue;
        if (conditions.some(([read, values, excluded]) => values.has(read(row)) === excluded)) continue;
        const key = keys.map((read) => read(row));
        if (reading.grain) key.push(Ask.startOf(row.day, reading.grain));
        const id = JSON.stringify(key);
        const at = key.length ? id : "";
        if (!found.has(at)) found.set(at, { key, of: newGroup[kind]() });
        add[kind](found.get(at).of, row);
      }
      return found;
    }

    // Rows of a period: a key and a value for each metric.
    function rows(reading, from, to) {
      const kinds = [...new Set(reading.metrics.map((name) => kindOf(name, reading)))];
      const found = new Map(kinds.map((kind) => [kind, groups(kind, reading, from, to)]));
      const ids = new Map();
      for (const of of found.values()) for (const [id, { key }] of of) ids.set(id, key);
      const list = [...ids].map(([id, key]) => ({
        key,
        values: reading.metrics.map((name) => {
          const kind = kindOf(name, reading);
          return METRICS[name].value(found.get(kind).get(id)?.of ?? newGroup[kind]());
        }),
      }));
      reading.metrics.forEach((name, at) => {
        if (!METRICS[name].isOfAllRows) return;
        const total = list.reduce((sum, row) => sum + row.values[at], 0);
        for (const row of list) row.values[at] = share(row.values[at], total);
      });
      return list;
    }

    const text = (value) => (value === null ? "\uffff" : String(value).padStart(typeof value === "number" ? 9 : 0, "0"));
    const byKey = (left, right) => {
      for (let at = 0; at < left.key.length; at += 1) {
        const [one, two] = [text(left.key[at]), text(right.key[at])];
        if (one !== two) return one < two ? -1 : 1;
      }
      return 0;
    };

    function ordered(reading, list) {
      const sign = reading.top?.order === "lowest" ? 1 : -1;
      const byValue = (left, right) => {
        const [one, two] = [left.values[0], right.values[0]];
        if (one === null || two === null) return (one === null) - (two === null) || byKey(left, right);
        return sign * (one - two) || byKey(left, right);
      };
      const byTime = (left, right) => left.key[left.key.length - 1] - right.key[right.key.length - 1] || byKey(left, right);
      const sorted = [...list].sort(reading.top || !reading.grain ? byValue : byTime);
      return reading.top ? sorted.slice(0, reading.top.n) : sorted;
    }

    // The key of a row in the other period, or back from there.
    function moved(key, reading, back = false) {
      const { grain, compare } = reading;
      if (!grain) return key;
      const [first, second] = [reading, compare].map((each) => Ask.startOf(Ask.fromIso(each.from), grain));
      const [source_, target] = (back ? [second, first] : [first, second]).map((day) => ({ day, ...Ask.partsOf(day) }));
      const day = key[key.length - 1];
      const parts = Ask.partsOf(day);
      let to;
      if (compare.back === "year" && grain !== "week") {
        to = Ask.dayOf(parts.year + target.year - source_.year, parts.month, parts.day);
        if (Ask.partsOf(to).day !== parts.day) to = back ? Infinity : -Infinity;
      } else if (grain in Ask.MONTHS_OF) {
        to = Ask.dayOf(parts.year, parts.month + (target.year - source_.year) * 12 + target.month - source_.month, 1);
      } else to = day + target.day - source_.day;
      return [...key.slice(0, -1), to];
    }

    function compared(reading, now, then) {
      const before = new Map(then.map((row) => [JSON.stringify(row.key), row.values]));
      const after = new Map(now.map((row) => [JSON.stringify(moved(row.key, reading)), row]));
      const list = [...after].map(([id, row]) => ({ key: row.key, new: row.values, old: before.get(id) }));
      if (!reading.top)
        for (const row of then)
          if (!after.has(JSON.stringify(row.key))) list.push({ key: moved(row.key, reading, true), new: undefined, old: row.values });
      if (reading.grain)
        list.sort((left, right) => left.key[left.key.length - 1] - right.key[right.key.length - 1] || byKey(left, right));
      return list.map((row) => ({
        key: row.key,
        values: reading.metrics.flatMap((name, at) => {
          const [value, old] = [row.new?.[at] ?? null, row.old?.[at] ?? null];
          const isPercent = vocabulary.metrics[name].unit === "percent";
          const change = value === null || old === null ? null : value - old;
          return isPercent ? [value, old, change] : [value, old, change, change === null || !old ? null : change / Math.abs(old)];
        }),
      }));
    }

    // Returns {columns, rows} of a reading, or {obstacle}: why the page cannot answer it.
    function answer(reading) {
      const why = obstacle(reading);
      if (why) return { obstacle: why };
      const columns = [
        ...reading.by.map((name) => ({ name, label: vocabulary.dimensions[name].label, unit: "text" })),
        ...(reading.grain ? [{ name: reading.grain, label: reading.grain[0].toUpperCase() + reading.grain.slice(1), unit: reading.grain }] : []),
        ...reading.metrics.flatMap((name) => {
          const { label, unit } = vocabulary.metrics[name];
          if (!reading.compare) return [{ name, label, unit }];
          return [
            { name, label, unit },
            { name: `${name}__before`, label: `${label}, other period`, unit },
            { name: `${name}__change`, label: "Change", unit },
            ...(unit === "percent" ? [] : [{ name: `${name}__change_percent`, label: "Change in %", unit: "percent" }]),
          ];
        }),
      ];
      let found = ordered(reading, rows(reading, Ask.fromIso(reading.from), Ask.fromIso(reading.to)));
      if (reading.compare)
        found = compared(reading, found, rows(reading, Ask.fromIso(reading.compare.from), Ask.fromIso(reading.compare.to)));
      return { columns, rows: found.map(({ key, values }) => [...key, ...values]) };
    }

    return { answer };
  }

  return { open };
})();
