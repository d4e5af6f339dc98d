ALTER TABLE "token" ADD COLUMN "decided_via" text;--> statement-breakpoint
-- Of approvals from before, the service that the trail names.
UPDATE "token" SET "decided_via" = e.details ->> 'via'
FROM "audit_event" e
WHERE e.token_id = "token".id AND e.action = 'token.approved' AND e.at = "token".decided_at AND "token"."approval" = 'approved' AND "token"."revoked_at" IS NULL;
