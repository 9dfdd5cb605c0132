-- AlterEnum
ALTER TYPE "alert_kind" ADD VALUE 'addresses_mixed_up';

-- CreateTable
CREATE TABLE "webhook_sightings" (
    "address" TEXT NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "last_valid_at" TIMESTAMPTZ(3),
    "last_invalid_at" TIMESTAMPTZ(3),
    "last_misplaced_at" TIMESTAMPTZ(3),
    "misplaced_content" TEXT,

    CONSTRAINT "webhook_sightings_pkey" PRIMARY KEY ("address")
);

-- CreateTable
CREATE TABLE "unknown_webhooks" (
    "id" UUID NOT NULL,
    "hash" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "body" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,
    "count" INTEGER NOT NULL DEFAULT 1,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "unknown_webhooks_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "webhook_sightings_last_misplaced_at_idx" ON "webhook_sightings"("last_misplaced_at");

-- CreateIndex
CREATE UNIQUE INDEX "unknown_webhooks_hash_key" ON "unknown_webhooks"("hash");

-- CreateIndex
CREATE INDEX "unknown_webhooks_received_at_idx" ON "unknown_webhooks"("received_at");
