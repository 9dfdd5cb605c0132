-- AlterTable
ALTER TABLE "media" ADD COLUMN     "location_id" TEXT NOT NULL DEFAULT '';

UPDATE "media" SET "location_id" = "messages"."location_id" FROM "messages" WHERE "messages"."id" = "media"."message_id";

-- CreateIndex
CREATE INDEX "media_location_id_bytes_idx" ON "media"("location_id", "bytes");
