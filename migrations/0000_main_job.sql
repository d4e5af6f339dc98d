CREATE TABLE "pepper_check" (
	"version" smallint PRIMARY KEY NOT NULL,
	"check_value" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "token" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"subject" text COLLATE "C" NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"grant_rules" jsonb NOT NULL,
	"allowed_cidrs" text[] NOT NULL,
	"metadata" jsonb NOT NULL,
	"claims" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"not_before" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	"revoked_by" text,
	"revocation_reason" text,
	CONSTRAINT "token_kind" CHECK ("token"."kind" in ('pat', 'oat')),
	CONSTRAINT "token_times" CHECK ("token"."not_before" < "token"."expires_at"),
	CONSTRAINT "token_revocation" CHECK (num_nulls("token"."revoked_at", "token"."revoked_by", "token"."revocation_reason") in (0, 3))
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
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "token_secret_digest" UNIQUE("digest"),
	CONSTRAINT "token_secret_digest_length" CHECK (octet_length("token_secret"."digest") = 32)
);
--> statement-breakpoint
ALTER TABLE "token_secret" ADD CONSTRAINT "token_secret_token_id_token_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."token"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "token_subject" ON "token" USING btree ("subject","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "token_created_by" ON "token" USING btree ("created_by","id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "token_secret_token" ON "token_secret" USING btree ("token_id");