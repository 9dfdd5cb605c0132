-- AlterTable
ALTER TABLE "workers" ADD COLUMN     "silent_ms" INTEGER NOT NULL DEFAULT 0;
