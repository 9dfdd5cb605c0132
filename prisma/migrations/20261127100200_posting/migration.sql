-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "passed_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "inbound_types" (
    "provider_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "learned_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "inbound_types_pkey" PRIMARY KEY ("provider_id")
);
