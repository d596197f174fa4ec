"use strict";
// Answers questions about sales from the data sets of the page: exact sums and counts under any filter of time, country,
// segment and category. No drawing here. README.md has the definitions.
const Cubes = (() => {
  const { DAY, MONEY_UNITS } = Site;
  const WEIGHT_UNITS = 10000;

  // The definitions of revenue in models/marts/core/README.md, as lists of line types; null is all of them.
  const definitions = {
    net: { label: "Everything billed", types: null, help: "all lines, as the books do" },
    merchandise: { label: "Merchandise less returns", types: ["sale", "return"], help: "sale and return lines" },
    sold: { label: "Merchandise sold", types: ["sale"], help: "sale lines, before returns" },
    paid: {
      label: "Paid by customers",
      types: ["sale", "return", "postage", "discount", "voucher"],
      help: "sale, return, postage, discount and voucher lines",
    },
  };

  // Months are whole numbers: 12 times the year plus the month from 0. Days are days since 1970.
  const knownMonths = new Map();
  function monthOf(day) {
    let month = knownMonths.get(day);
    if (month === undefined) {
      const date = new Date(day * DAY);
      month = date.getUTCFullYear() * 12 + date.getUTCMonth();
      knownMonths.set(day, month);
    }
    return month;
  }
  function monthsOf(days) {
    const months = new Int32Array(days.length);
    for (let row = 0; row < days.length; row += 1) months[row] = monthOf(days[row]);
    return months;
  }
  const firstDay = (month) => Date.UTC(Math.floor(month / 12), month % 12) / DAY;
  const lastDayOf = (month) => firstDay(month + 1) - 1;
  const monthText = (month) => `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}`;
  const monthDate = (month) => new Date(firstDay(month) * DAY);
  function readMonth(text) {
    const found = /^(\d{4})-(\d{2})$/.exec(text ?? "");
    return found && found[2] >= "01" && found[2] <= "12" ? Number(found[1]) * 12 + Number(found[2]) - 1 : null;
  }
  // The same day of the month a year before; 29 February becomes the 28th, as in PostgreSQL.
  function yearBefore(day) {
    const date = new Date(day * DAY);
    const before = Date.UTC(date.getUTCFullYear() - 1, date.getUTCMonth(), date.getUTCDate()) / DAY;
    return monthOf(before) === monthOf(day) - 12 ? before : before - 1;
  }

  // Maps the texts of a column to one list that several data sets share.
  function shared(tables, name) {
    const texts = [...new Set(tables.flatMap((table) => (table.has(name) ? table.texts(name) : [])))].sort();
    const place = new Map(texts.map((text, at) => [text, at]));
    const codes = tables.map((table) => {
      if (!table.has(name)) return new Int32Array(0);
      const mapped = table.texts(name).map((text) => place.get(text));
      const values = table.values(name);
      const codes = new Int32Array(values.length);
      for (let row = 0; row < values.length; row += 1) codes[row] = values[row] === null ? -1 : mapped[values[row]];
      return codes;
    });
    return { texts, codes };
  }

  function open({ sales, products, product_names: names, invoices, invoice_categories: pairs, category_weights: weights }) {
    const countries = shared([sales, products, invoices], "country_name");
    const segments = shared([sales, products, invoices], "segment");
    const sets = shared([sales, products, weights], "categories");
    const types = sales.has("line_type") ? sales.texts("line_type") : [];
    const typeCodes = sales.has("line_type") ? new Int32Array(sales.values("line_type")) : new Int32Array(0);

    // Null becomes 0.
    const numbers = (table, name) => new Float64Array(table.has(name) ? table.values(name) : []);
    const salesDay = numbers(sales, "date_day");
    const salesAmount = numbers(sales, "net_amount");
    const salesQuantity = numbers(sales, "quantity");

    const productMonth = monthsOf(products.has("month_start") ? products.values("month_start") : []);
    const productCode = products.has("stock_code") ? new Int32Array(products.values("stock_code")) : new Int32Array(0);
    const productTexts = products.has("stock_code") ? products.texts("stock_code") : [];
    const saleAmount = numbers(products, "sale_amount");
    const returnAmount = numbers(products, "return_amount");
    const unitsSold = numbers(products, "units_sold");
    const unitsReturned = numbers(products, "units_returned");
    const description = new Map(
      Array.from({ length: names.rows }, (_, row) => [names.get("stock_code", row), names.get("current_description", row)])
    );

    const invoiceDay = numbers(invoices, "date_day");
    const invoiceMonth = monthsOf(invoiceDay);
    const invoiceCustomer = numbers(invoices, "customer_number"); // 0: no account
    const isOrder = numbers(invoices, "is_order");
    const isCancellation = numbers(invoices, "is_cancellation");
    const orderAmount = numbers(invoices, "sale_amount");
    const orderLines = numbers(invoices, "lines_sold");
    const orderUnits = numbers(invoices, "units_sold");

    const customers = invoiceCustomer.reduce((most, number) => Math.max(most, number), 0);
    const firstMonth = new Int32Array(customers + 1).fill(-1);
    for (let row = 0; row < invoiceDay.length; row += 1) {
      const customer = invoiceCustomer[row];
      if (customer && isOrder[row] && (firstMonth[customer] < 0 || invoiceMonth[row] < firstMonth[customer])) firstMonth[customer] = invoiceMonth[row];
    }

    // Categories that a reader can choose between; with one for all products there is nothing to choose.
    const categoryTexts = weights.has("category") ? weights.texts("category") : [];
    const listed = new Set();
    const usedSets = new Set([...sets.codes[0]].map((code) => sets.texts[code]));
    for (let row = 0; row < weights.rows; row += 1) if (usedSets.has(weights.get("categories", row))) listed.add(weights.get("category", row));
    const categories = categoryTexts.filter((category) => listed.has(category));

    const byMonth = monthsOf(salesDay);
    const firstDayOfData = salesDay.length ? salesDay[0] : null;
    const lastDay = salesDay.length ? salesDay[salesDay.length - 1] : null;
    const firstOfAll = lastDay === null ? null : monthOf(firstDayOfData);
    const lastOfAll = lastDay === null ? null : monthOf(lastDay);
    const isClosed = (month) => lastDay !== null && month <= lastOfAll && lastDayOf(month) <= lastDay;

    // The share of each set of categories that belongs to a category, in 1/10,000; null without a category.
    const shareCache = new Map();
    function shares(category) {
      if (category === null) return null;
      if (!shareCache.has(category)) {
        const share = new Float64Array(sets.texts.length);
        const place = new Map(sets.texts.map((text, at) => [text, at]));
        for (let row = 0; row < weights.rows; row += 1)
          if (weights.get("category", row) === category) share[place.get(weights.get("categories", row))] = weights.values("weight")[row];
        shareCache.set(category, share);
      }
      return shareCache.get(category);
    }
    const memberCache = new Map();
    function members(category) {
      if (category === null || categories.length < 2) return null;
      if (!memberCache.has(category)) {
        const member = new Uint8Array(invoiceDay.length);
        if (pairs.rows) {
          const code = pairs.texts("category").indexOf(category);
          const of = pairs.values("category");
          const invoice = pairs.values("invoice");
          for (let row = 0; row < pairs.rows; row += 1) if (of[row] === code) member[invoice[row]] = 1;
        }
        memberCache.set(category, member);
      }
      return memberCache.get(category);
    }

    // Reads a choice from the parameters of the address. What the data do not know counts as not chosen.
    function choice(params) {
      const known = (list, text) => (list.includes(text) ? text : null);
      const bounded = (month, other) => (month === null || lastOfAll === null ? other : Math.min(Math.max(month, firstOfAll), lastOfAll));
      const to = bounded(readMonth(params.to), lastOfAll);
      const from = bounded(readMonth(params.from), lastOfAll === null ? null : Math.max(firstOfAll, lastOfAll - 11));
      return {
        from: Math.min(from, to),
        to,
        country: known(countries.texts, params.country),
        segment: known(segments.texts, params.segment),
        category: known(categories, params.category),
        amount: params.amount in definitions ? params.amount : "net",
      };
    }

    const codeOf = (list, text) => (text === null ? -1 : list.indexOf(text));

    // Calls `visit(row, weight)` for each row of the cube of sales that is chosen, whatever its day. Weights are in 1/10,000
    // with a category, and 1 without.
    function eachSale(chosen, visit) {
      const country = codeOf(countries.texts, chosen.country);
      const segment = codeOf(segments.texts, chosen.segment);
      const share = shares(chosen.category);
      for (let row = 0; row < salesDay.length; row += 1) {
        if (country >= 0 && countries.codes[0][row] !== country) continue;
        if (segment >= 0 && segments.codes[0][row] !== segment) continue;
        const weight = share ? share[sets.codes[0][row]] : 1;
        if (weight) visit(row, weight);
      }
    }
    const pounds = (chosen, units) => units / (chosen.category === null ? MONEY_UNITS : MONEY_UNITS * WEIGHT_UNITS);
    const units = (chosen, quantity) => quantity / (chosen.category === null ? 1 : WEIGHT_UNITS);

    function isIncluded(chosen) {
      const wanted = definitions[chosen.amount].types;
      return Uint8Array.from(types, (type) => (wanted === null || wanted.includes(type) ? 1 : 0));
    }

    // Everything that the cube of sales answers, in one pass.
    function money(chosen) {
      const included = isIncluded(chosen);
      const sale = types.indexOf("sale");
      const back = types.indexOf("return");
      const from = firstDay(chosen.from);
      const to = Math.min(lastDayOf(chosen.to), lastDay);
      const fromBefore = yearBefore(from);
      const toBefore = yearBefore(to);
      const days = new Map();
      const allDays = new Map();
      const byCountry = new Map();
      const bySegment = new Map();
      const months = new Map();
      const byType = new Map();
      const sums = { total: 0, before: 0, sale: 0, back: 0, saleBefore: 0, backBefore: 0, unitsSold: 0, unitsReturned: 0 };
      const add = (map, at, value) => map.set(at, (map.get(at) ?? 0) + value);
      eachSale(chosen, (row, weight) => {
        const day = salesDay[row];
        const type = typeCodes[row];
        const value = salesAmount[row] * weight;
        const now = day >= from && day <= to;
        const before = day >= fromBefore && day <= toBefore;
        if (now) {
          add(byType, type, value);
          if (type === sale) sums.unitsSold += salesQuantity[row] * weight;
          if (type === back) sums.unitsReturned -= salesQuantity[row] * weight;
          if (type === sale || type === back) {
            const month = byMonth[row];
            const of = months.get(month) ?? { sale: 0, back: 0 };
            if (type === sale) of.sale += value;
            else of.back += value;
            months.set(month, of);
            if (type === sale) sums.sale += value;
            else sums.back += value;
          }
        }
        // A choice of more than a year overlaps the year before it.
        if (before && type === sale) sums.saleBefore += value;
        if (before && type === back) sums.backBefore += value;
        if (!included[type]) return;
        add(allDays, day, value);
        if (now) {
          sums.total += value;
          add(days, day, value);
          add(byCountry, countries.codes[0][row], value);
          add(bySegment, segments.codes[0][row], value);
        }
        if (before) sums.before += value;
      });
      const asPounds = (map, texts) =>
        [...map].map(([at, value]) => ({ name: texts[at], value: pounds(chosen, value) })).sort((a, b) => b.value - a.value || (a.name < b.name ? -1 : 1));
      const series = [];
      for (let day = from; day <= to; day += 1) {
        series.push({
          day,
          date: new Date(day * DAY),
          value: days.has(day) ? pounds(chosen, days.get(day)) : null,
          before: allDays.has(day - 364) ? pounds(chosen, allDays.get(day - 364)) : null,
        });
      }
      return {
        from,
        to,
        units: sums.total,
        total: pounds(chosen, sums.total),
        before: fromBefore >= firstDayOfData ? pounds(chosen, sums.before) : null,
        sale: pounds(chosen, sums.sale),
        returned: pounds(chosen, -sums.back),
        returnRate: sums.sale ? -sums.back / sums.sale : null,
        returnRateBefore: fromBefore >= firstDayOfData && sums.saleBefore ? -sums.backBefore / sums.saleBefore : null,
        unitsSold: units(chosen, sums.unitsSold),
        unitsReturned: units(chosen, sums.unitsReturned),
        series,
        countries: asPounds(byCountry, countries.texts),
        segments: asPounds(bySegment, segments.texts),
        types: asPounds(byType, types),
        months: range(chosen).map((month) => {
          const of = months.get(month) ?? { sale: 0, back: 0 };
          return { month, date: monthDate(month), sale: pounds(chosen, of.sale), returned: pounds(chosen, -of.back), rate: of.sale ? -of.back / of.sale : null };
        }),
        ...toDate(chosen, allDays),
      };
    }

    // The last month until the last day, and the same days a year before, each added up day by day.
    function toDate(chosen, allDays) {
      const month = monthOf(lastDay);
      const added = (start, end) => {
        const line = [];
        let sum = 0;
        for (let day = start; day <= end; day += 1) {
          sum += allDays.get(day) ?? 0;
          line.push({ dayOfMonth: day - start + 1, value: pounds(chosen, sum) });
        }
        return { line, sum: pounds(chosen, sum) };
      };
      const now = added(firstDay(month), lastDay);
      const hasBefore = firstDay(month - 12) >= firstDayOfData;
      const whole = hasBefore ? added(firstDay(month - 12), lastDayOf(month - 12)) : null;
      const same = hasBefore ? added(firstDay(month - 12), yearBefore(lastDay)) : null;
      return { toDate: { month, now: now.sum, line: now.line, before: same?.sum ?? null, lineBefore: whole?.line ?? [] } };
    }

    const range = (chosen) => (chosen.to === null ? [] : Array.from({ length: chosen.to - chosen.from + 1 }, (_, at) => chosen.from + at));

    function eachInvoice(chosen, visit) {
      const country = codeOf(countries.texts, chosen.country);
      const segment = codeOf(segments.texts, chosen.segment);
      const member = members(chosen.category);
      for (let row = 0; row < invoiceDay.length; row += 1) {
        if (country >= 0 && countries.codes[2][row] !== country) continue;
        if (segment >= 0 && segments.codes[2][row] !== segment) continue;
        if (member && !member[row]) continue;
        visit(row);
      }
    }

    // Everything that the invoices answer: orders, customers, cohorts and baskets. With a category: the orders that hold
    // something of it, each as a whole.
    function orders(chosen) {
      const to = Math.min(lastDayOf(chosen.to), lastDay);
      const from = firstDay(chosen.from);
      const fromBefore = yearBefore(from);
      const toBefore = yearBefore(to);
      const months = range(chosen);
      const width = months.length;
      const perMonth = months.map((month) => ({ month, date: monthDate(month), orders: 0, fresh: 0, back: 0, without: 0, amountFresh: 0, amountBack: 0, amountWithout: 0 }));
      const seen = new Uint8Array(customers + 1);
      const seenBefore = new Uint8Array(customers + 1);
      const seenInMonth = new Int32Array((customers + 1) * Math.max(1, width));
      const cohorts = new Map();
      const amounts = [];
      const sums = { orders: 0, before: 0, customers: 0, customersBefore: 0, cancelled: 0, amount: 0, amountBefore: 0, lines: 0, units: 0 };
      eachInvoice(chosen, (row) => {
        const day = invoiceDay[row];
        const customer = invoiceCustomer[row];
        if (day >= fromBefore && day <= toBefore && isOrder[row]) {
          sums.before += 1;
          sums.amountBefore += orderAmount[row];
          if (customer && !seenBefore[customer]) {
            seenBefore[customer] = 1;
            sums.customersBefore += 1;
          }
        }
        if (day < from || day > to) return;
        if (isCancellation[row]) sums.cancelled += 1;
        if (!isOrder[row]) return;
        const month = invoiceMonth[row];
        const of = perMonth[month - chosen.from];
        sums.orders += 1;
        sums.amount += orderAmount[row];
        sums.lines += orderLines[row];
        sums.units += orderUnits[row];
        of.orders += 1;
        amounts.push(orderAmount[row] / MONEY_UNITS);
        if (!customer) {
          of.without += 1;
          of.amountWithout += orderAmount[row];
          return;
        }
        const isNew = firstMonth[customer] === month;
        if (isNew) of.amountFresh += orderAmount[row];
        else of.amountBack += orderAmount[row];
        if (!seen[customer]) {
          seen[customer] = 1;
          sums.customers += 1;
        }
        const cell = customer * width + (month - chosen.from);
        if (!seenInMonth[cell]) {
          seenInMonth[cell] = 1;
          if (isNew) of.fresh += 1;
          else of.back += 1;
          const first = firstMonth[customer];
          if (first >= chosen.from) {
            const key = first * 100000 + (month - first);
            cohorts.set(key, (cohorts.get(key) ?? 0) + 1);
          }
        }
      });
      // Sorted as numbers without a comparison in JavaScript, which takes a tenth of the time.
      const baskets = new Float64Array(amounts).sort();
      const hasBefore = fromBefore >= firstDayOfData;
      return {
        orders: sums.orders,
        ordersBefore: hasBefore ? sums.before : null,
        customers: sums.customers,
        customersBefore: hasBefore ? sums.customersBefore : null,
        cancelled: sums.cancelled,
        average: sums.orders ? sums.amount / MONEY_UNITS / sums.orders : null,
        averageBefore: hasBefore && sums.before ? sums.amountBefore / MONEY_UNITS / sums.before : null,
        lines: sums.orders ? sums.lines / sums.orders : null,
        unitsPerOrder: sums.orders ? sums.units / sums.orders : null,
        baskets,
        months: perMonth.map((of) => ({ ...of, amountFresh: of.amountFresh / MONEY_UNITS, amountBack: of.amountBack / MONEY_UNITS, amountWithout: of.amountWithout / MONEY_UNITS })),
        cohorts: cohortTable(cohorts, months),
      };
    }

    // Rows of cohorts: the customers whose first order is of a month, and how many of them ordered in each month since.
    // Closed months only: a month that has just begun would look like a loss.
    function cohortTable(cohorts, months) {
      const closed = months.filter(isClosed);
      const last = closed[closed.length - 1];
      return closed
        .map((month) => {
          const size = cohorts.get(month * 100000) ?? 0;
          const cells = [];
          for (let since = 0; month + since <= last; since += 1) {
            const active = cohorts.get(month * 100000 + since) ?? 0;
            cells.push({ month, date: monthDate(month), since, active, size, rate: size ? active / size : null });
          }
          return { month, date: monthDate(month), size, cells };
        })
        .filter(({ size }) => size > 0);
    }

    // Merchandise by product in the chosen months, and its change in the closed ones of them: against the same months of the
    // year before, or, where the data do not reach back that far, against the months just before.
    function goods(chosen) {
      const country = codeOf(countries.texts, chosen.country);
      const segment = codeOf(segments.texts, chosen.segment);
      const share = shares(chosen.category);
      const closed = range(chosen).filter(isClosed);
      const firstWhole = firstDayOfData === null ? null : firstOfAll + (firstDay(firstOfAll) === firstDayOfData ? 0 : 1);
      const recent = closed.slice(-12);
      const isYear = recent.length > 0 && recent[0] - 12 >= firstOfAll;
      const back = isYear ? 12 : recent.length;
      const canCompare = recent.length > 0 && recent[0] - back >= Math.min(firstOfAll, firstWhole);
      const size = productTexts.length;
      const net = new Float64Array(size);
      const sold = new Float64Array(size);
      const returned = new Float64Array(size);
      const returnedUnits = new Float64Array(size);
      const now = new Float64Array(size);
      const before = new Float64Array(size);
      const first = recent[0];
      const last = recent[recent.length - 1];
      for (let row = 0; row < productMonth.length; row += 1) {
        if (country >= 0 && countries.codes[1][row] !== country) continue;
        if (segment >= 0 && segments.codes[1][row] !== segment) continue;
        const weight = share ? share[sets.codes[1][row]] : 1;
        if (!weight) continue;
        const month = productMonth[row];
        const product = productCode[row];
        const value = (saleAmount[row] + returnAmount[row]) * weight;
        if (month >= chosen.from && month <= chosen.to) {
          net[product] += value;
          sold[product] += (unitsSold[row] - unitsReturned[row]) * weight;
          returned[product] -= returnAmount[row] * weight;
          returnedUnits[product] += unitsReturned[row] * weight;
        }
        if (canCompare) {
          if (month >= first && month <= last) now[product] += value;
          if (month >= first - back && month <= last - back) before[product] += value;
        }
      }
      const of = (product) => ({
        code: productTexts[product],
        name: description.get(productTexts[product]) ?? productTexts[product],
        net: pounds(chosen, net[product]),
        units: units(chosen, sold[product]),
        returned: pounds(chosen, returned[product]),
        returnedUnits: units(chosen, returnedUnits[product]),
        now: pounds(chosen, now[product]),
        before: pounds(chosen, before[product]),
      });
      const places = Array.from({ length: size }, (_, product) => product);
      const best = (keys, keep, count) =>
        places
          .filter((product) => keep(product))
          .sort((a, b) => keys(b) - keys(a) || a - b)
          .slice(0, count)
          .map(of);
      return {
        count: places.filter((product) => net[product] !== 0).length,
        top: best((product) => net[product], (product) => net[product] > 0, 15),
        falling: canCompare ? best((product) => before[product] - now[product], (product) => now[product] < before[product], 15) : [],
        returned: best((product) => returned[product], (product) => returned[product] > 0, 10),
        compared: canCompare ? { first, last, back, isYear } : null,
      };
    }

    return {
      isEmpty: lastDay === null,
      firstDay: firstDayOfData,
      lastDay,
      firstMonth: firstOfAll,
      lastMonth: lastOfAll,
      countries: [...new Set(countries.codes[0])].map((code) => countries.texts[code]).sort(),
      segments: [...new Set(segments.codes[0])].map((code) => segments.texts[code]).sort(),
      categories,
      choice,
      money,
      orders,
      goods,
      isClosed,
    };
  }

  return { open, definitions, monthOf, monthText, monthDate, firstDay, lastDayOf, yearBefore };
})();
