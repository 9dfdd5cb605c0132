-- CreateEnum
CREATE TYPE "workflow_send_state" AS ENUM ('reserved', 'posting', 'posted', 'refused', 'unconfirmed');

-- CreateTable
CREATE TABLE "trigger_subscriptions" (
    "location_id" TEXT NOT NULL,
    "trigger_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "workflow_id" TEXT,
    "execute_id" TEXT NOT NULL,
    "filters" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "trigger_subscriptions_pkey" PRIMARY KEY ("location_id","trigger_id")
);

-- CreateTable
CREATE TABLE "trigger_events" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "trigger_id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "message_id" UUID,
    "connection_id" UUID,
    "address" TEXT,
    "facts" JSONB NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "error_count" INTEGER NOT NULL DEFAULT 0,
    "started_at" TIMESTAMPTZ(3),
    "outcome" TEXT,
    "details" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "trigger_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "workflow_sends" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "request_key" TEXT NOT NULL,
    "contact_id" TEXT NOT NULL,
    "workflow_id" TEXT,
    "provider_key" TEXT NOT NULL,
    "sender" TEXT,
    "text" TEXT,
    "subject" TEXT,
    "attachments" TEXT[],
    "state" "workflow_send_state" NOT NULL DEFAULT 'reserved',
    "reason_code" TEXT,
    "reason" TEXT,
    "highlevel_message_id" TEXT,
    "post_started_at" TIMESTAMPTZ(3),
    "look_up_count" INTEGER NOT NULL DEFAULT 0,
    "error_count" INTEGER NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "workflow_sends_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "workflow_pauses" (
    "id" UUID NOT NULL,
    "send_id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "contact_id" TEXT NOT NULL,
    "status_id" TEXT NOT NULL,
    "step_id" TEXT NOT NULL,
    "wait_for" TEXT NOT NULL,
    "extras" TEXT NOT NULL,
    "timeout_at" TIMESTAMPTZ(3) NOT NULL,
    "outcome" TEXT,
    "result" JSONB,
    "error_count" INTEGER NOT NULL DEFAULT 0,
    "due_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "resumed_at" TIMESTAMPTZ(3),

    CONSTRAINT "workflow_pauses_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "trigger_events_due_at_idx" ON "trigger_events"("due_at");

-- CreateIndex
CREATE INDEX "trigger_events_location_id_trigger_id_idx" ON "trigger_events"("location_id", "trigger_id");

-- CreateIndex
CREATE INDEX "trigger_events_ended_at_idx" ON "trigger_events"("ended_at");

-- CreateIndex
CREATE INDEX "workflow_sends_location_id_highlevel_message_id_idx" ON "workflow_sends"("location_id", "highlevel_message_id");

-- CreateIndex
CREATE INDEX "workflow_sends_due_at_idx" ON "workflow_sends"("due_at");

-- CreateIndex
CREATE INDEX "workflow_sends_created_at_idx" ON "workflow_sends"("created_at");

-- CreateIndex
CREATE UNIQUE INDEX "workflow_sends_location_id_request_key_key" ON "workflow_sends"("location_id", "request_key");

-- CreateIndex
CREATE INDEX "workflow_pauses_send_id_idx" ON "workflow_pauses"("send_id");

-- CreateIndex
CREATE INDEX "workflow_pauses_due_at_idx" ON "workflow_pauses"("due_at");

-- CreateIndex
CREATE UNIQUE INDEX "workflow_pauses_location_id_status_id_step_id_key" ON "workflow_pauses"("location_id", "status_id", "step_id");

-- AddForeignKey
ALTER TABLE "workflow_pauses" ADD CONSTRAINT "workflow_pauses_send_id_fkey" FOREIGN KEY ("send_id") REFERENCES "workflow_sends"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Sends that have not ended: those of a contact go out one after another, and a delivery webhook looks for them.
CREATE INDEX "workflow_sends_open" ON "workflow_sends" ("location_id", "contact_id", "id") WHERE "state" IN ('reserved', 'posting');

-- Workflows that wait for the result of a send: each change of a message of their contact looks for them.
CREATE INDEX "workflow_pauses_open" ON "workflow_pauses" ("location_id", "contact_id") WHERE "outcome" IS NULL;
