-- AlterEnum
ALTER TYPE "alert_kind" ADD VALUE 'webhook_disabled';

-- CreateTable
CREATE TABLE "webhook_endpoints" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "description" TEXT,
    "event_types" TEXT[],
    "secret" TEXT NOT NULL,
    "previous_secret" TEXT,
    "previous_secret_until" TIMESTAMPTZ(3),
    "failing_since" TIMESTAMPTZ(3),
    "failure_count" INTEGER NOT NULL DEFAULT 0,
    "last_success_at" TIMESTAMPTZ(3),
    "disabled_at" TIMESTAMPTZ(3),
    "disabled_reason" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "webhook_endpoints_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_events" (
    "id" UUID NOT NULL,
    "endpoint_id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "message_id" UUID,
    "connection_id" UUID,
    "address" TEXT,
    "facts" JSONB NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "attempt_count" INTEGER NOT NULL DEFAULT 0,
    "outcome" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_attempts" (
    "id" UUID NOT NULL,
    "event_id" UUID NOT NULL,
    "endpoint_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "duration_ms" INTEGER NOT NULL,
    "status" INTEGER,
    "error" TEXT,
    "response" TEXT,

    CONSTRAINT "webhook_attempts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "webhook_endpoints_location_id_idx" ON "webhook_endpoints"("location_id");

-- CreateIndex
CREATE INDEX "webhook_events_endpoint_id_created_at_idx" ON "webhook_events"("endpoint_id", "created_at");

-- CreateIndex
CREATE INDEX "webhook_events_ended_at_idx" ON "webhook_events"("ended_at");

-- CreateIndex
CREATE INDEX "webhook_attempts_endpoint_id_id_idx" ON "webhook_attempts"("endpoint_id", "id" DESC);

CREATE INDEX "webhook_events_open" ON "webhook_events" ("endpoint_id", "due_at") WHERE "due_at" IS NOT NULL;
-- CreateIndex
CREATE INDEX "webhook_attempts_event_id_idx" ON "webhook_attempts"("event_id");

-- CreateIndex
CREATE INDEX "webhook_events_location_id_address_idx" ON "webhook_events"("location_id", "address");

-- CreateIndex
CREATE INDEX "webhook_events_message_id_idx" ON "webhook_events"("message_id");
