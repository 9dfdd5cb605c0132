-- AlterTable
ALTER TABLE "connections" ADD COLUMN     "previous_config" TEXT,
ADD COLUMN     "previous_until" TIMESTAMPTZ(3);
