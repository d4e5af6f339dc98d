ALTER TABLE "token" ADD COLUMN "contributors" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "token" ADD COLUMN "holders" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
-- Of tokens from before, everybody whom the trail names.
UPDATE "token" SET
	"contributors" = CASE WHEN "token"."approval" = 'approved' THEN '{}' ELSE seen.names END,
	"holders" = seen.names
FROM (
	SELECT e.token_id, array_agg(DISTINCT hand.name) AS names
	FROM "audit_event" e CROSS JOIN LATERAL (VALUES (e.actor::text), (e.details ->> 'via')) hand(name)
	WHERE e.action IN ('token.created', 'token.updated', 'token.rotated') AND hand.name IS NOT NULL
	GROUP BY e.token_id
) seen
WHERE seen.token_id = "token".id AND "token"."revoked_at" IS NULL;
