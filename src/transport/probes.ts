import { type Route, send, sendJson } from "./route.js";

/** Whether the process can serve calls now, and why not. Values must contain no secret: anybody may read them. */
export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** `/livez`: 200 as long as the process serves at all; restart it when it does not answer. */
export const livez: Route = {
  method: "GET",
  path: "/livez",
  handle(_request, response) {
    send(response, 200, "text/plain", "ok");
  },
};

/**
 * Returns `/livez`, and `/readyz`: 200, or 503 with the reasons as JSON. Send no traffic to a process that answers 503.
 */
export function probes(readiness: () => Readiness): readonly Route[] {
  return [
    livez,
    {
      method: "GET",
      path: "/readyz",
      handle(_request, response) {
        const current = readiness();
        sendJson(response, current.ready ? 200 : 503, current);
      },
    },
  ];
}
