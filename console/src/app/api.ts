import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { AuditService } from "#gen/patwarden/v1/audit_pb.js";
import { SelfService } from "#gen/patwarden/v1/self_pb.js";
import { TokenService } from "#gen/patwarden/v1/token_pb.js";
import { UsageService } from "#gen/patwarden/v1/usage_pb.js";

/** The calls of the views that the page and the element share. */
export interface Api {
  readonly self: Client<typeof SelfService>;
  readonly tokens: Client<typeof TokenService>;
  readonly usage: Client<typeof UsageService>;
  readonly audit: Client<typeof AuditService>;
  /** For clients of services that only one view calls: `createClient(PolicyService, api.transport)`. */
  readonly transport: Transport;
}

/** Returns the clients of this transport. */
export function clientsOf(transport: Transport): Api {
  return {
    self: createClient(SelfService, transport),
    tokens: createClient(TokenService, transport),
    usage: createClient(UsageService, transport),
    audit: createClient(AuditService, transport),
    transport,
  };
}
