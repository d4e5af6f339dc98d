import type { Token } from "#gen/patwarden/v1/token_pb.js";
import { useApp } from "../../app/context.js";
import { useLoad } from "../../app/load.js";
import { Loaded } from "../../ui/loaded.js";
import { recentUsage } from "../usage.js";
import { UsagePicture } from "../usage-picture.js";

/** The use of a token in the last 30 days, and why requests were refused. */
export function Usage({ token }: { readonly token: Token }) {
  const { api } = useApp();
  const usage = useLoad(`${token.id} usage`, (signal) => recentUsage(api, { tokenId: token.id }, undefined, signal));
  return <Loaded of={usage}>{(recent) => <UsagePicture recent={recent} />}</Loaded>;
}
