ALTER TABLE "audit_event" ADD COLUMN "organization" text COLLATE "C";--> statement-breakpoint
-- Events from before: the organization of the token,
UPDATE "audit_event" e SET "organization" = CASE t.kind WHEN 'oat' THEN t.subject ELSE t.organization END
FROM "token" t WHERE t.id = e.token_id AND (t.kind = 'oat' OR t.organization IS NOT NULL);--> statement-breakpoint
-- or of a token that was deleted, as the event of its creation says,
UPDATE "audit_event" e SET "organization" = made.details ->> 'organization.after'
FROM "audit_event" made
WHERE made.token_id = e.token_id AND made.action = 'token.created' AND made.details ->> 'organization.after' IS NOT NULL
	AND e.organization IS NULL;--> statement-breakpoint
-- of the policy,
UPDATE "audit_event" SET "organization" = details ->> 'scope'
WHERE action IN ('policy.changed', 'policy.loosened') AND details ->> 'scope' NOT IN ('user', 'organization');--> statement-breakpoint
-- or the subject itself, if something says that it is an organization.
UPDATE "audit_event" e SET "organization" = e.subject
WHERE e.organization IS NULL AND e.subject IN (
	SELECT organization FROM "audit_event" UNION SELECT subject FROM "token" WHERE kind = 'oat'
	UNION SELECT scope FROM "policy" WHERE scope NOT IN ('user', 'organization')
);--> statement-breakpoint
CREATE INDEX "audit_event_organization" ON "audit_event" USING btree ("organization","id") WHERE "audit_event"."organization" is not null;--> statement-breakpoint
CREATE INDEX "audit_event_organization_action" ON "audit_event" USING btree ("organization","action","id") WHERE "audit_event"."organization" is not null;--> statement-breakpoint
CREATE INDEX "audit_event_action" ON "audit_event" USING btree ("action","id");