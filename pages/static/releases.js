// Moves the limits of a risk, and counts what follows: money in whole cents, never in floats.
"use strict";
addEventListener("DOMContentLoaded", () => {
  const source = document.getElementById("limits-data");
  if (!source) return;
  const { hold, spread, cost, rows } = JSON.parse(source.textContent);
  const part = document.getElementById("limits");
  const holdInput = document.getElementById("hold-limit"), costInput = document.getElementById("review-cost");
  const ACTIONS = ["release", "hold_back_20", "review"];
  const figure = document.getElementById("risk-by-payment");

  const money = (cents) => {
    const text = String(cents).padStart(3, "0");
    return text.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",") + "." + text.slice(-2);
  };
  const percent = (share) => (100 * share).toFixed(1) + " %";

  // The rule of insights.release_decisions; where nothing is moved, the limits of its rows count.
  const actionOf = ([risk, review, , , , kept], chosen) => {
    const isMoved = chosen.hold !== hold || chosen.cost !== BigInt(cost);
    const moved = chosen.hold + Number(chosen.cost) / Number(kept) / spread;
    const limit = review === null ? Infinity : isMoved ? moved : review;
    return risk >= limit ? 2 : risk >= chosen.hold ? 1 : 0;
  };

  function show(chosen) {
    const sums = ACTIONS.map(() => [0n, 0n, 0n, 0n]);
    for (const row of rows) {
      const action = actionOf(row, chosen), sum = sums[action];
      sum[0] += 1n;
      row[2 + action].forEach((cents, place) => { sum[place + 1] += BigInt(cents); });
      if (action === 2) sum[3] += chosen.cost;
    }
    const total = [0, 1, 2, 3].map((place) => sums.reduce((all, sum) => all + sum[place], 0n));
    [...sums, total].forEach((sum, line) => {
      const cells = part.querySelector(`[data-action=${[...ACTIONS, "total"][line]}]`).querySelectorAll("td");
      cells.forEach((cell, place) => {
        cell.textContent = place ? money(sum[place]) : sum[0].toLocaleString("en");
      });
    });
    document.getElementById("hold-shown").textContent = percent(chosen.hold);
    document.getElementById("cost-shown").textContent = money(chosen.cost);
  }

  let chosen = { hold, cost: BigInt(cost) };
  async function move(next) {
    chosen = next;
    show(chosen);
    if (!figure) return;
    const view = await escrow.enliven(figure);
    view.signal("hold", chosen.hold).signal("cost", Number(chosen.cost) / 100).run();
  }
  holdInput.addEventListener("input", () => {
    escrow.keep("hold", holdInput.value);
    move({ ...chosen, hold: Number(holdInput.value) });
  });
  costInput.addEventListener("input", () => {
    escrow.keep("cost", costInput.value);
    move({ ...chosen, cost: BigInt(costInput.value) });
  });
  document.getElementById("limits-reset").addEventListener("click", () => {
    escrow.keep("hold"); escrow.keep("cost");
    Object.assign(holdInput, { value: hold }); Object.assign(costInput, { value: cost });
    move({ hold, cost: BigInt(cost) });
  });
  const kept = escrow.address(), keptHold = kept.get("hold"), keptCost = kept.get("cost") ?? "";
  if (keptHold >= 0 && keptHold <= 1) holdInput.value = keptHold ?? hold;
  if (/^\d{1,15}$/.test(keptCost)) costInput.value = keptCost;
  if (kept.has("hold") || kept.has("cost"))
    move({ hold: kept.has("hold") ? Number(holdInput.value) : hold,
      cost: BigInt(kept.has("cost") ? costInput.value : cost) });
  else show(chosen);
  part.hidden = false;
});
