-- Entries about a connection name its provider in a column: a rule reads it, which must not depend on the wording of a sentence.
ALTER TABLE "audit_entries" ADD COLUMN "provider_key" TEXT;

-- The sentences of existing entries are `<key>: <type>.` and `<key>.`
UPDATE "audit_entries" SET "provider_key" = CASE "action"
    WHEN 'channel_disconnected' THEN regexp_replace("details", '\.$', '') ELSE split_part("details", ': ', 1) END
  WHERE "action" IN ('channel_connected', 'channel_changed', 'channel_disconnected') AND "location_id" IS NOT NULL;

CREATE INDEX "audit_entries_action_id_idx" ON "audit_entries"("action", "id");

-- A stored outcome is an identifier.
UPDATE "app_events" SET "outcome" = 'not_ours' WHERE "outcome" = 'not ours';
