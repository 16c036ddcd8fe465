"use strict";
// Sorting and filtering of what the page holds already: without script the tables are there, in their first order.
for (const board of document.querySelectorAll(".board")) {
  const body = board.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...board.querySelectorAll("thead th")];
  const controls = board.querySelector(".controls");
  const filter = controls.querySelector(".filter");
  const collator = new Intl.Collator(undefined, { numeric: true });

  const nameOf = (row) => row.cells[0].querySelector(".text").textContent; // without the numbers of its notes

  // The first press shows the best on top, the second turns the order around, the third restores the first order.
  function sortBy(button) {
    const head = button.closest("th");
    const first = button.dataset.better === "high" ? "descending" : "ascending";
    const second = first === "ascending" ? "descending" : "ascending";
    const next = { none: first, [first]: second, [second]: "none" }[head.getAttribute("aria-sort")];
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", next);
    const column = Number(button.dataset.column);
    const sign = next === "ascending" ? 1 : -1;
    const ordered = next === "none" ? rows : [...rows].sort((a, b) => sign * compare(a, b, column, sign));
    body.append(...ordered);
  }

  // Rows without a value stay below, whichever way is sorted.
  function compare(a, b, column, sign) {
    if (column === 0) return collator.compare(nameOf(a), nameOf(b));
    const [x, y] = [a, b].map((row) => row.cells[column].dataset.value || "");
    if (x === "" || y === "") return sign * ((x === "") - (y === ""));
    return Number(x) - Number(y);
  }

  function applyFilters() {
    const wanted = filter.value.trim().toLocaleLowerCase();
    const shown = new Set([...controls.querySelectorAll(".task:checked")].map((box) => box.value));
    const byTask = controls.querySelector(".task") !== null;
    const withPublished = controls.querySelector(".published").checked;
    const withPartial = controls.querySelector(".partial").checked;
    for (const cell of board.querySelectorAll("[data-task]")) cell.hidden = byTask && !shown.has(cell.dataset.task);
    let count = 0;
    for (const row of rows) {
      const named = nameOf(row).toLocaleLowerCase().includes(wanted);
      const scored = [...row.cells].some((cell) => "value" in cell.dataset && !cell.hidden && (withPartial || !cell.classList.contains("partial")));
      row.hidden = !named || !scored || (row.classList.contains("published") && !withPublished);
      for (const cell of row.cells) cell.classList.toggle("off", !withPartial && cell.classList.contains("partial"));
      count += row.hidden ? 0 : 1;
    }
    controls.querySelector(".count").textContent = `${count} of ${rows.length} rows`;
  }

  for (const button of board.querySelectorAll(".sort")) button.addEventListener("click", () => sortBy(button));
  controls.addEventListener("input", applyFilters);
  controls.addEventListener("submit", (event) => event.preventDefault());
  applyFilters();
}
