import type { View } from "./app-root.js";
import { CreateView } from "./create/create-view.js";
import { TokenView } from "./token/token-view.js";
import { TokensView } from "./tokens/tokens-view.js";

/** The views that the page and the element have. */
export const sharedViews: readonly View[] = [
  { path: /^\/$/, view: TokensView },
  { path: /^\/new$/, view: CreateView },
  { path: /^\/tokens\/(tok_[0-9a-z]{26})$/, view: TokenView },
];
