-- AlterTable
ALTER TABLE "opt_outs" ADD COLUMN     "added_by" TEXT,
ADD COLUMN     "reconciled_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "dnd_reconciles" (
    "location_id" TEXT NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "step" SMALLINT NOT NULL DEFAULT 0,
    "cursor" TEXT,
    "error_count" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "dnd_reconciles_pkey" PRIMARY KEY ("location_id")
);

-- CreateIndex
CREATE INDEX "dnd_reconciles_due_at_idx" ON "dnd_reconciles"("due_at");
