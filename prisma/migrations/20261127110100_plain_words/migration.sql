-- Stored codes get the words that the program uses from now on.
-- exclusive: processes of 0.3 would not find what they look for by the former words.
UPDATE "periodic_tasks" SET "name" = CASE "name" WHEN 'active_days' THEN 'daily_activity' ELSE 'daily_stats' END
  WHERE "name" IN ('active_days', 'day_counts');
-- An alert of a queue is about the queue: its subject is the queue's name.
UPDATE "alerts" SET "subject" = 'highlevel' WHERE "kind" = 'queue_latency' AND "subject" = 'tell';
UPDATE "alerts" SET "dedup_key" = "kind"::text || '/' || "subject"
  WHERE "dedup_key" IS NOT NULL AND "kind" IN ('quota_low', 'queue_latency', 'signatures_invalid', 'auth_failures');
UPDATE "audit_entries" SET "action" = CASE "action"
    WHEN 'disconnect_asked' THEN 'disconnect_requested' WHEN 'redrive_begun' THEN 'redrive_started' ELSE 'reactivated' END
  WHERE "action" IN ('disconnect_asked', 'redrive_begun', 'active_again');

-- Reasons stand with messages and attempts, in the filters of redrives and in what is counted of each day.
CREATE TEMPORARY TABLE "renamed_reasons" ("former" TEXT NOT NULL, "code" TEXT NOT NULL);
INSERT INTO "renamed_reasons" VALUES
  ('answer_in_hand', 'inbound_in_progress'),
  ('address_unknown', 'address_lookup_failed'),
  ('unreadable_answer', 'unstorable_response'),
  ('not_known_to_highlevel', 'unknown_to_highlevel'),
  ('nothing_to_send', 'empty_message'),
  ('media_unsupported', 'attachments_unsupported'),
  ('highlevel_stored_nothing', 'highlevel_no_message_id'),
  ('target_forbidden', 'private_address'),
  ('media_unreachable', 'attachment_unreachable'),
  ('media_store_unavailable', 'attachment_store_unavailable');
UPDATE "messages" SET "reason_code" = r."code" FROM "renamed_reasons" AS r WHERE "messages"."reason_code" = r."former";
UPDATE "attempts" SET "code" = r."code" FROM "renamed_reasons" AS r WHERE "attempts"."code" = r."former";
UPDATE "redrives" SET "filter" = jsonb_set("filter", '{reason}', to_jsonb(r."code"))
  FROM "renamed_reasons" AS r WHERE "redrives"."filter"->>'reason' = r."former";
UPDATE "daily_stats" SET "reasons" = (
    SELECT jsonb_agg(CASE WHEN r."code" IS NULL THEN e."reason" ELSE jsonb_set(e."reason", '{code}', to_jsonb(r."code")) END ORDER BY e."place")
    FROM jsonb_array_elements("reasons") WITH ORDINALITY AS e ("reason", "place")
    LEFT JOIN "renamed_reasons" AS r ON r."former" = e."reason"->>'code')
  WHERE EXISTS (
    SELECT FROM jsonb_array_elements("reasons") AS e ("reason") JOIN "renamed_reasons" AS r ON r."former" = e."reason"->>'code');
DROP TABLE "renamed_reasons";
