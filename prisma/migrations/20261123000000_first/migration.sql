-- CreateEnum
CREATE TYPE "installation_kind" AS ENUM ('company', 'location');

-- CreateEnum
CREATE TYPE "installation_status" AS ENUM ('active', 'suspended', 'reauth_required', 'uninstalled');

-- CreateEnum
CREATE TYPE "direction" AS ENUM ('outbound', 'inbound');

-- CreateEnum
CREATE TYPE "message_state" AS ENUM ('pending', 'delivered', 'read', 'failed');

-- CreateEnum
CREATE TYPE "message_medium" AS ENUM ('sms', 'email');

-- CreateEnum
CREATE TYPE "attempt_outcome" AS ENUM ('accepted', 'delivered', 'refused', 'busy', 'unknown');

-- CreateTable
CREATE TABLE "installations" (
    "kind" "installation_kind" NOT NULL,
    "resource_id" TEXT NOT NULL,
    "company_id" TEXT,
    "name" TEXT,
    "timezone" TEXT,
    "status" "installation_status" NOT NULL DEFAULT 'active',
    "status_reason" TEXT,
    "user_id" TEXT,
    "is_bulk" BOOLEAN NOT NULL DEFAULT false,
    "to_future_locations" BOOLEAN NOT NULL DEFAULT false,
    "scopes" TEXT[],
    "access_token" TEXT,
    "refresh_token" TEXT,
    "access_expires_at" TIMESTAMPTZ(3),
    "refresh_lease" UUID,
    "refresh_lease_until" TIMESTAMPTZ(3),
    "installed_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "installations_pkey" PRIMARY KEY ("kind","resource_id")
);

-- CreateTable
CREATE TABLE "app_events" (
    "id" TEXT NOT NULL,
    "type" TEXT,
    "app_id" TEXT,
    "company_id" TEXT,
    "location_id" TEXT,
    "occurred_at" TIMESTAMPTZ(3),
    "raw" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "app_events_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "connections" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "provider_key" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "config" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "connections_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "messages" (
    "id" UUID NOT NULL,
    "direction" "direction" NOT NULL,
    "location_id" TEXT NOT NULL,
    "provider_key" TEXT NOT NULL,
    "connection_id" UUID,
    "is_test" BOOLEAN NOT NULL DEFAULT false,
    "highlevel_message_id" TEXT,
    "external_id" TEXT,
    "contact_id" TEXT,
    "conversation_id" TEXT,
    "user_id" TEXT,
    "medium" "message_medium" NOT NULL,
    "from" TEXT,
    "to" TEXT,
    "name" TEXT,
    "text" TEXT,
    "html" TEXT,
    "subject" TEXT,
    "attachments" TEXT[],
    "email_message_id" TEXT,
    "reply_to_external_id" TEXT,
    "inbound_key" TEXT,
    "sent_elsewhere" BOOLEAN NOT NULL DEFAULT false,
    "state" "message_state" NOT NULL DEFAULT 'pending',
    "reason_code" TEXT,
    "reason" TEXT,
    "unknown_since" TIMESTAMPTZ(3),
    "next_attempt_at" TIMESTAMPTZ(3),
    "retry_count" INTEGER NOT NULL DEFAULT 0,
    "reported_state" "message_state",
    "slot_at" TIMESTAMPTZ(3),
    "report_tries" INTEGER NOT NULL DEFAULT 0,
    "posting_since" TIMESTAMPTZ(3),
    "raw" TEXT NOT NULL,
    "occurred_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "messages_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "attempts" (
    "id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "connection_id" UUID NOT NULL,
    "begun_at" TIMESTAMPTZ(3) NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "outcome" "attempt_outcome",
    "code" TEXT,
    "reason" TEXT,
    "answer" TEXT,

    CONSTRAINT "attempts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "receipts" (
    "id" UUID NOT NULL,
    "connection_id" UUID NOT NULL,
    "message_id" UUID,
    "external_id" TEXT,
    "state" "message_state" NOT NULL,
    "code" TEXT,
    "reason" TEXT,
    "occurred_at" TIMESTAMPTZ(3),
    "received_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "receipts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "reports" (
    "id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "state" "message_state",
    "tried_at" TIMESTAMPTZ(3) NOT NULL,
    "accepted" BOOLEAN NOT NULL,
    "http_status" INTEGER,
    "trace_id" TEXT,
    "answer" TEXT,

    CONSTRAINT "reports_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "paces" (
    "key" TEXT NOT NULL,
    "busy_until" TIMESTAMPTZ(3) NOT NULL,
    "blocked_until" TIMESTAMPTZ(3),

    CONSTRAINT "paces_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id" TEXT NOT NULL,
    "sid" TEXT NOT NULL,
    "data" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "installations_company_id_idx" ON "installations"("company_id");

-- CreateIndex
CREATE INDEX "app_events_received_at_idx" ON "app_events"("received_at");

-- CreateIndex
CREATE UNIQUE INDEX "connections_location_id_provider_key_key" ON "connections"("location_id", "provider_key");

-- CreateIndex
CREATE UNIQUE INDEX "messages_inbound_key_key" ON "messages"("inbound_key");

-- CreateIndex
CREATE INDEX "messages_location_id_id_idx" ON "messages"("location_id", "id" DESC);

-- CreateIndex
CREATE INDEX "messages_location_id_contact_id_idx" ON "messages"("location_id", "contact_id");

-- CreateIndex
CREATE INDEX "messages_connection_id_external_id_idx" ON "messages"("connection_id", "external_id");

-- CreateIndex
CREATE UNIQUE INDEX "messages_location_id_highlevel_message_id_key" ON "messages"("location_id", "highlevel_message_id");

-- CreateIndex
CREATE INDEX "attempts_message_id_begun_at_idx" ON "attempts"("message_id", "begun_at");

-- CreateIndex
CREATE INDEX "attempts_connection_id_ended_at_idx" ON "attempts"("connection_id", "ended_at");

-- CreateIndex
CREATE INDEX "receipts_connection_id_external_id_idx" ON "receipts"("connection_id", "external_id");

-- CreateIndex
CREATE INDEX "receipts_message_id_idx" ON "receipts"("message_id");

-- CreateIndex
CREATE INDEX "reports_message_id_tried_at_idx" ON "reports"("message_id", "tried_at");

-- CreateIndex
CREATE UNIQUE INDEX "sessions_sid_key" ON "sessions"("sid");

-- AddForeignKey
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "receipts" ADD CONSTRAINT "receipts_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reports" ADD CONSTRAINT "reports_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;
