ALTER TABLE "token" ADD COLUMN "justification" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "token" ADD COLUMN "approved" jsonb;--> statement-breakpoint
-- Of tokens that are approved now, what they may do: the holder may have narrowed them since.
UPDATE "token" SET "approved" = jsonb_strip_nulls(jsonb_build_object(
	'grant', grant_rules,
	'allowedCidrs', to_jsonb(allowed_cidrs),
	'notBefore', to_char(not_before AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
	'expireTime', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
	'selfRotate', self_rotate,
	'by', decided_by,
	'via', decided_via,
	'time', to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
	'comment', decision_comment
)) WHERE approval = 'approved' AND revoked_at IS NULL;