/**
 * Starts the page. During a roll-out, one replica may serve this file and another one an older bundle: then the bundle
 * or its style is missing, and the page is loaded once more.
 */
const tried = "pw-reloaded";

async function boot(): Promise<void> {
  const style = document.querySelector<HTMLLinkElement>("link[rel=stylesheet]");
  if (style && !style.sheet) throw new Error("the style sheet is missing");
  await import("./main.js");
  sessionStorage.removeItem(tried);
}

boot().catch((error: unknown) => {
  if (sessionStorage.getItem(tried) === null) {
    sessionStorage.setItem(tried, "1");
    location.reload();
    return;
  }
  sessionStorage.removeItem(tried);
  const text = document.createElement("p");
  text.setAttribute("role", "alert");
  text.textContent = `This page could not be loaded. Load it again in a moment. (${error instanceof Error ? error.message : "unknown"})`;
  document.body.append(text);
});
