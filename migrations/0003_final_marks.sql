ALTER TABLE "token" ADD COLUMN "expired" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "token_secret" ADD COLUMN "ended" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "replica_lease" ADD COLUMN "renewal" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "replica_lease" DROP COLUMN "renewed_at";--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_expired" CHECK (not "token"."expired" or "token"."expires_at" is not null);--> statement-breakpoint
ALTER TABLE "token_secret" ADD CONSTRAINT "token_secret_ended" CHECK (not "token_secret"."ended" or "token_secret"."retires_at" is not null);