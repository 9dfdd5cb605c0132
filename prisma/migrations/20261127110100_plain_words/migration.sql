-- Stored codes get the words that the program uses from now on.
UPDATE "alerts" SET "dedup_key" = CASE "kind"
    WHEN 'quota_low' THEN 'quota_low' WHEN 'queue_latency' THEN 'queue_latency'
    WHEN 'signatures_invalid' THEN 'signatures_invalid' ELSE 'auth_failures' END || '/' || "subject"
  WHERE "dedup_key" IS NOT NULL AND "kind" IN ('quota_low', 'queue_latency', 'signatures_invalid', 'auth_failures');
UPDATE "audit_entries" SET "action" = CASE "action"
    WHEN 'disconnect_asked' THEN 'disconnect_requested' WHEN 'redrive_begun' THEN 'redrive_started' ELSE 'reactivated' END
  WHERE "action" IN ('disconnect_asked', 'redrive_begun', 'active_again');
UPDATE "messages" SET "reason_code" = CASE "reason_code"
    WHEN 'answer_in_hand' THEN 'inbound_in_progress' WHEN 'address_unknown' THEN 'address_lookup_failed'
    WHEN 'unreadable_answer' THEN 'unstorable_response' WHEN 'not_known_to_highlevel' THEN 'unknown_to_highlevel'
    WHEN 'nothing_to_send' THEN 'empty_message' WHEN 'media_unsupported' THEN 'attachments_unsupported'
    WHEN 'highlevel_stored_nothing' THEN 'highlevel_no_message_id' WHEN 'target_forbidden' THEN 'private_address'
    WHEN 'media_unreachable' THEN 'attachment_unreachable' ELSE 'attachment_store_unavailable' END
  WHERE "reason_code" IN ('answer_in_hand', 'address_unknown', 'unreadable_answer', 'not_known_to_highlevel', 'nothing_to_send',
    'media_unsupported', 'highlevel_stored_nothing', 'target_forbidden', 'media_unreachable', 'media_store_unavailable');
