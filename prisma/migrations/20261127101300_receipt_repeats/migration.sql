-- AlterTable
ALTER TABLE "receipts" ADD COLUMN     "repeats" INTEGER NOT NULL DEFAULT 0;
