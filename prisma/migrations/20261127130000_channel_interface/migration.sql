-- exclusive: older processes would not find messages by external_ids
-- CreateEnum
CREATE TYPE "connection_status" AS ENUM ('active', 'held', 'pairing');

-- CreateEnum
CREATE TYPE "opt_out_category" AS ENUM ('all', 'marketing');

-- AlterEnum
ALTER TYPE "alert_kind" ADD VALUE 'channel_held';

-- AlterEnum
ALTER TYPE "attempt_outcome" ADD VALUE 'connection_error';

-- DropIndex
DROP INDEX "messages_connection_id_external_id_idx";

-- AlterTable
ALTER TABLE "connections" ADD COLUMN     "account" TEXT,
ADD COLUMN     "check_due_at" TIMESTAMPTZ(3),
ADD COLUMN     "check_failure_count" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "session_lease_until" TIMESTAMPTZ(3),
ADD COLUMN     "session_owner_id" UUID,
ADD COLUMN     "setup_due_at" TIMESTAMPTZ(3),
ADD COLUMN     "state" TEXT,
ADD COLUMN     "status" "connection_status" NOT NULL DEFAULT 'active',
ADD COLUMN     "status_changed_at" TIMESTAMPTZ(3),
ADD COLUMN     "status_code" TEXT,
ADD COLUMN     "status_reason" TEXT,
ADD COLUMN     "webhooks_details" TEXT,
ADD COLUMN     "webhooks_status" TEXT;

-- AlterTable
ALTER TABLE "rate_limits" ADD COLUMN     "owner_worker_id" UUID;

-- AlterTable
ALTER TABLE "receipts" ADD COLUMN     "part" SMALLINT,
ADD COLUMN     "part_count" SMALLINT;

-- CreateTable
CREATE TABLE "external_ids" (
    "connection_id" UUID NOT NULL,
    "external_id" TEXT NOT NULL,
    "message_id" UUID NOT NULL,
    "part" SMALLINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "external_ids_pkey" PRIMARY KEY ("message_id","external_id")
);

-- CreateTable
CREATE TABLE "vendor_addresses" (
    "connection_id" UUID NOT NULL,
    "address" TEXT NOT NULL,
    "vendor_address" TEXT NOT NULL,
    "vendor_user_id" TEXT,
    "last_inbound_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "vendor_addresses_pkey" PRIMARY KEY ("connection_id","address")
);

-- CreateTable
CREATE TABLE "opt_outs" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "category" "opt_out_category" NOT NULL DEFAULT 'all',
    "source" TEXT NOT NULL,
    "reason" TEXT,
    "connection_id" UUID,
    "message_type" "message_type" NOT NULL DEFAULT 'sms',
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "lifted_at" TIMESTAMPTZ(3),
    "lifted_by" TEXT,
    "lift_reason" TEXT,
    "mirror_due_at" TIMESTAMPTZ(3),
    "mirror_error_count" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "opt_outs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "external_ids_connection_id_external_id_idx" ON "external_ids"("connection_id", "external_id");

-- CreateIndex
CREATE INDEX "vendor_addresses_connection_id_vendor_user_id_idx" ON "vendor_addresses"("connection_id", "vendor_user_id");

-- CreateIndex
CREATE INDEX "opt_outs_location_id_id_idx" ON "opt_outs"("location_id", "id" DESC);

-- CreateIndex
CREATE INDEX "opt_outs_mirror_due_at_idx" ON "opt_outs"("mirror_due_at");

-- CreateIndex
CREATE INDEX "connections_check_due_at_idx" ON "connections"("check_due_at");

-- CreateIndex
CREATE INDEX "connections_setup_due_at_idx" ON "connections"("setup_due_at");

-- CreateIndex
CREATE INDEX "contact_addresses_location_id_contact_id_idx" ON "contact_addresses"("location_id", "contact_id");

-- AddForeignKey
ALTER TABLE "external_ids" ADD CONSTRAINT "external_ids_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Receipts found outbound messages by this column until now.
INSERT INTO "external_ids" ("connection_id", "external_id", "message_id", "created_at")
SELECT "connection_id", "external_id", "id", "updated_at" FROM "messages"
WHERE "direction" = 'outbound' AND "connection_id" IS NOT NULL AND "external_id" IS NOT NULL;

CREATE UNIQUE INDEX "opt_outs_open" ON "opt_outs" ("location_id", "address", "category") WHERE "lifted_at" IS NULL;
