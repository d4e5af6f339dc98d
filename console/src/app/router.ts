import { type ReadonlySignal, signal } from "@preact/signals";

/** Where the user is: `/tokens/tok_1` and the parameters after it. */
export interface Route {
  readonly path: string;
  readonly query: URLSearchParams;
}

/** Moves between the views. */
export interface Router {
  readonly route: ReadonlySignal<Route>;
  /** The address of a link. Undefined in the element, whose routes have none. */
  href(to: string): string | undefined;
  /** Opens `/path?query`. `replace` leaves no entry in the history. Default `push`. */
  go(to: string, how?: "push" | "replace"): void;
  /**
   * Holds the user on the view: each way out first calls `ask`, with a function that then really leaves. Undefined
   * ends it.
   */
  hold(ask: ((leave: () => void) => void) | undefined): void;
}

export const routeOf = (to: string): Route => {
  const at = to.indexOf("?");
  return at < 0
    ? { path: to, query: new URLSearchParams() }
    : { path: to.slice(0, at), query: new URLSearchParams(to.slice(at + 1)) };
};

/** The router of the element. */
export interface MemoryRouter extends Router {
  /** Whether a view holds the user. */
  readonly held: ReadonlySignal<boolean>;
}

/** The routes of the element: in memory, as the address belongs to the host. */
export function memoryRouter(start = "/"): MemoryRouter {
  const route = signal(routeOf(start));
  const isHeld = signal(false);
  let held: ((leave: () => void) => void) | undefined;
  const unload = (event: Event) => event.preventDefault();
  return {
    route,
    held: isHeld,
    href: () => undefined,
    go: (to) => {
      const leave = () => {
        route.value = routeOf(to);
      };
      if (held) held(leave);
      else leave();
    },
    hold: (ask) => {
      held = ask;
      isHeld.value = ask !== undefined;
      window.removeEventListener("beforeunload", unload);
      if (ask) window.addEventListener("beforeunload", unload);
    },
  };
}

/** The routes of the page: the browser's address and history. */
export function historyRouter(): Router {
  const here = () => routeOf(location.pathname + location.search);
  const route = signal(here());
  let held: ((leave: () => void) => void) | undefined;
  const unload = (event: Event) => event.preventDefault();
  const hold: Router["hold"] = (ask) => {
    // An entry of its own: the first step back stays on the view and can be asked about.
    if (ask && history.state !== "held") history.pushState("held", "");
    held = ask;
    window.removeEventListener("beforeunload", unload);
    if (ask) window.addEventListener("beforeunload", unload);
  };
  addEventListener("popstate", () => {
    if (!held) {
      route.value = here();
      return;
    }
    history.pushState("held", "");
    held(() => {
      hold(undefined);
      history.go(-2);
    });
  });
  return {
    route,
    href: (to) => to,
    go: (to, how = "push") => {
      const leave = () => {
        const replace = how === "replace" || history.state === "held";
        hold(undefined);
        if (replace) history.replaceState(null, "", to);
        else history.pushState(null, "", to);
        route.value = routeOf(to);
        if (how === "push") scrollTo(0, 0);
      };
      if (held) held(leave);
      else leave();
    },
    hold,
  };
}
