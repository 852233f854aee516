/* What the pages do beyond what the server sends; all of them can be read without this. */
"use strict";
(() => {
  const root = document.documentElement;

  // Times in the reader's zone.
  const full = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short" });
  const relative = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto", style: "short" });
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];

  function since(moment) {
    const seconds = (moment - Date.now()) / 1000;
    for (const [unit, size] of units) {
      if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
    }
    return relative.format(0, "second");
  }

  function showTimes(within) {
    for (const element of within.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      if (element.dataset.ago === undefined) {
        element.textContent = full.format(moment);
        element.title = element.dateTime;
      } else {
        element.textContent = since(moment);
        element.title = full.format(moment);
      }
    }
  }

  // Light or dark, kept in a cookie so that the server sends the page in the right colours.
  function isDark() {
    return root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
  }

  function switchTheme() {
    const theme = isDark() ? "light" : "dark";
    root.dataset.theme = theme;
    document.cookie = `acpublish_theme=${theme}; path=/; max-age=31536000; samesite=strict`;
  }

  async function copy(button) {
    const text = button.closest(".command").querySelector("code").textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Over plain http a browser has no clipboard, but it copies what is selected.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const before = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = before; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-theme-switch], [data-copy], [data-opens], [data-closes]");
    if (!target) return;
    if (target.matches("[data-theme-switch]")) switchTheme();
    else if (target.matches("[data-copy]")) copy(target);
    else if (target.matches("[data-opens]")) document.getElementById(target.dataset.opens).showModal();
    else {
      const dialog = target.closest("dialog");
      if (dialog) event.preventDefault();
      dialog?.close();
    }
  });

  // A form that was put into a dialog.
  document.addEventListener("htmx:afterSwap", (event) => {
    const dialog = event.target.closest?.("dialog");
    if (dialog && !dialog.open) dialog.showModal();
  });

  // A box that checks all those of its table.
  document.addEventListener("change", (event) => {
    const name = event.target.dataset?.checks;
    if (!name) return;
    for (const box of event.target.closest("table").querySelectorAll("input[type=checkbox]")) {
      if (box.name === name) box.checked = event.target.checked;
    }
  });

  // What is empty in the form of a filter need not be in the address.
  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });

  // A select that sends its form as soon as something is chosen.
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });

  // Files that are dropped go into the field, which sends its form as soon as it has any.
  function receiveDrops(place) {
    const field = place.querySelector("input[type=file]");
    let depth = 0;
    const show = (change) => {
      depth = Math.max(0, depth + change);
      place.classList.toggle("over", depth > 0);
    };
    place.addEventListener("dragenter", (event) => { event.preventDefault(); show(1); });
    place.addEventListener("dragover", (event) => event.preventDefault());
    place.addEventListener("dragleave", () => show(-1));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      show(-depth);
      if (!event.dataTransfer.files.length) return;
      field.files = event.dataTransfer.files;
      field.dispatchEvent(new Event("change", { bubbles: true }));
    });
    field.addEventListener("change", () => {
      if (!field.files.length || !field.form) return;
      place.classList.add("busy");
      field.form.requestSubmit();
    });
  }

  // The secret of a link that signs in is behind "#", which no browser sends; the form sends it.
  function useLink() {
    const form = document.getElementById("link-form");
    if (!form || location.hash.length < 20) return;
    form.elements.link.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
    form.submit();
  }

  // A browser sends no session along with a link on another site, such as in a mail; when this page
  // asks, it does. Whoever is signed in then goes on to where the link leads.
  async function comeBack() {
    const form = document.getElementById("sign-in-form");
    if (!form?.elements.next.value) return;
    const response = await fetch(location.href, { redirect: "manual" });
    if (response.type === "opaqueredirect") location.replace(location.href);
  }

  // What can be used only with this script, and what only without.
  function reveal(within) {
    for (const element of within.querySelectorAll("[data-without-script]")) element.hidden = true;
    for (const element of within.querySelectorAll("[data-needs-script]")) element.hidden = false;
  }

  document.addEventListener("htmx:load", (event) => {
    const within = event.detail.elt.parentElement || document;
    showTimes(within);
    reveal(within);
  });
  // Whoever is about to send a form keeps it.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.querySelector("dialog[open]")) event.detail.shouldSwap = false;
  });
  document.querySelectorAll("[data-drop]").forEach(receiveDrops);
  reveal(document);
  showTimes(document);
  setInterval(() => showTimes(document), 30000);
  useLink();
  comeBack();
})();
