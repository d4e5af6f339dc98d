import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Reason } from "#gen/patwarden/v1/reason_pb.js";
import { noBrowser, type Visit } from "../kit/browser.js";
import { makeToken, revokeToken, rotateToken } from "./element-steps.js";
import { documented, type HostPage, type HostSite, startHostSite } from "./host-site.js";

/** Keeps every event of the element, as a host's script would get it. */
const recorder = `
const seen = [];
globalThis.seen = seen;
for (const name of ["created", "rotated", "revoked", "sign-in-needed", "step-up"])
  document.addEventListener("patwarden-" + name, ({ type, detail }) => seen.push({ type, detail }));
globalThis.getAccessToken = async () => (await fetch("/access-token")).text();
`;

/** The pages of docs/embed.md. */
const hosts: Readonly<Record<string, HostPage>> = {
  "plain HTML": {
    body: documented("html", "<patwarden-tokens").replaceAll(/<script.*<\/script>\n/g, ""),
    files: {
      "main.js": 'import "./recorder.js"; import "./settings.js"; import "patwarden/elements";',
      "recorder.js": recorder,
      "settings.js": documented("js", "// settings.js"),
    },
  },
  "React 19": {
    files: {
      "main.tsx": `import "./recorder.js";
        import { createRoot } from "react-dom/client";
        import { Tokens } from "./Tokens.tsx";
        createRoot(document.getElementById("app")).render(<Tokens getAccessToken={getAccessToken} />);`,
      "recorder.js": recorder,
      "Tokens.tsx": documented("tsx", "// Tokens.tsx"),
    },
  },
  "Vue 3": {
    trustedTypes: "vue",
    files: {
      "main.js": `import "./recorder.js";
        import { createApp } from "vue";
        import Tokens from "./Tokens.vue";
        createApp(Tokens, { getAccessToken }).mount("#app");`,
      "recorder.js": recorder,
      "Tokens.vue": documented("vue", "<!-- Tokens.vue"),
    },
  },
};

describe.skipIf(noBrowser)(`the element in a host's page${noBrowser ? `: SKIPPED, ${noBrowser}` : ""}`, () => {
  let site: HostSite;
  beforeAll(async () => {
    site = await startHostSite();
  });
  afterAll(() => site?.stop());

  /** Returns everything that scripts and storage of the host could find the secret in, but the field itself. */
  const tracesIn = ({ page }: Visit): Promise<string> =>
    page.evaluate(() => {
      const { seen } = globalThis as unknown as { seen: unknown };
      const shadow = document.querySelector("patwarden-tokens")?.shadowRoot;
      return JSON.stringify([
        [seen, location.href, history.state, document.title, document.cookie],
        [{ ...localStorage }, { ...sessionStorage }],
        [document.documentElement.outerHTML, shadow?.innerHTML],
      ]);
    });

  it.each(Object.keys(hosts))("makes, rotates and revokes a token in %s", async (name) => {
    const { patwarden } = site;
    const visit = await site.open(hosts[name] as HostPage);
    const element = visit.page.locator("patwarden-tokens");
    const first = await makeToken(element, "deploy");
    expect(await patwarden.check(first)).toBe(Reason.ALLOWED);
    const second = await rotateToken(element, "deploy");
    expect(second).not.toBe(first);
    expect(await patwarden.check(second)).toBe(Reason.ALLOWED);
    expect(await visit.inaccessible()).toEqual([]);
    await revokeToken(element, "deploy");
    expect(await patwarden.check(second)).toBe(Reason.TOKEN_REVOKED);

    const detail = { id: expect.stringMatching(/^tok_/), name: "deploy" };
    expect(await visit.page.evaluate("seen")).toEqual(
      ["created", "rotated", "revoked"].map((change) => ({ type: `patwarden-${change}`, detail })),
    );
    if (name !== "plain HTML") expect(await visit.page.title()).toBe("Made deploy");
    const traces = await tracesIn(visit);
    for (const secret of [first, second]) expect(traces).not.toContain(secret.slice(0, -12));
    expect(visit.problems).toEqual([]);
    await visit.close();
  });
});
