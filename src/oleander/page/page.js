"use strict";
const table = document.getElementById("claims-table");
const body = table.tBodies[0];
const rows = Array.from(body.rows);
const search = document.getElementById("search");
const choices = ["verdict", "kind", "paper"].map((name) => document.getElementById(`choose-${name}`));
const count = document.getElementById("count");

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const fits = words.every((word) => text.includes(word))
      && choices.every((choice) => choice.value === "" || row.dataset[choice.name] === choice.value);
    row.hidden = !fits;
    shown += fits;
  }
  count.textContent = `${shown} of ${rows.length} lines`;
}

function sort(head) {
  const column = head.cellIndex;
  const turned = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const compare = (one, other) => {
    // What has no value stands last, whichever way the others go.
    if (one === "" || other === "") return (one === "") - (other === "");
    const numbers = [Number(one), Number(other)];
    return turned * (numbers.some(Number.isNaN) ? one.localeCompare(other, "en", { numeric: true })
      : numbers[0] - numbers[1]);
  };
  rows.sort((one, other) => compare(key(one), key(other)));
  for (const other of head.parentNode.cells) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", turned === 1 ? "ascending" : "descending");
  body.append(...rows);
}

search.addEventListener("input", filter);
for (const choice of choices) choice.addEventListener("change", filter);
for (const head of table.tHead.rows[0].cells) head.firstElementChild.addEventListener("click", () => sort(head));
for (const link of document.querySelectorAll("a[data-file]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById(link.dataset.file).click();
  });
}
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
filter();
