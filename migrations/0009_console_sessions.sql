CREATE TABLE "console_session" (
	"id" "bytea" PRIMARY KEY NOT NULL,
	"subject" text COLLATE "C" NOT NULL,
	"issuer" text NOT NULL,
	"issuer_subject" text NOT NULL,
	"issuer_session" text,
	"admin" boolean NOT NULL,
	"display_name" text,
	"auth_time" timestamp (3) with time zone,
	"acr" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_used_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "console_session_auth_time_range" CHECK ("console_session"."auth_time" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00'),
	CONSTRAINT "console_session_created_at_range" CHECK ("console_session"."created_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00'),
	CONSTRAINT "console_session_last_used_at_range" CHECK ("console_session"."last_used_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00')
);
--> statement-breakpoint
CREATE TABLE "console_sign_in" (
	"state" "bytea" PRIMARY KEY NOT NULL,
	"used_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "console_sign_in_used_at_range" CHECK ("console_sign_in"."used_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00')
);
--> statement-breakpoint
CREATE INDEX "console_session_subject" ON "console_session" USING btree ("subject");--> statement-breakpoint
CREATE INDEX "console_session_issuer_subject" ON "console_session" USING btree ("issuer_subject");