-- compatible since 20261127213000_database_identity
-- locks messages: before 0.4.0 no process of an older version runs beside this one. Writes wait while the index is built: 14 s with 20 million
-- messages. It holds dead letters only.

-- The newest dead letters of all locations, for the operator. The condition is that of messages_dead_letters, written in another way, so that
-- the planner takes the index of a location for one location's.
CREATE INDEX "messages_all_dead_letters" ON "messages" ("id")
  WHERE CASE WHEN "held_for_review_at" IS NULL THEN "state" = 'failed' ELSE true END;
