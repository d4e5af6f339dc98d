/** The style of the pages of `patwarden dev`. */
export const style = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1a1d24, #eceef3);
  --quiet: light-dark(#5c6370, #a1a8b5);
  --ground: light-dark(#f4f5f7, #101217);
  --card: light-dark(#fff, #191c23);
  --line: light-dark(#dfe2e8, #30353f);
  --accent: light-dark(#2a5bd7, #8fb0ff);
  --tint: light-dark(#e8eefc, #222d49);
}
* { box-sizing: border-box; }
body {
  margin: 0;
  min-height: 100vh;
  padding: 2rem 1rem;
  background: var(--ground);
  color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif;
}
h1 { margin: 0 0 .25rem; font-size: 1.375rem; line-height: 1.25; letter-spacing: -.01em; }
p { margin: 0 0 1rem; color: var(--quiet); }
a { color: var(--accent); }
code { font: .9em ui-monospace, monospace; }
.card {
  max-width: 26rem;
  margin: 10vh auto 0;
  padding: 2rem;
  border: 1px solid var(--line);
  border-radius: .75rem;
  background: var(--card);
}
.wide { max-width: 68rem; margin: 0 auto; }
patwarden-tokens {
  display: block;
  padding: 1.5rem;
  border: 1px solid var(--line);
  border-radius: .75rem;
  background: var(--card);
}
.people { display: grid; gap: .5rem; margin: 1.5rem 0; padding: 0; list-style: none; }
.people button {
  display: grid;
  grid-template-columns: 2.5rem 1fr;
  gap: 0 .875rem;
  align-items: center;
  width: 100%;
  padding: .75rem .875rem;
  border: 1px solid var(--line);
  border-radius: .5rem;
  background: none;
  color: inherit;
  font: inherit;
  text-align: start;
  cursor: pointer;
}
.people button:hover { border-color: var(--accent); background: var(--tint); }
.people button:focus-visible, a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.initial {
  grid-row: span 2;
  display: grid;
  place-items: center;
  width: 2.5rem;
  height: 2.5rem;
  border-radius: 50%;
  background: var(--tint);
  color: var(--accent);
  font-weight: 600;
}
.people strong { line-height: 1.3; font-weight: 600; }
.about { color: var(--quiet); font-size: .875rem; line-height: 1.35; }
.note { margin: 0; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .8125rem; }
@media (forced-colors: active) { .initial { border: 1px solid; } }
`;
