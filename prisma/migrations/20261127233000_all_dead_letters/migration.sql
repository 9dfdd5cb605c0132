-- compatible since 20261127213000_database_identity
-- locks messages: before 0.4.0 no process of an older version runs beside this one. Writes wait while the index is built, which took half a
-- minute a million messages on a busy machine at most; it holds dead letters only.

-- The newest dead letters of all locations, for the operator.
CREATE INDEX "messages_all_dead_letters" ON "messages" ("id") WHERE "state" = 'failed' OR "held_for_review_at" IS NOT NULL;
