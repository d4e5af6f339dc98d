import type { GetCatalogResponse } from "#gen/patwarden/v1/self_pb.js";
import { useApp } from "./context.js";
import { type Loading, useLoad } from "./load.js";

/** Fetches the words for what tokens of a subject may do, and its templates. Default: the calling user. */
export function useCatalog(subject = ""): Loading<GetCatalogResponse> {
  const { api, format, caller } = useApp();
  const request = { subject, language: format.locale };
  return useLoad(JSON.stringify([caller.caller, request]), (signal) => api.self.getCatalog(request, { signal }));
}
