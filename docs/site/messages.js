// SPDX-FileCopyrightText: 2026 The xapi.network authors
// SPDX-License-Identifier: GPL-3.0-or-later
// Shows the rows of the table that the pasted text may be: it fits the message with its gaps filled, or is a part of it.
(() => {
  const field = document.getElementById("find-message");
  const told = document.getElementById("found-messages");
  const rows = [...document.querySelectorAll("table.messages tbody tr")].map((row) => {
    const text = row.cells[0].textContent.trim().replace(/\s+/g, " ");
    const parts = text.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\s+"));
    return { row, text: text.toLowerCase(), pattern: new RegExp(parts.join("[\\s\\S]*?"), "i"), solid: text.replaceAll("…", "").length };
  });
  const find = () => {
    const said = field.value.trim().replace(/\s+/g, " ");
    let found = 0;
    for (const { row, text, pattern, solid } of rows) {
      const fits = !said || text.includes(said.toLowerCase()) || (solid > 12 && pattern.test(said));
      row.hidden = !fits;
      found += fits ? 1 : 0;
    }
    told.textContent = said ? `${found} of ${rows.length} fit.` : "";
  };
  field.addEventListener("input", find);
  field.value = new URLSearchParams(location.search).get("find") || "";
  find();
})();
