-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "resent_at" TIMESTAMPTZ(3),
ADD COLUMN     "sending_since" TIMESTAMPTZ(3);
