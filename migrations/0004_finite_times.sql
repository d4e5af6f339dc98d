-- No version of ours writes a row that breaks one of these, and only who wrote it can know what it should say: another
-- time in its place could let a token live, or change what the audit trail proves. So no row is changed. PostgreSQL
-- refuses the constraint and names it, and with it the table and the column; nothing of the migration remains. Set the
-- rows right (a token that never ends has no expires_at) and migrate again.
ALTER TABLE "policy" ADD CONSTRAINT "policy_updated_at_range" CHECK ("policy"."updated_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "request" ADD CONSTRAINT "request_created_at_range" CHECK ("request"."created_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "subject" ADD CONSTRAINT "subject_updated_at_range" CHECK ("subject"."updated_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_created_at_range" CHECK ("token"."created_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_not_before_range" CHECK ("token"."not_before" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_expires_at_range" CHECK ("token"."expires_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_decided_at_range" CHECK ("token"."decided_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_suspended_at_range" CHECK ("token"."suspended_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token" ADD CONSTRAINT "token_revoked_at_range" CHECK ("token"."revoked_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token_residual" ADD CONSTRAINT "token_residual_until_range" CHECK ("token_residual"."until" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token_secret" ADD CONSTRAINT "token_secret_created_at_range" CHECK ("token_secret"."created_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "token_secret" ADD CONSTRAINT "token_secret_retires_at_range" CHECK ("token_secret"."retires_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "audit_checkpoint" ADD CONSTRAINT "audit_checkpoint_position_range" CHECK ("audit_checkpoint"."position" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "audit_checkpoint" ADD CONSTRAINT "audit_checkpoint_at_range" CHECK ("audit_checkpoint"."at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "audit_event" ADD CONSTRAINT "audit_event_at_range" CHECK ("audit_event"."at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "audit_seal" ADD CONSTRAINT "audit_seal_position_range" CHECK ("audit_seal"."position" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "replica_lease" ADD CONSTRAINT "replica_lease_acked_epoch_range" CHECK ("replica_lease"."acked_epoch" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "replica_lease" ADD CONSTRAINT "replica_lease_renewal_range" CHECK ("replica_lease"."renewal" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "revocation_change" ADD CONSTRAINT "revocation_change_epoch_range" CHECK ("revocation_change"."epoch" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "revocation_epoch" ADD CONSTRAINT "revocation_epoch_epoch_range" CHECK ("revocation_epoch"."epoch" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "signing_key" ADD CONSTRAINT "signing_key_signs_from_range" CHECK ("signing_key"."signs_from" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "last_use" ADD CONSTRAINT "last_use_used_at_range" CHECK ("last_use"."used_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "usage" ADD CONSTRAINT "usage_hour_range" CHECK ("usage"."hour" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "usage_batch" ADD CONSTRAINT "usage_batch_sequence_range" CHECK ("usage_batch"."sequence" between -9007199254740991 and 9007199254740991);--> statement-breakpoint
ALTER TABLE "usage_batch" ADD CONSTRAINT "usage_batch_added_at_range" CHECK ("usage_batch"."added_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "usage_id" ADD CONSTRAINT "usage_id_billed_at_range" CHECK ("usage_id"."billed_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "usage_watermark" ADD CONSTRAINT "usage_watermark_open_from_range" CHECK ("usage_watermark"."open_from" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "leaked_token" ADD CONSTRAINT "leaked_token_reported_at_range" CHECK ("leaked_token"."reported_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "leaked_token" ADD CONSTRAINT "leaked_token_next_attempt_at_range" CHECK ("leaked_token"."next_attempt_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');--> statement-breakpoint
ALTER TABLE "leaked_token" ADD CONSTRAINT "leaked_token_notified_at_range" CHECK ("leaked_token"."notified_at" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999+00');