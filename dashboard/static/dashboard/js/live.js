// Keeps parts of a page up to date without getting in the way of who uses them.
(() => {
  const opened = new WeakMap();
  const isPoll = (event) => event.detail.elt.matches("[hx-trigger^='every']");
  const isWriting = (part) =>
    part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event) && (document.hidden || isWriting(event.detail.target))) event.preventDefault();
  });
  // What was being written when the answer came is kept: the next answer will do.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target;
    if (isWriting(part)) event.detail.shouldSwap = false;
    const open = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
    opened.set(part, { open, scrolled: [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft) });
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    const part = event.detail.target;
    const before = opened.get(part);
    if (!before) return;
    for (const id of before.open) document.getElementById(id)?.setAttribute("open", "");
    part.querySelectorAll(".scroll").forEach((each, place) => {
      each.scrollLeft = before.scrolled[place] ?? 0;
    });
  });
  for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(failure, (event) => event.detail.target.setAttribute("data-stale", ""));
  }
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.xhr.status < 400) event.detail.target.removeAttribute("data-stale");
  });
})();
