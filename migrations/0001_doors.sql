CREATE TABLE "token_residual" (
	"token_id" uuid PRIMARY KEY NOT NULL,
	"until" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signing_key" (
	"kid" text PRIMARY KEY NOT NULL,
	"algorithm" text NOT NULL,
	"sealed_key" "bytea" NOT NULL,
	"signs_from" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "leaked_token" (
	"token_id" uuid PRIMARY KEY NOT NULL,
	"reporter" text NOT NULL,
	"source" text NOT NULL,
	"url" text NOT NULL,
	"hint" text NOT NULL,
	"reported_at" timestamp (3) with time zone NOT NULL,
	"attempts" integer NOT NULL,
	"next_attempt_at" timestamp (3) with time zone NOT NULL,
	"notified_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "token_residual" ADD CONSTRAINT "token_residual_token_id_token_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."token"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "leaked_token" ADD CONSTRAINT "leaked_token_token_id_token_id_fk" FOREIGN KEY ("token_id") REFERENCES "public"."token"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "leaked_token_waiting" ON "leaked_token" USING btree ("next_attempt_at") WHERE "leaked_token"."notified_at" is null;