-- exclusive: older workers would send over any of several connections, and older processes connect by the index that is dropped
-- DropIndex
DROP INDEX "connections_location_id_provider_key_key";

-- AlterTable
ALTER TABLE "connections" ADD COLUMN     "has_own_group" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "is_default" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN     "name" TEXT,
ADD COLUMN     "paused_at" TIMESTAMPTZ(3),
ADD COLUMN     "position" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "route" JSONB,
ADD COLUMN     "sender" TEXT,
ADD COLUMN     "sender_slot_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "sender_settings" (
    "connection_id" UUID NOT NULL,
    "address" TEXT NOT NULL,
    "rate_per_second" DOUBLE PRECISION,
    "daily_cap" INTEGER,
    "sending_window" JSONB,
    "paused_at" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sender_settings_pkey" PRIMARY KEY ("connection_id","address")
);

-- CreateTable
CREATE TABLE "routing_policies" (
    "location_id" TEXT NOT NULL,
    "provider_key" TEXT NOT NULL,
    "policy" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "routing_policies_pkey" PRIMARY KEY ("location_id","provider_key")
);

-- CreateTable
CREATE TABLE "contact_facts" (
    "location_id" TEXT NOT NULL,
    "contact_id" TEXT NOT NULL,
    "tags" TEXT[],
    "assigned_to" TEXT,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "contact_facts_pkey" PRIMARY KEY ("location_id","contact_id")
);

-- CreateIndex
CREATE INDEX "contact_facts_location_id_seen_at_idx" ON "contact_facts"("location_id", "seen_at");

-- CreateIndex
CREATE INDEX "connections_location_id_provider_key_idx" ON "connections"("location_id", "provider_key");

-- Older rows are the default connections.
CREATE UNIQUE INDEX "connections_default" ON "connections"("location_id", "provider_key") WHERE "is_default";
