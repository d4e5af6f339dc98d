import type { PatwardenTokens, PatwardenTokensEventMap } from "./patwarden-tokens.js";

/** `onpatwarden-created` and the others: React 19 listens for what stands after `on`. */
type Listeners = {
  [Name in keyof PatwardenTokensEventMap as `on${Name}`]?: (event: PatwardenTokensEventMap[Name]) => void;
};

/** The attributes and properties of `<patwarden-tokens>` in JSX. `baseUrl` and `base-url` are the same. */
export type PatwardenTokensProps = Partial<
  Pick<PatwardenTokens, "baseUrl" | "subject" | "organization" | "template" | "getAccessToken" | "fetch" | "resources">
> &
  Listeners & { readonly "base-url"?: string };

declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "patwarden-tokens": DetailedHTMLProps<HTMLAttributes<PatwardenTokens>, PatwardenTokens> & PatwardenTokensProps;
    }
  }
}
