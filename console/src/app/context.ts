import type { ReadonlySignal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { GetCallerResponse } from "#gen/patwarden/v1/self_pb.js";
import type { Words } from "../words/words.js";
import type { Api } from "./api.js";
import type { Format } from "./format.js";
import type { KeptForms } from "./kept-form.js";
import type { StepUpNeeded } from "./problem.js";
import type { Router } from "./router.js";

/** A resource with a name for people. */
export interface NamedResource {
  /** The id without its type. */
  readonly id: string;
  readonly label: string;
}

/** The differences between the page and the element. */
export interface Host {
  /** Sends the user to sign in and back to this view; the page leaves, the element tells its host. */
  signIn(needed?: StepUpNeeded): void;
  /** Tells the host about a change. Never a secret; the name is empty when several were revoked at once. */
  changed(change: "created" | "rotated" | "revoked", token: { readonly id: string; readonly name: string }): void;
  /** The organization that new tokens are bound to at first. Empty: none. */
  readonly organization: string;
  /** The template that a new token starts from. Empty: none. */
  readonly template: string;
  /** Names and search of resources by type, from the host. */
  readonly resources: Readonly<Record<string, (query: string) => Promise<readonly NamedResource[]>>>;
  readonly forms: KeptForms;
  /** Where tokens identify themselves, `https://tokens.example.com/v1/self`. Undefined: not reachable from here. */
  readonly selfUrl?: string;
}

/** The things that every view has at hand. */
export interface App {
  readonly api: Api;
  readonly router: Router;
  readonly host: Host;
  readonly words: Words;
  readonly format: Format;
  readonly caller: GetCallerResponse;
  /** Whose tokens are shown first, `user:alice` or `organization:acme`. Part of the key of each load. */
  readonly subject: string;
  /** Reads a text to users of screen readers. Never a secret. */
  announce(text: string): void;
  /** The last announcement. */
  readonly announced: ReadonlySignal<string>;
}

export const AppContext = createContext<App | undefined>(undefined);

/** Returns the app. Only for components below `AppContext`. */
export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("a component stands outside of the app");
  return app;
}
