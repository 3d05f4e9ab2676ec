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
  const forget = () => {
    try {
      localStorage.removeItem(KEY);
    } catch {
      // nothing was kept
    }
  };
  const current = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const other = () => (current() === "dark" ? "light" : "dark");
  const tell = () => document.dispatchEvent(new CustomEvent("themechange"));

  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();

  const choose = (theme) => {
    if (theme) {
      root.dataset.theme = theme;
      keep(theme);
    } else {
      delete root.dataset.theme;
      forget();
    }
    tell();
  };

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    const choices = document.querySelectorAll("[data-theme-choice]");
    const label = () => {
      button.textContent = other() === "dark" ? "Dark theme" : "Light theme";
      choices.forEach((each) => {
        each.setAttribute("aria-pressed", String(each.dataset.themeChoice === (root.dataset.theme ?? "")));
      });
    };
    label();
    button.hidden = false;
    button.addEventListener("click", () => choose(other()));
    document.querySelectorAll("[data-theme-choices]").forEach((each) => {
      each.hidden = false;
    });
    choices.forEach((each) => each.addEventListener("click", () => choose(each.dataset.themeChoice)));
    document.addEventListener("themechange", label);
    dark.addEventListener("change", tell);
  });
})();
