-- DropIndex
DROP INDEX "media_message_id_idx";

-- AlterTable
ALTER TABLE "media" DROP COLUMN "source_url",
ADD COLUMN     "name" TEXT,
ADD COLUMN     "position" INTEGER NOT NULL,
ADD COLUMN     "problem" TEXT,
ADD COLUMN     "uploaded_url" TEXT,
ALTER COLUMN "secret_hash" DROP NOT NULL,
ALTER COLUMN "content_type" DROP NOT NULL,
ALTER COLUMN "bytes" DROP NOT NULL;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "reported_recipients" JSONB;

-- AlterTable
ALTER TABLE "receipts" ADD COLUMN     "recipient" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "media_message_id_position_key" ON "media"("message_id", "position");
