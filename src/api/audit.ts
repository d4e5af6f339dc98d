import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AuditEvent,
  AuditEventSchema,
  type AuditService,
  type ListAuditEventsRequest,
  ListAuditEventsResponseSchema,
} from "#gen/patwarden/v1/audit_pb.js";
import type { AuditEntry } from "../audit/audit-store.js";
import { type ListAuditEventsOptions, type ListAuditEventsQuery, listAuditEvents } from "../audit/list-audit-events.js";
import { type AuditAction, auditActions, isAuditAction } from "../domain/audit-event.js";
import type { SubjectTypes } from "../domain/identifier.js";
import { parseTokenId } from "../domain/ids.js";
import { checkText } from "../domain/text.js";
import { takeOrganization, takeSubject, takeTime } from "./fields.js";
import type { GuardedHandlers } from "./guard.js";
import { Violations } from "./violations.js";

export interface AuditServiceOptions extends ListAuditEventsOptions {
  readonly subjectTypes: SubjectTypes;
}

/** Returns the handlers of AuditService. */
export function auditService(options: AuditServiceOptions): GuardedHandlers<typeof AuditService> {
  return {
    async listAuditEvents(request, { caller }) {
      const query = parseListAuditEvents(request, options.subjectTypes);
      const { entries, nextPageToken } = await listAuditEvents(options, caller, query);
      return create(ListAuditEventsResponseSchema, { events: entries.map(render), nextPageToken });
    },
  };
}

function parseListAuditEvents(request: ListAuditEventsRequest, subjectTypes: SubjectTypes): ListAuditEventsQuery {
  const violations = new Violations();
  const tokenId = request.tokenId === "" ? undefined : violations.take("token_id", parseTokenId(request.tokenId));
  const subject = takeSubject(violations, "subject", request.subject, subjectTypes);
  const organization = takeOrganization(violations, request.organization, subjectTypes);
  violations.check("actor", checkText(request.actor, { max: 256 }));
  const actions = takeActions(violations, request.actions);
  const secretSha256 = takeSha256(violations, request.secretSha256);
  const start = takeTime(violations, "start_time", request.startTime);
  const end = takeTime(violations, "end_time", request.endTime);
  if (start && end && end <= start) violations.add("end_time", "must be after start_time");
  const pageSize = violations.takePageSize(request.pageSize);
  violations.settle({});
  return {
    filter: {
      ...(tokenId && { tokenId }),
      ...(subject && { subject: subject.name }),
      ...(organization && { organization }),
      ...(request.actor !== "" && { actor: request.actor }),
      ...(actions.length > 0 && { actions }),
      ...(start && { start }),
      ...(end && { end }),
    },
    secretSha256,
    pageSize,
    pageToken: request.pageToken,
  };
}

const maxActions = 50;

/** Returns each action once, in a fixed order: a page token is valid for any order. */
function takeActions(violations: Violations, texts: readonly string[]): readonly AuditAction[] {
  if (texts.length > maxActions) {
    violations.add("actions", `must have at most ${maxActions} entries`);
    return [];
  }
  for (const [index, text] of texts.entries()) {
    if (!isAuditAction(text)) violations.add(`actions[${index}]`, `must be one of ${auditActions.join(", ")}`);
  }
  return auditActions.filter((action) => texts.includes(action));
}

function takeSha256(violations: Violations, text: string): Uint8Array | undefined {
  if (text === "") return undefined;
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  violations.add("secret_sha256", "must be the SHA-256 of the secret, 64 hexadecimal digits");
  return undefined;
}

function render({ event, seal }: AuditEntry): AuditEvent {
  return create(AuditEventSchema, {
    id: event.id,
    time: timestampFromDate(event.time),
    actor: event.actor,
    action: event.action,
    subject: event.subject ?? "",
    tokenId: event.tokenId ?? "",
    clientIp: event.clientIp ?? "",
    outcome: event.outcome,
    details: { ...event.details },
    previousHash: seal ? hex(seal.previousHash) : "",
    hash: seal ? hex(seal.hash) : "",
  });
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
