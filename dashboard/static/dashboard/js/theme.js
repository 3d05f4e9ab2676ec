// Takes the theme that was chosen before the page is painted, and lets it be chosen.
(() => {
  const KEY = "cloudintel-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const kept = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // a browser that keeps nothing follows its own preference
    }
  };
  const keep = (theme) => {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // the choice holds for this page
    }
  };
  const current = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");
  const tell = () => document.dispatchEvent(new CustomEvent("themechange"));

  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    const label = () => {
      button.textContent = other() === "dark" ? "Dark theme" : "Light theme";
    };
    label();
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = other();
      keep(root.dataset.theme);
      label();
      tell();
    });
    dark.addEventListener("change", () => {
      label();
      tell();
    });
  });
})();
