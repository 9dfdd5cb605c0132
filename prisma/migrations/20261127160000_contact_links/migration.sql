-- AlterTable
ALTER TABLE "contact_addresses" ADD COLUMN     "bound_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "contact_links" (
    "id" TEXT NOT NULL,
    "connection_id" UUID NOT NULL,
    "location_id" TEXT NOT NULL,
    "contact_id" TEXT NOT NULL,
    "used_by" TEXT,
    "used_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "contact_links_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "contact_links_expires_at_idx" ON "contact_links"("expires_at");
