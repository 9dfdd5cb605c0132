-- Columns without a default: no row is rewritten.
ALTER TABLE "messages" ADD COLUMN "content_erased_at" TIMESTAMPTZ(3), ADD COLUMN "erasure_id" UUID;

CREATE TABLE "retention_policies" (
    "location_id" TEXT NOT NULL,
    "message_days" INTEGER,
    "content_days" INTEGER,
    "erases_deleted_contacts" BOOLEAN NOT NULL DEFAULT false,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "retention_policies_pkey" PRIMARY KEY ("location_id")
);

CREATE TABLE "retention_progress" (
    "location_id" TEXT NOT NULL,
    "delivered_until" UUID NOT NULL,
    "all_until" UUID NOT NULL,

    CONSTRAINT "retention_progress_pkey" PRIMARY KEY ("location_id")
);

CREATE TABLE "erasures" (
    "id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "contact_id" TEXT,
    "subject" TEXT NOT NULL,
    "addresses" TEXT[],
    "requested_by" TEXT NOT NULL,
    "requested_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3),
    "cursor" UUID,
    "message_count" INTEGER NOT NULL DEFAULT 0,
    "content_erased_at" TIMESTAMPTZ(3),
    "ended_at" TIMESTAMPTZ(3),

    CONSTRAINT "erasures_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "erasures_due_at_idx" ON "erasures"("due_at");
CREATE INDEX "erasures_location_id_id_idx" ON "erasures"("location_id", "id" DESC);
