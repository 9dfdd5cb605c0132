-- AlterTable
ALTER TABLE "external_ids" ALTER COLUMN "part" DROP NOT NULL,
ALTER COLUMN "part" DROP DEFAULT;

-- CreateTable
CREATE TABLE "quiet_periods" (
    "message_id" UUID NOT NULL,
    "recipient" TEXT NOT NULL,
    "connection_id" UUID NOT NULL,
    "period_ms" INTEGER NOT NULL,
    "ends_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "quiet_periods_pkey" PRIMARY KEY ("message_id","recipient")
);

-- CreateIndex
CREATE INDEX "quiet_periods_due_at_idx" ON "quiet_periods"("due_at");

-- AddForeignKey
ALTER TABLE "quiet_periods" ADD CONSTRAINT "quiet_periods_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;
