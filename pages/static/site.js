// What pages can do beyond being read. Without scripts they show the same, only still.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");
  const assets = document.currentScript.src.replace(/site\.js$/, "");
  const loaded = {};
  const load = (name) => (loaded[name] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    Object.assign(script, { src: assets + name, onload: resolve, onerror: reject });
    document.head.append(script);
  }));
  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };

  // The address keeps what tables show: #name.search=…&name.2=…&name.sort=3d , beside the place on
  // the page.
  // A page that shows any entity has its id first: #7&name.search=…
  const address = () => new URLSearchParams(/=|^#\d+$/.test(location.hash) ? location.hash.slice(1) : "");
  const keep = (key, value) => {
    const state = address();
    if (value) state.set(key, value); else state.delete(key);
    history.replaceState(null, "", "#" + state);
  };

  // Tables
  const SHORT = 10; // rows: up to here searching and turning pages would be in the way
  const ROWS = 25; // on one page of a table
  const AT_ONCE = 50; // rows that a table takes in one go
  const plain = (text) => text.replace(/\s+/g, " ").trim();

  function control(label, made) {
    return element("label", {}, label + " ", made);
  }

  function filterOf(table, column, name, title) {
    const textOf = (cell) => plain(cell.firstChild?.textContent ?? "");
    const select = element("select", {}, element("option", { value: "" }, "all"));
    let texts; // of each row; asking the table again for each is slow
    const fill = () => {
      texts = table.column(column, { order: "index" }).nodes().toArray().map(textOf);
      const choices = new Set(texts);
      const wanted = select.value || address().get(`${name}.${column}`);
      select.replaceChildren(select.options[0],
        ...[...choices].filter(Boolean).sort().map((text) => element("option", {}, text)));
      if (choices.has(wanted)) select.value = wanted;
    };
    const apply = () => {
      const wanted = select.value;
      table.column(column).search.fixed("filter", wanted === "" ? "" : (_, __, row) =>
        texts[row] === wanted);
      table.draw();
    };
    select.addEventListener("change", () => { keep(`${name}.${column}`, select.value); apply(); });
    fill();
    if (select.value) apply();
    table.on("grow", () => { fill(); if (select.value) apply(); }); // rows were added
    return control(title, select);
  }

  const pause = () => new Promise((resolve) => setTimeout(resolve));

  // Adds rows that `make` makes of items, few at a time, so that nothing blocks.
  async function grow(table, items, make = (row) => row) {
    for (let start = 0; start < items.length; start += AT_ONCE) {
      table.rows.add(items.slice(start, start + AT_ONCE).map(make));
      await pause();
    }
  }

  async function enhance(node) {
    const rows = [...node.tBodies[0].rows], isLong = rows.length > SHORT, name = node.id;
    node.tBodies[0].replaceChildren(...rows.slice(0, ROWS));
    const heads = [...node.tHead.rows[0].cells];
    const [, place, direction] = /^(\d+)([ad])$/.exec(address().get(`${name}.sort`)) ?? [];
    const table = new DataTable(node, {
      order: place < heads.length ? [[+place, direction === "a" ? "asc" : "desc"]] : [],
      autoWidth: false, // the types are known: looking for them takes most of the time
      columns: heads.map((head) => ({ type: head.classList.contains("number") ? "num" : "string-utf8" })),
      paging: isLong, pageLength: ROWS, searching: true, info: false,
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: isLong ? "paging" : null },
      language: { emptyTable: "Nothing to show.", zeroRecords: "No row fits the search." },
    });
    await grow(table, rows.slice(ROWS));
    if (!node.isConnected) return; // another entity is shown in its place
    const count = element("span", { className: "count", ariaLive: "polite" });
    const bar = element("div", { className: "table-controls" });
    if (isLong) {
      const search = element("input", { type: "search" });
      search.addEventListener("input", () => {
        keep(`${name}.search`, search.value);
        table.search(search.value).draw();
      });
      bar.append(control("Search", search));
      search.value = address().get(`${name}.search`) ?? "";
      table.search(search.value);
    }
    heads.forEach((head, column) => {
      if ("filter" in head.dataset) bar.append(filterOf(table, column, name, plain(head.textContent)));
    });
    const download = element("button", { type: "button" }, "Download CSV");
    download.addEventListener("click", async () => { // some tables have rows that are not loaded yet
      await node.complete?.();
      save(table, heads, name);
    });
    bar.append(download, count);
    const say = () => {
      table.table().container().querySelector(".dt-paging nav")?.setAttribute("aria-label", `Pages of ${name}`);
      const { recordsDisplay, recordsTotal } = table.page.info();
      const total = +(node.dataset.total ?? recordsTotal);
      const grouped = (number) => number.toLocaleString("en-US");
      count.textContent = recordsDisplay === total
        ? (isLong ? `${grouped(total)} rows` : "") : `${grouped(recordsDisplay)} of ${grouped(total)} rows`;
    };
    table.on("draw", say).draw();
    table.on("order", () => {
      const [[column, order] = []] = table.order();
      keep(`${name}.sort`, order ? column + order[0] : "");
      node.complete?.();
    });
    node.closest(".table").prepend(bar);
    if (isLong) { // paper has all rows
      addEventListener("beforeprint", () => table.page.len(-1).draw());
      addEventListener("afterprint", () => table.page.len(ROWS).draw());
    }
    node.dispatchEvent(new CustomEvent("enhanced", { detail: table }));
  }

  // Downloads hold the exact values, not their shown form, then the second line of a cell.
  const notes = (cell) => [...cell.children].filter((part) => part.matches(".name"));
  const value = (cell) => cell.dataset.order ?? plain([...cell.childNodes]
    .filter((part) => !notes(cell).includes(part)).map((part) => part.textContent).join(""));
  const note = (cell) => plain(notes(cell).map((part) => part.textContent).join(" "));
  const idOf = (pattern) => (row) =>
    [...row.querySelectorAll("a")].map((link) => pattern.exec(link.href)?.[1]).find(Boolean) ?? "";
  const IDS = [ // of what a row leads to
    ["Project id", idOf(/\/projects\/(?:any\.html#)?(\d+)/)],
    ["Milestone id", idOf(/[#&]milestone[-=](\d+)/)],
    ["Creator id", idOf(/\/creators\/(?:any\.html#)?(\d+)/)],
  ];

  function save(table, heads, name) {
    const rows = table.rows({ search: "applied", order: "applied" }).nodes().toArray();
    const columns = heads.flatMap((head, place) => {
      const heading = plain(head.textContent), isText = rows.some((row) => plain(row.cells[place].textContent));
      const each = [[heading, (row) => value(row.cells[place])], [heading + ", note", (row) => note(row.cells[place])]];
      return each.filter(([, text], isNote) => isNote ? rows.some(text) : isText);
    });
    columns.push(...IDS.filter(([heading, id]) => rows.some(id) && !columns.some(([same]) => same === heading)));
    // what a spreadsheet would run as a formula stays text
    const quoted = (text) => `"${(/^[=+@\t\r]|^-(?![\d.]+$)/.test(text) ? "'" + text : text).replace(/"/g, '""')}"`;
    const lines = [columns.map(([heading]) => heading), ...rows.map((row) => columns.map(([, text]) => text(row)))];
    const text = lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
    const file = new Blob(["\ufeff", text], { type: "text/csv" }); // the mark tells Excel that names are UTF-8
    const link = element("a", { href: URL.createObjectURL(file), download: `${name}.csv` });
    link.click();
    URL.revokeObjectURL(link.href);
  }

  addEventListener("hashchange", () => { if (location.hash.includes("=")) location.reload(); });

  // Charts: the drawing stays until somebody points at it.
  // Returns the view, so that a page's own script can move its parameters.
  const enliven = (figure) => (figure.view ??= (async () => {
    await load("vega.js");
    const specification = JSON.parse(figure.querySelector("script").textContent);
    const drawing = figure.querySelector(".drawing");
    const room = drawing.clientWidth - 70; // beside the plot stand an axis and its title
    if (typeof specification.width === "number") specification.width = Math.min(specification.width, room);
    const live = element("div", { className: "live", ariaHidden: "true" }); // described by the drawing around it
    const { view } = await vegaEmbed(live, specification, { renderer: "svg", actions: false });
    drawing.replaceChildren(live);
    return view;
  })());

  // A table becomes interactive when it comes near the window, so that no page waits for all.
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      load("datatables.js").then(() => setTimeout(() => enhance(target)));
    }
  }, { rootMargin: "300px" });

  function start() {
    document.querySelectorAll("table.data").forEach((node) => near.observe(node));
    for (const figure of document.querySelectorAll("figure.chart:has(> script)"))
      for (const event of ["pointerover", "touchstart"])
        figure.addEventListener(event, () => enliven(figure), { once: true, passive: true });
  }
  let opened = []; // paper has what is folded away
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("main details:not([open])")];
    for (const each of opened) each.open = true;
  });
  addEventListener("afterprint", () => { for (const each of opened) each.open = false; });

  window.escrow = { load, element, keep, address, near, enliven, pause, grow };
  document.readyState === "complete" ? start() : addEventListener("load", start);
})();
