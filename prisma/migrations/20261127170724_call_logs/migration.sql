-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "call_status" TEXT,
ADD COLUMN     "recordings_added_at" TIMESTAMPTZ(3);
