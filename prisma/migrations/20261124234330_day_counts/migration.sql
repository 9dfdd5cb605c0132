-- CreateTable
CREATE TABLE "day_counts" (
    "location_id" TEXT NOT NULL,
    "day" DATE NOT NULL,
    "zone" TEXT NOT NULL,
    "pending" INTEGER NOT NULL,
    "unknown" INTEGER NOT NULL,
    "delivered" INTEGER NOT NULL,
    "read" INTEGER NOT NULL,
    "failed" INTEGER NOT NULL,
    "posted" INTEGER NOT NULL,
    "post_pending" INTEGER NOT NULL,
    "post_failed" INTEGER NOT NULL,
    "last_sent_at" TIMESTAMPTZ(3),
    "last_received_at" TIMESTAMPTZ(3),
    "reasons" JSONB NOT NULL,
    "times" JSONB NOT NULL,
    "counted_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "day_counts_pkey" PRIMARY KEY ("location_id","day")
);

-- CreateIndex
CREATE INDEX "day_counts_day_idx" ON "day_counts"("day");
