CREATE TABLE "pepper_check" (
	"version" smallint PRIMARY KEY NOT NULL,
	"check_value" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "policy" (
	"scope" text COLLATE "C" PRIMARY KEY NOT NULL,
	"fields" jsonb NOT NULL,
	"revision" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "request" (
	"caller" text COLLATE "C" NOT NULL,
	"request_id" text NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"token_id" uuid NOT NULL,
	"sealed_secret" "bytea",
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "request_caller_request_id_pk" PRIMARY KEY("caller","request_id")
);
--> statement-breakpoint
CREATE TABLE "subject" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"generation" integer NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "token" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"subject" text COLLATE "C" NOT NULL,
	"generation" integer NOT NULL,
	"organization" text COLLATE "C",
	"name" text NOT NULL,
	"description" text NOT NULL,
	"grant_rules" jsonb NOT NULL,
	"allowed_cidrs" text[] NOT NULL,
	"metadata" jsonb NOT NULL,
	"claims" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_via" text,
	"not_before" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"self_rotate" boolean NOT NULL,
	"approval" text,
	"decided_by" text,
	"decided_at" timestamp (3) with time zone,
	"decision_comment" text,
	"suspended_at" timestamp (3) with time zone,
	"suspended_by" text,
	"suspension_rank" text,
	"suspension_comment" text,
	"revoked_at" timestamp (3) with time zone,
	"revoked_by" text,
	"revocation_reason" text,
	"revision" integer NOT NULL,
	CONSTRAINT "token_kind" CHECK ("token"."kind" in ('pat', 'oat')),
	CONSTRAINT "token_times" CHECK ("token"."not_before" < "token"."expires_at"),
	CONSTRAINT "token_revocation" CHECK (num_nulls("token"."revoked_at", "token"."revoked_by", "token"."revocation_reason") in (0, 3)),
	CONSTRAINT "token_suspension" CHECK (num_nulls("token"."suspended_at", "token"."suspended_by", "token"."suspension_rank", "token"."suspension_comment") in (0, 4)),
	CONSTRAINT "token_approval" CHECK ((coalesce("token"."approval", 'pending') = 'pending') = ("token"."decided_at" is null) and num_nulls("token"."decided_at", "token"."decided_by", "token"."decision_comment") in (0, 3))
);
--> statement-breakpoint
CREATE TABLE "token_secret" (
	"id" uuid PRIMARY KEY NOT NULL,
	"token_id" uuid NOT NULL,
	"digest" "bytea" NOT NULL,
	"pepper_version" smallint NOT NULL,
	"hint" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"retires_at" timestamp (3) with time zone,
	CONSTRAINT "token_secret_digest" UNIQUE("digest"),
	CONSTRAINT "token_secret_digest_length" CHECK (octet_length("token_secret"."digest") = 32)
);
--> statement-breakpoint
CREATE TABLE "audit_checkpoint" (
	"position" bigint PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"statement" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_event" (
	"id" uuid PRIMARY KEY NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"action" text NOT NULL,
	"subject" text COLLATE "C",
	"token_id" uuid,
	"client_ip" text,
	"outcome" text NOT NULL,
	"details" jsonb NOT NULL,
	CONSTRAINT "audit_event_outcome" CHECK ("audit_event"."outcome" in ('ok', 'refused'))
);
--> statement-breakpoint
CREATE TABLE "audit_pending" (
	"event_id" uuid PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_seal" (
	"position" bigint PRIMARY KEY NOT NULL,
	"event_id" uuid NOT NULL,
	"previous_hash" "bytea" NOT NULL,
	"hash" "bytea" NOT NULL,
	CONSTRAINT "audit_seal_event" UNIQUE("event_id"),
	CONSTRAINT "audit_seal_position" CHECK ("audit_seal"."position" > 0),
	CONSTRAINT "audit_seal_lengths" CHECK (octet_length("audit_seal"."previous_hash") = 32 and octet_length("audit_seal"."hash") = 32)
);
--> statement-breakpoint
CREATE TABLE "replica_lease" (
	"replica_id" uuid PRIMARY KEY NOT NULL,
	"incarnation" uuid NOT NULL,
	"acked_epoch" bigint NOT NULL,
	"renewed_at" timestamp with time zone NOT NULL,
	"lease_ms" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "revocation_change" (
	"epoch" bigint NOT NULL,
	"kind" text NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	CONSTRAINT "revocation_change_epoch_kind_key_pk" PRIMARY KEY("epoch","kind","key")
);
--> statement-breakpoint
CREATE TABLE "revocation_epoch" (
	"one" smallint PRIMARY KEY NOT NULL,
	"epoch" bigint NOT NULL,
	"nonce" uuid NOT NULL,
	CONSTRAINT "revocation_epoch_one" CHECK ("revocation_epoch"."one" = 1)
);
--> statement-breakpoint
CREATE TABLE "last_use" (
	"id" uuid PRIMARY KEY NOT NULL,
	"used_at" timestamp (3) with time zone NOT NULL,
	"address" text
);
--> statement-breakpoint
CREATE TABLE "usage" (
	"hour" timestamp (3) with time zone NOT NULL,
	"token_id" uuid NOT NULL,
	"action" text COLLATE "C" NOT NULL,
	"reason" text NOT NULL,
	"subject" text COLLATE "C" NOT NULL,
	"organization" text COLLATE "C" NOT NULL,
	"count" bigint NOT NULL,
	"units" bigint NOT NULL,
	CONSTRAINT "usage_hour_token_id_action_reason_pk" PRIMARY KEY("hour","token_id","action","reason")
);
--> statement-breakpoint
CREATE TABLE "usage_batch" (
	"replica_id" uuid PRIMARY KEY NOT NULL,
	"sequence" bigint NOT NULL,
	"added_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usage_id" (
	"digest" "bytea" PRIMARY KEY NOT NULL,
	"billed_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "usage_watermark" (
	"one" smallint PRIMARY KEY NOT NULL,
	"open_from" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "usage_watermark_one" CHECK ("usage_watermark"."one" = 1)
);
--> statement-breakpoint
ALTER TABLE "request" ADD CONSTRAINT "request_token_id_token_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."token"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "token_secret" ADD CONSTRAINT "token_secret_token_id_token_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."token"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "request_age" ON "request" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "token_subject" ON "token" USING btree ("subject","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "token_organization" ON "token" USING btree ("organization","id" DESC NULLS LAST) WHERE "token"."organization" is not null;--> statement-breakpoint
CREATE INDEX "token_created_by" ON "token" USING btree ("created_by","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "token_secret_token" ON "token_secret" USING btree ("token_id");--> statement-breakpoint
CREATE INDEX "audit_checkpoint_at" ON "audit_checkpoint" USING btree ("at");--> statement-breakpoint
CREATE INDEX "audit_event_token" ON "audit_event" USING btree ("token_id","id" DESC NULLS LAST) WHERE "audit_event"."token_id" is not null;--> statement-breakpoint
CREATE INDEX "audit_event_subject" ON "audit_event" USING btree ("subject","id" DESC NULLS LAST) WHERE "audit_event"."subject" is not null;--> statement-breakpoint
CREATE INDEX "audit_event_actor" ON "audit_event" USING btree ("actor","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "audit_event_at" ON "audit_event" USING btree ("at","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "usage_token" ON "usage" USING btree ("token_id","hour");--> statement-breakpoint
CREATE INDEX "usage_subject" ON "usage" USING btree ("subject","hour");--> statement-breakpoint
CREATE INDEX "usage_organization" ON "usage" USING btree ("organization","hour");--> statement-breakpoint
CREATE INDEX "usage_id_billed_at" ON "usage_id" USING btree ("billed_at");