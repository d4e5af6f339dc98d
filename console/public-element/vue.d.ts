import type { HTMLAttributes, PublicProps } from "vue";
import type { PatwardenTokens, PatwardenTokensEventMap } from "./patwarden-tokens.js";

/** `@patwarden-created` and the others. */
type Listeners = {
  [Name in keyof PatwardenTokensEventMap as `on${Capitalize<Name>}`]?: (event: PatwardenTokensEventMap[Name]) => void;
};

/** The attributes and properties of `<patwarden-tokens>` in a template. */
export type PatwardenTokensProps = Partial<
  Pick<PatwardenTokens, "baseUrl" | "subject" | "organization" | "template" | "getAccessToken" | "fetch" | "resources">
>;

declare module "vue" {
  interface GlobalComponents {
    "patwarden-tokens": new () => {
      $props: PatwardenTokensProps & Listeners & Omit<HTMLAttributes, keyof PatwardenTokensProps> & PublicProps;
      $emit: <Name extends keyof PatwardenTokensEventMap>(name: Name, event: PatwardenTokensEventMap[Name]) => void;
    };
  }
}
