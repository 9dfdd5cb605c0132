-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "resent_at" TIMESTAMPTZ(3);
