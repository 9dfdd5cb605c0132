-- AlterEnum
ALTER TYPE "alert_kind" ADD VALUE 'permission_missing';

-- AlterTable
ALTER TABLE "installations" ADD COLUMN     "refresh_tried_at" TIMESTAMPTZ(3),
ADD COLUMN     "tokens_since" TIMESTAMPTZ(3),
ADD COLUMN     "install_code_hash" TEXT;

-- CreateTable
CREATE TABLE "permission_problems" (
    "kind" "installation_kind" NOT NULL,
    "resource_id" TEXT NOT NULL,
    "permission" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "since" TIMESTAMPTZ(3) NOT NULL,
    "probe_at" TIMESTAMPTZ(3) NOT NULL,
    "probes" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "permission_problems_pkey" PRIMARY KEY ("kind","resource_id","permission")
);

-- CreateIndex
CREATE UNIQUE INDEX "installations_install_code_hash_key" ON "installations"("install_code_hash");
