// Shows projects and creators from data that are loaded on demand. All text is set as text.
"use strict";
(() => {
  const chunks = {};
  escrow.chunk = (path, content) => { chunks[path] = content; };
  const loadChunk = async (path) => {
    if (!(path in chunks)) await escrow.load("../" + path);
    return chunks[path];
  };
  const { element, pause, grow } = escrow;
  const settings = JSON.parse(document.getElementById("blocks").textContent);

  // Values come as exact text; shown as pages/formats.py shows them.
  const NUMBERS = ["money", "count", "percent", "bar", "number"];
  const grouped = (text) => text.replace(/^-?\d+/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ","));
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const day = (text) => `${+text.slice(8, 10)} ${MONTHS[text.slice(5, 7) - 1]} ${text.slice(0, 4)}`;
  const percent = (text, digits) => `${(100 * text).toFixed(digits)} %`;
  const FORMS = {
    money: grouped, count: grouped, day, percent,
    number: (text, digits) => grouped((+text).toFixed(digits)),
    timestamp: (text) => `${day(text)}, ${text.slice(11, 16)} UTC`,
  };

  const title = (text, path) => /[^\p{Z}\p{C}]/u.test(text) ? text
    : ["(no title)", /\d+/.exec(path ?? "")].join(" ").trim();

  function shown(column, text, path) {
    if (text === null) return [element("span", { title: "not known" }, "–")];
    if (column.kind === "title") return [element("bdi", {}, title(text, path))];
    if (column.kind !== "bar") return [FORMS[column.kind]?.(text, column.digits) ?? text];
    const part = element("span");
    part.style.width = `${Math.min(100, Math.round(100 * text))}%`;
    return [element("span", { className: "bar" }, part), " " + percent(text, column.digits)];
  }

  function content(column, row) {
    let parts = shown(column, row[column.name], row[column.link]);
    if (column.link && row[column.link])
      parts = [element("a", { href: "../" + row[column.link] }, ...parts)];
    if (column.note && row[column.note] !== null)
      parts.push(" ", element("span", { className: "name" }, row[column.note]));
    return parts;
  }

  const named = (block, values) => Object.fromEntries(block.keys.map((key, place) => [key, values[place]]));

  function tableRow(block, values) {
    const row = named(block, values);
    return element("tr", {}, ...block.columns.map((column, place) => {
      const cell = element(place ? "td" : "th", place ? {} : { scope: "row" }, ...content(column, row));
      if (NUMBERS.includes(column.kind)) cell.className = "number";
      if (["day", "timestamp"].includes(column.kind)) cell.className = column.kind;
      if (row[column.name] === null || !["text", "title"].includes(column.kind) || column.note)
        cell.dataset.order = row[column.name] ?? "";
      return cell;
    }));
  }

  function table(block, rows) {
    if (!rows.length) return element("p", {}, block.empty);
    const heads = block.columns.map((column) => element("th", {
      scope: "col", className: NUMBERS.includes(column.kind) ? "number" : "" }, column.label));
    const made = element("table", { className: "data", id: block.name },
      element("thead", {}, element("tr", {}, ...heads)),
      element("tbody", {}, ...rows.map((values) => tableRow(block, values))));
    const scroll = element("div", { className: "scroll", role: "region", ariaLabel: block.title, tabIndex: 0 }, made);
    return element("div", { className: "table" }, scroll);
  }

  function facts(block, rows, columns = block.columns) {
    const row = named(block, rows[0]);
    return element("dl", { className: "cards" }, ...columns.filter((column) => row[column.name] !== null)
      .map((column) => element("div", {}, element("dt", {}, column.label),
        element("dd", {}, ...content(column, row)))));
  }

  // The page that shows any entity: #<id>
  async function showAny() {
    const id = /^#(-?\d+)/.exec(location.hash)?.[1];
    const heading = document.querySelector("h1"), body = document.getElementById("entity");
    const number = id && BigInt(id) / BigInt(settings.per_file); // a Number is not exact beyond 2^53
    const isThere = id && settings.files.includes(Number(number));
    const data = isThere ? await loadChunk(`${settings.folder}/data/${number}.js`) : null;
    const [header, ...blocks] = settings.blocks;
    const found = data?.[header.name]?.[id];
    for (const each of document.querySelectorAll("[data-rows]")) each.replaceChildren();
    body.hidden = !found;
    if (!found) {
      heading.textContent = id ? `There is no ${settings.entity} ${id}` : `No ${settings.entity} is named`;
      return;
    }
    const name = title(found[0][0], id);
    heading.replaceChildren(element("bdi", {}, name));
    document.title = `${name} · Escrow Milestone Analytics`;
    for (const each of document.querySelectorAll(".entity-id")) each.textContent = id;
    document.querySelector(`[data-rows=${header.name}]`).append(facts(header, found, header.columns.slice(1)));
    for (const block of blocks) {
      const rows = data[block.name]?.[id] ?? [];
      const made = block.is_list && rows.length ? facts(block, rows) : table(block, rows);
      document.querySelector(`[data-rows=${block.name}]`).append(made);
      const inside = made.querySelector("table");
      if (inside) escrow.near.observe(inside);
    }
  }

  // The table that takes more rows once somebody searches, filters, sorts, downloads or asks for
  // them.
  function offerMore(node, button) {
    const [block] = settings.blocks;
    const loadAll = async (table) => {
      button.disabled = true;
      for (let number = 0; number < settings.files; number++) {
        const rows = await loadChunk(`${settings.folder}/data/${block.name}-${number}.js`);
        await grow(table, rows, (values) => tableRow(block, values));
        table.draw(false); // each time, so that the last one has little left to do
        await pause();
      }
      table.trigger("grow");
      button.closest("p").hidden = true;
    };
    node.dataset.total = settings.total;
    node.addEventListener("enhanced", ({ detail: table }) => {
      let loaded;
      node.complete = () => (loaded ??= loadAll(table));
      button.addEventListener("click", node.complete);
      node.closest(".table").addEventListener("focusin", ({ target }) => {
        if (target.matches("input, select")) node.complete();
      });
      if ([...escrow.address().keys()].some((key) => key.startsWith(block.name + "."))) node.complete();
    }, { once: true });
  }

  const button = document.getElementById("load");
  if (button) offerMore(document.getElementById(settings.blocks[0].name), button);
  if (document.getElementById("entity")) {
    addEventListener("hashchange", showAny);
    showAny();
  }
})();
