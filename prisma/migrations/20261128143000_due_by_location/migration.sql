-- compatible since 20261128110000_claim_number
-- locks trigger_events: before 0.4.0 no process of an older version runs beside this one, and the index holds only what waits.

-- What waits, by location: a location's flood must not hide what is due for others.
CREATE INDEX "trigger_events_due" ON "trigger_events" ("location_id", "due_at") WHERE "due_at" IS NOT NULL;
CREATE INDEX "workflow_sends_due" ON "workflow_sends" ("location_id", "due_at") WHERE "due_at" IS NOT NULL;
CREATE INDEX "workflow_pauses_due" ON "workflow_pauses" ("location_id", "due_at") WHERE "due_at" IS NOT NULL;
