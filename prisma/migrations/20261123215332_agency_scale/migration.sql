-- AlterEnum
ALTER TYPE "installation_status" ADD VALUE 'pending';

-- AlterTable
ALTER TABLE "app_events" ADD COLUMN     "due_at" TIMESTAMPTZ(3),
ADD COLUMN     "outcome" TEXT;

-- AlterTable
ALTER TABLE "connections" ADD COLUMN     "dormant_since" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "installations" ADD COLUMN     "described_at" TIMESTAMPTZ(3),
ADD COLUMN     "due_at" TIMESTAMPTZ(3),
ADD COLUMN     "gone_at" TIMESTAMPTZ(3),
ADD COLUMN     "leave_reason" TEXT,
ADD COLUMN     "next_sync_at" TIMESTAMPTZ(3),
ADD COLUMN     "present_at" TIMESTAMPTZ(3),
ADD COLUMN     "slot_at" TIMESTAMPTZ(3),
ADD COLUMN     "sync_begun_at" TIMESTAMPTZ(3),
ADD COLUMN     "sync_skip" INTEGER,
ADD COLUMN     "synced_at" TIMESTAMPTZ(3),
ADD COLUMN     "token_set" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "tries" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "white_label_domains" TEXT[],
ALTER COLUMN "installed_at" DROP NOT NULL;

-- CreateTable
CREATE TABLE "audit_entries" (
    "id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "company_id" TEXT,
    "location_id" TEXT,
    "details" TEXT,

    CONSTRAINT "audit_entries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "seen_contexts" (
    "id" TEXT NOT NULL,
    "origin" TEXT NOT NULL,
    "first_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "elsewhere" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "seen_contexts_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "audit_entries_location_id_id_idx" ON "audit_entries"("location_id", "id" DESC);

-- CreateIndex
CREATE INDEX "audit_entries_company_id_id_idx" ON "audit_entries"("company_id", "id" DESC);

-- CreateIndex
CREATE INDEX "seen_contexts_last_seen_at_idx" ON "seen_contexts"("last_seen_at");

-- CreateIndex
CREATE INDEX "app_events_due_at_idx" ON "app_events"("due_at");

-- CreateIndex
CREATE INDEX "installations_due_at_idx" ON "installations"("due_at");

-- What was installed and recorded before is looked at once by the reconciler.
UPDATE "installations" SET "present_at" = "installed_at", "due_at" = "updated_at";
UPDATE "app_events" SET "due_at" = "received_at";
